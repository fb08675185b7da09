import { durationToMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { Duration } from '@swarmkit/sdk/wire/gen/google/protobuf/duration';
import type { Timestamp } from '@swarmkit/sdk/wire/gen/google/protobuf/timestamp';

/** `5 seconds ago`, `2 days ago`: in the largest unit that is not zero. `now` is the wall clock, ms. */
export function ago(timestamp: Timestamp | undefined, now: number): string {
  const at = timestampToMs(timestamp);
  if (at === undefined) return '';
  // The manager's clock may be ahead of ours.
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  for (const [unit, size] of units)
    if (seconds >= size) return `${plural(Math.floor(seconds / size), unit)} ago`;
  return `${plural(seconds, 'second')} ago`;
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`;

/** `500ms`, `1m30s`, `2h`, as flags are written. Empty where there is none. */
export function span(duration: Duration | undefined): string {
  const ms = durationToMs(duration);
  if (ms === undefined) return '';
  if (ms < 1_000) return ms === 0 ? '0s' : `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1_000;
  return [
    hours > 0 ? `${hours}h` : '',
    minutes > 0 ? `${minutes}m` : '',
    seconds > 0 ? `${seconds}s` : '',
  ].join('');
}
