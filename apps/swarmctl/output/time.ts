import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Timestamp } from '@swarmkit/sdk/wire/gen/google/protobuf/timestamp';

/** `5 seconds`, `3 minutes`, `2 days`: how long ago, in the largest unit that is not zero. */
export function ago(timestamp: Timestamp | undefined, now: number): string {
  const at = timestampToMs(timestamp);
  if (at === undefined) return '';
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  for (const [unit, size] of units)
    if (seconds >= size) return plural(Math.floor(seconds / size), unit);
  return plural(seconds, 'second');
}

const units = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`;
