/** Cuts a template into text and actions, and actions into words. */
import { syntaxError } from './template-error.js';

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly words: readonly Word[]; readonly at: number };

export interface Word {
  readonly kind:
    | 'identifier'
    | 'field' // `.Name`, with the dot
    | 'dot'
    | 'variable' // `$`, `$name`
    | 'string' // value, unquoted
    | 'number'
    | 'mark'; // | ( ) , := =
  readonly value: string;
  readonly at: number;
  /** White space stood before it. */
  readonly spaced: boolean;
}

export function lex(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf('{{', at);
    let literal = text.slice(at, open < 0 ? text.length : open);
    if (trimNext) literal = literal.replace(/^[ \t\r\n]+/, '');
    const trimsLeft = open >= 0 && /^-[ \t\r\n]/.test(text.slice(open + 2, open + 4));
    if (trimsLeft) literal = literal.replace(/[ \t\r\n]+$/, '');
    if (literal !== '') pieces.push({ kind: 'text', text: literal });
    if (open < 0) return pieces;
    const begin = open + 2 + (trimsLeft ? 2 : 0);
    const comment = /^\/\*[\s\S]*?\*\/(\s-)?\}\}/.exec(text.slice(begin));
    if (comment !== null) {
      trimNext = comment[1] !== undefined;
      at = begin + comment[0].length;
      continue;
    }
    if (text.startsWith('/*', begin)) throw syntaxError(text, begin, 'unclosed comment');
    const { words, end, trimsRight } = wordsFrom(text, begin);
    pieces.push({ kind: 'action', words, at: begin });
    trimNext = trimsRight;
    at = end;
  }
}

const patterns: readonly (readonly [Word['kind'], RegExp])[] = [
  ['field', /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y],
  ['dot', /\./y],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['identifier', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['mark', /:=|[|(),=]/y],
];

function wordsFrom(
  text: string,
  from: number,
): { readonly words: readonly Word[]; readonly end: number; readonly trimsRight: boolean } {
  const words: Word[] = [];
  let at = from;
  for (;;) {
    const space = /[ \t\r\n]*/y;
    space.lastIndex = at;
    const spaced = (space.exec(text)?.[0] ?? '').length > 0;
    at = space.lastIndex;
    if (spaced && text.startsWith('-}}', at)) return { words, end: at + 3, trimsRight: true };
    if (text.startsWith('}}', at)) return { words, end: at + 2, trimsRight: false };
    if (at >= text.length) throw syntaxError(text, from, 'unclosed action');
    const word = quoted(text, at) ?? plain(text, at);
    words.push({ ...word, at, spaced });
    at = word.end;
  }
}

function plain(text: string, at: number) {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) return { kind, value: found[0], end: pattern.lastIndex };
  }
  throw syntaxError(text, at, `unexpected ${JSON.stringify(text[at])} in command`);
}

function quoted(text: string, at: number) {
  const quote = text[at];
  if (quote === '`') {
    const end = text.indexOf('`', at + 1);
    if (end < 0) throw syntaxError(text, at, 'unterminated raw quoted string');
    return { kind: 'string' as const, value: text.slice(at + 1, end), end: end + 1 };
  }
  if (quote !== '"') return undefined;
  const found = /"(?:[^"\\\n]|\\.)*"/y;
  found.lastIndex = at;
  const whole = found.exec(text)?.[0];
  if (whole === undefined) throw syntaxError(text, at, 'unterminated quoted string');
  return { kind: 'string' as const, value: unquote(text, at, whole), end: at + whole.length };
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

const unquote = (text: string, at: number, whole: string): string =>
  whole
    .slice(1, -1)
    .replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)/g, (_all, code: string) => {
      const point = /^[uUx](.+)$/.exec(code)?.[1];
      const value = point === undefined ? escapes[code] : codePoint(Number.parseInt(point, 16));
      if (value === undefined) throw syntaxError(text, at, `bad escape in ${whole}`);
      return value;
    });

const codePoint = (point: number): string | undefined =>
  point <= 0x10ffff ? String.fromCodePoint(point) : undefined;
