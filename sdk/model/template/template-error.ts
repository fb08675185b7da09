/** What is wrong with a template, in the words of Go's text/template, since users' tools know them. */
export class TemplateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TemplateError';
  }
}

/** Every template has this name in messages, as in SwarmKit. */
const NAME = 'expansion';

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length;

export const syntaxError = (text: string, at: number, problem: string): TemplateError =>
  new TemplateError(`template: ${NAME}:${lineOf(text, at)}: ${problem}`);

/** `at` is a character offset; `shown` is the part of the template that failed. */
export function executionError(
  text: string,
  at: number,
  shown: string,
  problem: string,
): TemplateError {
  const column = Buffer.byteLength(text.slice(text.lastIndexOf('\n', at - 1) + 1, at));
  return new TemplateError(
    `template: ${NAME}:${lineOf(text, at)}:${column}: executing "${NAME}" at <${shown}>: ${problem}`,
  );
}
