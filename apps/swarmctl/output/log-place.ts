import type { Timestamp } from '@swarmkit/sdk/wire/gen/google/protobuf/timestamp';
import type { LogMessage } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';

/**
 * How far each task's output was shown, so that a reader who begins anew (the leader changed) goes on
 * there: nothing twice, nothing left out.
 */
export class LogPlace {
  private readonly tasks = new Map<string, Place>();

  /** The `since` of a reading that goes on here; undefined before the first line. */
  get earliest(): Timestamp | undefined {
    let earliest: Timestamp | undefined;
    for (const { at } of this.tasks.values())
      if (earliest === undefined || nanos(at) < nanos(earliest)) earliest = at;
    return earliest;
  }

  /** To be called before another reading. */
  begin(): void {
    for (const place of this.tasks.values()) place.repeated = 0;
  }

  /** False for a line that was shown before. */
  isNew({ context, timestamp }: LogMessage): boolean {
    const id = context?.taskId ?? '';
    const at = timestamp ?? { seconds: 0n, nanos: 0 };
    const place = this.tasks.get(id);
    if (place === undefined || nanos(at) > nanos(place.at)) {
      this.tasks.set(id, { at, shown: 1, repeated: 1 });
      return true;
    }
    if (nanos(at) < nanos(place.at)) return false;
    place.repeated += 1;
    if (place.repeated <= place.shown) return false;
    place.shown = place.repeated;
    return true;
  }
}

/** Several lines may bear one timestamp. */
interface Place {
  readonly at: Timestamp;
  shown: number;
  repeated: number;
}

const nanos = ({ seconds, nanos: rest }: Timestamp): bigint =>
  BigInt(seconds) * 1_000_000_000n + BigInt(rest);
