/** The part of Go's template language that SwarmKit's users write; the rest is refused by name. */
import { lex, type Piece, type Word } from './lexer.js';
import { syntaxError } from './template-error.js';

export interface Template {
  readonly text: string;
  readonly body: readonly Step[];
}

export type Step =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with';
      readonly pipe: Pipe;
      readonly body: readonly Step[];
      readonly otherwise: readonly Step[];
    }
  | {
      readonly kind: 'range';
      readonly pipe: Pipe;
      readonly body: readonly Step[];
      readonly otherwise: readonly Step[];
    }
  | { readonly kind: 'break' | 'continue' };

export interface Pipe {
  /** Variables it sets: one, or two in a range. */
  readonly names: readonly string[];
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A function or a value, and its arguments. */
export interface Command {
  readonly words: readonly Operand[];
  readonly at: number;
  readonly shown: string;
}

export type Operand = { readonly at: number; readonly shown: string } & (
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: string | number | bigint | boolean | undefined }
  | { readonly kind: 'path'; readonly from: 'dot' | string; readonly fields: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly fields: readonly string[] }
);

const refused = new Set(['define', 'template', 'block']);

/** `functions`: the names that may be called. */
export function parse(text: string, functions: ReadonlySet<string>): Template {
  return new Parser(text, lex(text), functions).template();
}

class Parser {
  private next = 0;
  private readonly variables: string[] = ['$'];
  private rangeDepth = 0;

  constructor(
    private readonly text: string,
    private readonly pieces: readonly Piece[],
    private readonly functions: ReadonlySet<string>,
  ) {}

  template(): Template {
    const { steps, end } = this.steps();
    if (end !== undefined) throw this.error(end.at, `unexpected {{${end.value}}}`);
    return { text: this.text, body: steps };
  }

  /** Up to `end` or `else`, whose word is returned, or the end of the template. */
  private steps(): { steps: Step[]; end?: Word; rest?: readonly Word[] } {
    const steps: Step[] = [];
    const scope = this.variables.length;
    for (;;) {
      const piece = this.pieces[this.next++];
      if (piece === undefined) return { steps };
      if (piece.kind === 'text') {
        steps.push(piece);
        continue;
      }
      const [first, ...rest] = piece.words;
      if (first === undefined) throw this.error(piece.at, 'missing value for command');
      const name = first.kind === 'identifier' ? first.value : '';
      if (name === 'end' || name === 'else') {
        this.variables.length = scope;
        return { steps, end: first, rest };
      }
      steps.push(this.step(name, first, rest, piece.words));
    }
  }

  private step(name: string, first: Word, rest: readonly Word[], all: readonly Word[]): Step {
    if (refused.has(name)) throw this.error(first.at, `{{${name}}} is not supported in expansions`);
    if (name === 'if' || name === 'with' || name === 'range')
      return this.control(name, first, rest);
    if (name === 'break' || name === 'continue') {
      if (this.rangeDepth === 0) throw this.error(first.at, `{{${name}}} outside {{range}}`);
      if (rest.length > 0) throw this.error(first.at, `unexpected words in {{${name}}}`);
      return { kind: name };
    }
    return { kind: 'print', pipe: this.pipe(all, first.at, 1) };
  }

  private control(kind: 'if' | 'with' | 'range', first: Word, rest: readonly Word[]): Step {
    if (rest.length === 0) throw this.error(first.at, `missing value for ${kind}`);
    const scope = this.variables.length;
    const pipe = this.pipe(rest, first.at, kind === 'range' ? 2 : 1);
    if (kind === 'range') this.rangeDepth += 1;
    const then = this.steps();
    let otherwise: readonly Step[] = [];
    let { end } = then;
    if (kind === 'range') this.rangeDepth -= 1;
    if (end?.value === 'else') {
      const [chained, ...words] = then.rest ?? [];
      if (chained !== undefined) {
        const next = chained.value;
        if (next !== kind || kind === 'range')
          throw this.error(chained.at, `unexpected <${next}> in else`);
        this.variables.length = scope;
        return { kind, pipe, body: then.steps, otherwise: [this.control(kind, chained, words)] };
      }
      const other = this.steps();
      otherwise = other.steps;
      end = other.end;
    }
    if (end === undefined) throw this.error(this.text.length, 'unexpected EOF');
    if (end.value !== 'end') throw this.error(end.at, 'expected end; found {{else}}');
    this.variables.length = scope;
    return { kind, pipe, body: then.steps, otherwise };
  }

