import type { ReadLogOptions } from '@swarmkit/sdk/contracts/log-sink';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import {
  type LogSelector,
  LogStream,
  type LogSubscriptionOptions,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** What a log subscription asks of one node, in the terms of the node's own logs. */

export const isSelected = (task: Task, selector: LogSelector): boolean =>
  selector.taskIds.includes(task.id) ||
  selector.nodeIds.includes(task.nodeId) ||
  (task.serviceId !== '' && selector.serviceIds.includes(task.serviceId));

export interface LogRequest {
  readonly read: ReadLogOptions;
  /** Lines of each task to leave out at the beginning. */
  readonly skip: number;
}

/**
 * `tail` on the wire: 0 is everything, n < 0 the last -n - 1 lines, n > 0 everything but the first n.
 */
export function logRequest(options: LogSubscriptionOptions | undefined): LogRequest {
  const tail = Number(options?.tail ?? 0n);
  const since = timestampToMs(options?.since);
  const streams = (options?.streams ?? []).flatMap((stream) =>
    stream === LogStream.STDOUT
      ? (['stdout'] as const)
      : stream === LogStream.STDERR
        ? (['stderr'] as const)
        : [],
  );
  return {
    read: {
      follow: options?.follow === true,
      ...(tail < 0 ? { tail: -tail - 1 } : {}),
      ...(since === undefined ? {} : { since }),
      ...(streams.length === 0 ? {} : { streams }),
    },
    skip: Math.max(tail, 0),
  };
}
