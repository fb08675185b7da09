import { durationFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Duration } from '@swarmkit/sdk/wire/gen/google/protobuf/duration';

/** How people write spans, sizes, CPUs and pairs on a command line. Each refusal names the flag. */

export const usage = (message: string): SwarmError =>
  new SwarmError('invalid-argument', 'CTL_USAGE', message);

/** `usage`, with what was written and what to write instead. */
export const unreadable = (flag: string, text: string, instead: string): SwarmError =>
  usage(`${flag} is ${JSON.stringify(text)}; ${instead}`);

/** In ms. */
const spanUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** `500ms`, `10s`, `1m30s`, `2h`, `0`. */
export function duration(flag: string, text: string): Duration {
  if (text === '0') return durationFromMs(0);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text)
    throw unreadable(flag, text, 'write a span like 500ms, 10s or 1m30s');
  return durationFromMs(
    parts.reduce(
      (sum, [, amount, unit]) => sum + Number(amount) * (spanUnits[unit as string] ?? 0),
      0,
    ),
  );
}

const sizeUnits = { '': 0n, b: 0n, k: 10n, m: 20n, g: 30n, t: 40n } as const;

/** `67108864`, `64m`, `1.5GiB`; each unit is 1024 of the one before. In bytes. */
export function bytes(flag: string, text: string): bigint {
  const match = /^(\d+)(\.\d+)?\s*([bkmgt]?)(?:i?b)?$/i.exec(text);
  if (match === null) throw unreadable(flag, text, 'write a size like 64m or 2g');
  const [, whole = '', part = '', unit = ''] = match;
  const shift = sizeUnits[unit.toLowerCase() as keyof typeof sizeUnits];
  const rest = BigInt(Math.floor(Number(`0${part}`) * 2 ** Number(shift)));
  return inRange(flag, text, (BigInt(whole) << shift) + rest);
}

/** `0.5`, `2`. In billionths of a CPU. */
export function nanoCpus(flag: string, text: string): bigint {
  if (!/^(\d+\.?\d*|\.\d+)$/.test(text))
    throw unreadable(flag, text, 'write a number of CPUs like 0.5');
  return inRange(flag, text, BigInt(Math.round(Number(text) * 1e9)));
}

/** Whole, not negative. */
export function count(flag: string, text: string): bigint {
  if (!/^\d+$/.test(text)) throw unreadable(flag, text, 'write a whole number');
  return inRange(flag, text, BigInt(text));
}

/** The wire has 64 bits, one of them for the sign; more would wrap around without a word. */
function inRange(flag: string, text: string, value: bigint): bigint {
  if (value >= 1n << 63n) throw unreadable(flag, text, 'that is more than can be stored');
  return value;
}

/** `key=value` pairs; a key without a value has an empty one. */
export function pairs(flag: string, list: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of list) {
    const [key, value] = pair(item);
    if (key === '') throw unreadable(flag, item, 'write key=value');
    // Not an assignment: `__proto__` is a key like any other.
    Object.defineProperty(found, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return found;
}

/** Cut at the first `=`. */
export function pair(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** One of a few words, in any case. */
export function oneOf<T>(flag: string, words: Readonly<Record<string, T>>, text: string): T {
  const found = Object.entries(words).find(([word]) => word === text.toLowerCase());
  if (found === undefined)
    throw unreadable(flag, text, `it must be one of ${Object.keys(words).join(', ')}`);
  return found[1];
}