  private pipe(words: readonly Word[], at: number, mostNames: number): Pipe {
    const setter = words.findIndex(({ kind, value }) => kind === 'mark' && /^:?=$/.test(value));
    const names: string[] = [];
    const declares = words[setter]?.value === ':=';
    if (setter >= 0) {
      words.slice(0, setter).forEach((word, i) => {
        const isName = i % 2 === 0 && word.kind === 'variable';
        if (isName) names.push(word.value);
        else if (i % 2 === 0 || word.value !== ',')
          throw this.error(word.at, `unexpected "${word.value}" in a list of variables`);
      });
      if (names.length === 0 || names.length > mostNames)
        throw this.error(at, 'too many declarations');
      for (const name of names)
        if (!declares && !this.variables.includes(name))
          throw this.error(at, `undefined variable "${name}"`);
    }
    const { commands, used } = this.commands(words.slice(setter + 1), at);
    const stray = words.slice(setter + 1)[used];
    if (stray !== undefined) throw this.error(stray.at, `unexpected "${stray.value}" in operand`);
    if (declares) this.variables.push(...names);
    return { names, declares, commands };
  }

  /** Commands between bars, up to a closing parenthesis or the end. */
  private commands(words: readonly Word[], at: number): { commands: Command[]; used: number } {
    const commands: Command[] = [];
    let i = 0;
    for (;;) {
      const operands: Operand[] = [];
      const begin = words[i]?.at ?? at;
      while (i < words.length && !isMark(words[i], '|') && !isMark(words[i], ')')) {
        const { operand, used } = this.operand(words.slice(i));
        operands.push(operand);
        i += used;
      }
      const [head] = operands;
      if (head === undefined)
        throw this.error(
          begin,
          commands.length > 0 ? 'missing value for command' : 'missing value',
        );
      if (commands.length > 0 && head.kind === 'constant')
        throw this.error(begin, `non executable command in pipeline stage ${commands.length + 1}`);
      if (head.kind === 'constant' && operands.length > 1)
        throw this.error(begin, `can't give argument to non-function ${head.shown}`);
      const shown = operands.map((one) => one.shown).join(' ');
      commands.push({ words: operands, at: head.at, shown });
      if (!isMark(words[i], '|')) return { commands, used: i };
      i += 1;
    }
  }

  private operand(words: readonly Word[]): { operand: Operand; used: number } {
    const [word] = words as readonly [Word, ...Word[]];
    const { at, value } = word;
    if (isMark(word, '(')) {
      const { commands, used } = this.commands(words.slice(1), at);
      if (!isMark(words[used + 1], ')')) throw this.error(at, 'unclosed left paren');
      const fields = trailing(words, used + 2);
      const pipe: Pipe = { names: [], declares: false, commands };
      const shown = `(${commands.map((one) => one.shown).join(' | ')})${fields.map((f) => `.${f}`).join('')}`;
      return { operand: { kind: 'pipe', pipe, fields, at, shown }, used: used + 2 + fields.length };
    }
    switch (word.kind) {
      case 'string':
        return {
          operand: { kind: 'constant', value, at, shown: JSON.stringify(value) },
          used: 1,
        };
      case 'number':
        return { operand: { kind: 'constant', value: numberOf(value), at, shown: value }, used: 1 };
      case 'dot':
      case 'field':
      case 'variable': {
        const own = word.kind === 'field' ? [value.slice(1)] : [];
        const more = trailing(words, 1);
        const fields = [...own, ...more];
        const from = word.kind === 'variable' ? value : 'dot';
        if (from !== 'dot' && !this.variables.includes(from))
          throw this.error(at, `undefined variable "${from}"`);
        // Go reports a chain of fields at its second one.
        const place = word.kind === 'field' && more.length > 0 ? (words[1]?.at ?? at) : at;
        const shown = `${from === 'dot' ? '' : from}${fields.map((f) => `.${f}`).join('')}` || '.';
        return { operand: { kind: 'path', from, fields, at: place, shown }, used: 1 + more.length };
      }
      case 'identifier':
        if (value in constants)
          return {
            operand: { kind: 'constant', value: constants[value], at, shown: value },
            used: 1,
          };
        if (!this.functions.has(value)) throw this.error(at, `function "${value}" not defined`);
        return { operand: { kind: 'function', name: value, at, shown: value }, used: 1 };
      default:
        throw this.error(at, `unexpected "${value}" in operand`);
    }
  }

  private error(at: number, problem: string): Error {
    return syntaxError(this.text, at, problem);
  }
}

const constants: Readonly<Record<string, boolean | undefined>> = {
  true: true,
  false: false,
  nil: undefined,
};

const isMark = (word: Word | undefined, value: string): boolean =>
  word?.kind === 'mark' && word.value === value;

/** Fields that hang on what stands before them, without a space. */
function trailing(words: readonly Word[], from: number): readonly string[] {
  const fields: string[] = [];
  for (let i = from; words[i]?.kind === 'field' && words[i]?.spaced === false; i++)
    fields.push((words[i] as Word).value.slice(1));
  return fields;
}

const numberOf = (text: string): number | bigint =>
  /^[+-]?\d+$/.test(text) || /^[+-]?0x/i.test(text) ? wholeNumber(text) : Number(text);

function wholeNumber(text: string): bigint {
  const negative = text.startsWith('-');
  const size = BigInt(text.replace(/^[+-]/, ''));
  return negative ? -size : size;
}
