import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/**
 * One line of standard input. On a terminal it is asked for and not shown: the prompt goes to standard
 * error and what is typed goes nowhere. Empty when the input ends without a line.
 */
export async function readSecret(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  const isTerminal = stdin.isTTY === true;
  if (isTerminal) stderr.write(prompt);
  const nowhere = new Writable({ write: (_bytes, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: isTerminal });
  try {
    return await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
  } finally {
    lines.close();
    if (isTerminal) stderr.write('\n');
  }
}

/** One line that is shown while it is typed. Empty where standard input is no terminal. */
export async function readAnswer(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY !== true) return '';
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return await lines.question(prompt);
  } finally {
    lines.close();
  }
}
