/** The functions that every template has: Go's, and `join`. */
import { Struct, type Value } from './value.js';

export type TemplateFunction = (...args: readonly Value[]) => Value;

/** A value as `{{ . }}` and `print` write it. */
export function print(value: Value): string {
  if (value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(print).join(' ')}]`;
  if (value instanceof Map)
    return `map[${[...value]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${print(item)}`)
      .join(' ')}]`;
  if (value instanceof Struct) return `{${Object.values(value.fields).map(print).join(' ')}}`;
  return String(value);
}

export function isTrue(value: Value): boolean {
  if (value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof Struct) return true;
  return Boolean(value);
}

export const library: Readonly<Record<string, TemplateFunction>> = {
  and: () => undefined, // evaluated where the arguments are
  or: () => undefined,
  not: (value) => !isTrue(value),
  len: (value) => BigInt(lengthOf(value)),
  index: (value, ...keys) => keys.reduce(at, value),
  slice: (value, from = 0n, to) => {
    if (typeof value !== 'string' && !Array.isArray(value))
      throw new Error(`can't slice item of type ${kindOf(value)}`);
    const [begin, end] = [Number(from), Number(to ?? BigInt(value.length))];
    if (begin < 0 || end > value.length || begin > end) throw new Error('index out of range');
    return value.slice(begin, end);
  },
  // Go's Sprint puts spaces between operands when neither is a string.
  print: (...args) =>
    args
      .map((arg, i) => {
        const gap = i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string';
        return `${gap ? ' ' : ''}${print(arg)}`;
      })
      .join(''),
  println: (...args) => `${args.map(print).join(' ')}\n`,
  printf: (form, ...args) => format(text(form), args),
  html: (...args) => escaped(args, /[&<>"']/g, htmlEntities),
  js: (...args) => escaped(args, /[\\'"<>&=\n\r\t]/g, jsEscapes),
  urlquery: (...args) => encodeURIComponent(args.map(print).join('')).replaceAll('%20', '+'),
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error('missing argument for comparison');
    return others.some((other) => same(first, other));
  },
  ne: (a, b) => !same(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  join: (separator, ...parts) => parts.map(text).join(text(separator)),
};

export const functionNames: ReadonlySet<string> = new Set(Object.keys(library));

export function text(value: Value): string {
  if (typeof value !== 'string')
    throw new Error(`wrong type for value; expected string; got ${kindOf(value)}`);
  return value;
}

function kindOf(value: Value): string {
  if (value === undefined) return 'nil';
  if (Array.isArray(value)) return 'slice';
  if (value instanceof Map) return 'map';
  if (value instanceof Struct) return value.type;
  return { bigint: 'int', number: 'float64', boolean: 'bool' }[typeof value as string] ?? 'string';
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  throw new Error(`len of type ${kindOf(value)}`);
}

function at(value: Value, key: Value): Value {
  // A missing key is the empty value: what `index` is used for.
  if (value instanceof Map) return value.get(text(key)) ?? '';
  if (Array.isArray(value)) {
    const i = Number(key);
    if (!(i >= 0 && i < value.length)) throw new Error(`index out of range: ${print(key)}`);
    return value[i];
  }
  throw new Error(`can't index item of type ${kindOf(value)}`);
}

function same(a: Value, b: Value): boolean {
  const [one, other] = [kindOf(a), kindOf(b)];
  if (one !== other) throw new Error('incompatible types for comparison');
  if (one === 'map' || one === 'slice' || a instanceof Struct)
    throw new Error(`non-comparable type ${one}`);
  return a === b;
}

function compare(a: Value, b: Value): number {
  if (kindOf(a) !== kindOf(b)) throw new Error('incompatible types for comparison');
  if (typeof a !== 'string' && typeof a !== 'bigint' && typeof a !== 'number')
    throw new Error('invalid type for comparison');
  const other = b as typeof a;
  return a < other ? -1 : a > other ? 1 : 0;
}

const htmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};
const jsEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '<': '\\u003C',
  '>': '\\u003E',
  '&': '\\u0026',
  '=': '\\u003D',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const escaped = (
  args: readonly Value[],
  what: RegExp,
  table: Readonly<Record<string, string>>,
): string =>
  args
    .map(print)
    .join('')
    .replace(what, (found) => table[found] ?? found);

/** The verbs of Go's Printf that make sense here. */
function format(form: string, args: readonly Value[]): string {
  let used = 0;
  return form.replace(
    /%([-+ 0#]*)(\d*)(?:\.(\d+))?(.)/gs,
    (all, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (used >= args.length) return `%!${verb}(MISSING)`;
      const shown = one(verb, args[used++], precision);
      if (shown === undefined) throw new Error(`printf: ${all} is not supported`);
      const size = Number(width);
      if (flags.includes('-')) return shown.padEnd(size);
      return shown.padStart(size, flags.includes('0') && verb !== 's' ? '0' : ' ');
    },
  );
}

function one(verb: string, value: Value, precision: string | undefined): string | undefined {
  switch (verb) {
    case 's':
    case 'v':
      return precision === undefined ? print(value) : print(value).slice(0, Number(precision));
    case 'q':
      return JSON.stringify(print(value));
    case 'd':
      return typeof value === 'bigint' ? String(value) : `%!d(${kindOf(value)}=${print(value)})`;
    case 'x':
      return typeof value === 'bigint'
        ? value.toString(16)
        : Buffer.from(print(value)).toString('hex');
    case 't':
      return print(value);
    case 'f':
      return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    default:
      return undefined;
  }
}
