import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Duration } from '@swarmkit/sdk/wire/gen/google/protobuf/duration';

/** How people write spans, sizes, CPUs and pairs on a command line. Each refusal names the flag. */

export const usage = (message: string): SwarmError =>
  new SwarmError('invalid-argument', 'CTL_USAGE', message);

const spanUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** `500ms`, `10s`, `1m30s`, `2h`. */
export function duration(flag: string, text: string): Duration {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text)
    throw usage(`${flag} is ${JSON.stringify(text)}; write a span like 500ms, 10s or 1m30s`);
  return durationFromMs(
    parts.reduce(
      (sum, [, count, unit]) => sum + Number(count) * (spanUnits[unit as string] ?? 0),
      0,
    ),
  );
}

const sizeUnits: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1n << 10n,
  m: 1n << 20n,
  g: 1n << 30n,
  t: 1n << 40n,
};

/** `67108864`, `64m`, `2GiB`. In bytes. */
export function bytes(flag: string, text: string): bigint {
  const match = /^(\d+)\s*([bkmgt]?)(?:i?b)?$/i.exec(text);
  if (match === null)
    throw usage(`${flag} is ${JSON.stringify(text)}; write a size like 64m or 2g`);
  return BigInt(match[1] as string) * (sizeUnits[(match[2] as string).toLowerCase()] ?? 1n);
}

/** `0.5`, `2`. In billionths of a CPU. */
export function nanoCpus(flag: string, text: string): bigint {
  if (!/^\d+(\.\d+)?$/.test(text))
    throw usage(`${flag} is ${JSON.stringify(text)}; write a number of CPUs like 0.5`);
  return BigInt(Math.round(Number(text) * 1e9));
}

/** Whole, not negative. */
export function count(flag: string, text: string): bigint {
  if (!/^\d+$/.test(text)) throw usage(`${flag} is ${JSON.stringify(text)}; write a whole number`);
  return BigInt(text);
}

/** `key=value` pairs; a key without a value has an empty one. */
export function pairs(flag: string, list: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of list) {
    const at = item.indexOf('=');
    const key = at < 0 ? item : item.slice(0, at);
    if (key === '') throw usage(`${flag} is ${JSON.stringify(item)}; write key=value`);
    Object.defineProperty(found, key, {
      value: at < 0 ? '' : item.slice(at + 1),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return found;
}

/** One of a few words, case-insensitively. */
export function oneOf<T>(flag: string, words: Readonly<Record<string, T>>, text: string): T {
  const found = Object.entries(words).find(([word]) => word === text.toLowerCase());
  if (found === undefined)
    throw usage(
      `${flag} is ${JSON.stringify(text)}; it must be one of ${Object.keys(words).join(', ')}`,
    );
  return found[1];
}
