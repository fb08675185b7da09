/**
 * Wire times and milliseconds.
 * From ms both ways is exact; from the wire, what is finer than a millisecond is cut towards the past
 * (an instant) or towards zero (a span). Absent stays absent: no zero is made up for it.
 */
import type { Duration } from '../wire/gen/google/protobuf/duration.js';
import type { Timestamp } from '../wire/gen/google/protobuf/timestamp.js';

/** Instant in ms since the epoch. A fraction of a ms is kept as nanoseconds. */
export function timestampFromMs(ms: number): Timestamp;
export function timestampFromMs(ms: number | undefined): Timestamp | undefined;
export function timestampFromMs(ms: number | undefined): Timestamp | undefined {
  if (ms === undefined) return undefined;
  const seconds = Math.floor(ms / 1000);
  return normal(seconds, Math.round((ms - seconds * 1000) * 1e6));
}

/** ms since the epoch, rounded down. */
export function timestampToMs(timestamp: Timestamp): number;
export function timestampToMs(timestamp: Timestamp | undefined): number | undefined;
export function timestampToMs(timestamp: Timestamp | undefined): number | undefined {
  if (timestamp === undefined) return undefined;
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1e6);
}

/** Span in ms, also negative: seconds and nanos then both carry the sign, as the wire asks. */
export function durationFromMs(ms: number): Duration;
export function durationFromMs(ms: number | undefined): Duration | undefined;
export function durationFromMs(ms: number | undefined): Duration | undefined {
  if (ms === undefined) return undefined;
  const { seconds, nanos } = normal(
    Math.floor(Math.abs(ms) / 1000),
    Math.round((Math.abs(ms) % 1000) * 1e6),
  );
  return ms < 0 ? { seconds: -seconds, nanos: nanos === 0 ? 0 : -nanos } : { seconds, nanos };
}

/** Span in ms, cut towards zero. */
export function durationToMs(duration: Duration): number;
export function durationToMs(duration: Duration | undefined): number | undefined;
export function durationToMs(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1e6;
  // `+ 0` turns -0 into 0.
  return Math.trunc(ms) + 0;
}

/** Below 0: a is earlier. An absent time comes first. */
export function compareTimestamps(a: Timestamp | undefined, b: Timestamp | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  return a.nanos - b.nanos;
}

/** Rounding may have filled a whole second of nanoseconds. */
const normal = (seconds: number, nanos: number): { seconds: bigint; nanos: number } =>
  nanos >= 1e9
    ? { seconds: BigInt(seconds + 1), nanos: nanos - 1e9 }
    : { seconds: BigInt(seconds), nanos };
