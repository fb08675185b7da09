import type { Duration } from '@swarmkit/sdk/wire/gen/google/protobuf/duration';
import { malformedDuration } from '../refusals.js';

const maxSeconds = 315_576_000_000n;
/** What 64 bits of nanoseconds hold, in seconds: peers keep durations so. */
const maxNanosecondSeconds = 9_223_372_036n;

/** Whether it is below zero; throws where seconds and nanos do not make a duration. */
export function isNegative(duration: Duration | undefined): boolean {
  return nanosecondsOf(duration) < 0n;
}

/** Not 0 and shorter than a millisecond, or negative. */
export function isTooShort(duration: Duration | undefined): boolean {
  const span = nanosecondsOf(duration);
  return span !== 0n && span < 1_000_000n;
}

export function nanosecondsOf(duration: Duration | undefined): bigint {
  if (duration === undefined) return 0n;
  const { seconds, nanos } = duration;
  const refuse = (what: string) =>
    malformedDuration(`duration: seconds:${seconds} nanos:${nanos}: ${what}`);
  if (seconds > maxSeconds || seconds < -maxSeconds) throw refuse('seconds out of range');
  if (Math.abs(nanos) >= 1e9) throw refuse('nanos out of range');
  if ((seconds < 0n && nanos > 0) || (seconds > 0n && nanos < 0))
    throw refuse('seconds and nanos have different signs');
  if (seconds > maxNanosecondSeconds || seconds < -maxNanosecondSeconds)
    throw refuse('out of range');
  return seconds * 1_000_000_000n + BigInt(nanos);
}
