import type { Task } from '../wire/gen/swarmkit/objects.js';
import { TaskState, type TaskStatus } from '../wire/gen/swarmkit/types.js';
import { timestampFromMs } from './time.js';

/** The task's status with this change, taken now (wall clock, ms). What is not named stays. */
export const changedStatus = (
  task: Task,
  now: number,
  change: Partial<TaskStatus>,
): TaskStatus => ({
  ...(task.status ?? noStatus),
  timestamp: timestampFromMs(now),
  ...change,
});

const noStatus: TaskStatus = {
  timestamp: undefined,
  state: TaskState.NEW,
  message: '',
  err: '',
  runtimeStatus: undefined,
  portStatus: undefined,
  appliedBy: '',
  appliedAt: undefined,
  runningSince: undefined,
  drainUntil: undefined,
};
