/**
 * A container that was started by hand takes the address that its node has on the network: its engine looks for that
 * once, and gives the container up where there is none. The node gets it in the turn after the task was placed, and
 * hears of it in its session, which is another stream. So such a task is sent a moment later.
 */
import { isAttachment, observedState, taskTime } from '@swarmkit/sdk/model/task';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** SwarmKit's managers gather what they send for 100 ms, and engines live with that. */
export const settleMs = 200;

/** For how long it is held back from `now` on, ms; 0: it may go. A clock that was set back holds up nothing. */
export function settlingMs(task: Task, now: number): number {
  if (!isAttachment(task) || observedState(task) !== TaskState.ASSIGNED) return 0;
  const left = (timestampToMs(taskTime(task)) ?? 0) + settleMs - now;
  return left > 0 && left <= settleMs ? left : 0;
}
