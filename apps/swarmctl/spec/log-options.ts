import { durationToMs } from '@swarmkit/sdk/model/time';
import { count, duration, unreadable } from './units.js';

/** `all` is 0 on the wire, the last n lines are -n - 1. */
export const tailOf = (text: string): bigint => (text === 'all' ? 0n : -count('--tail', text) - 1n);

/** Wall clock, ms: a time, or a span before `now`. */
export function instant(text: string, now: number): number {
  if (/^\d{4}-\d\d/.test(text)) {
    const at = Date.parse(text);
    if (Number.isNaN(at))
      throw unreadable('--since', text, 'write a time like 2026-01-31T13:00:00Z');
    return at;
  }
  return now - durationToMs(duration('--since', text));
}
