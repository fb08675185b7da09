/** A slot of a service and the tasks it holds. */
import { observedState, type Slot as SlotName, taskTime } from '@swarmkit/sdk/model/task';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export type { SlotName };

export interface Slot {
  readonly name: SlotName;
  /** Oldest first: history, then what lives. Without tasks that are to be removed. */
  readonly tasks: readonly Task[];
}

/** When the store took the task in, ms; a task of this very run is made now. */
export const createdAt = (task: Task, now: number): number =>
  timestampToMs(task.meta?.createdAt) ?? now;

/** When it took on its present status, ms; long ago where nobody said. */
export const statusAt = (task: Task): number => timestampToMs(taskTime(task)) ?? 0;

export const isSameVersion = (a: Task, b: Task): boolean =>
  a.specVersion?.index === b.specVersion?.index;

/** It ended on its own account: nobody had told it to stop. */
export function endedByItself(task: Task): boolean {
  const observed = observedState(task);
  return observed >= TaskState.COMPLETE && observed !== TaskState.SHUTDOWN;
}
