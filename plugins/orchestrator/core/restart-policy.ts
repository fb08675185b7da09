/**
 * May a task that ended, or lost its node, be replaced? Decided from the tasks that the slot still
 * holds: they are the restart history, and a new leader reads the same one.
 */
import { isGlobal, isJob, observedState } from '@swarmkit/sdk/model/task';
import { durationToMs } from '@swarmkit/sdk/model/time';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { RestartPolicy_RestartCondition, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isOfIteration } from './job-iteration.js';
import { createdAt, endedByItself, isSameVersion, type Slot, statusAt } from './slot.js';

/** What the policy of a task says when it says nothing. */
const DEFAULT_DELAY_MS = 5000;

/** How long the replacement waits before it may start. */
export const restartDelayMs = (task: Task): number =>
  Math.max(0, durationToMs(task.spec?.restart?.delay) ?? DEFAULT_DELAY_MS);

/** A node that was away reports late: what was replaced meanwhile may have completed. */
export const isDone = (service: Service, slot: Slot): boolean =>
  isJob(service) &&
  slot.tasks.some(
    (task) => isOfIteration(service, task) && observedState(task) === TaskState.COMPLETE,
  );

/** `slot` is the task's own, and holds it. */
export function mayRestart(service: Service, slot: Slot, task: Task): boolean {
  if (isDone(service, slot)) return false;
  const policy = task.spec?.restart;
  const condition = policy?.condition ?? RestartPolicy_RestartCondition.ANY;
  if (condition === RestartPolicy_RestartCondition.NONE) return false;
  const finished = observedState(task) === TaskState.COMPLETE;
  if (finished && (condition === RestartPolicy_RestartCondition.ON_FAILURE || isJob(service)))
    return false;
  const maxAttempts = policy?.maxAttempts ?? 0n;
  return maxAttempts === 0n || restartsOf(service, slot, task) < maxAttempts;
}

/**
 * Restarts so far: every task of the slot with the same spec version except the first, so a slot runs
 * at most max_attempts + 1 tasks a version. With a window, only those made within it count, strictly
 * between its start and the end of the task. The reaper keeps max_attempts + 1 tasks, just enough.
 */
function restartsOf(service: Service, slot: Slot, task: Task): number {
  const restarts = slot.tasks
    .filter((other) => isSameVersion(other, task) && isAttempt(service, other, task))
    .slice(1);
  const windowMs = durationToMs(task.spec?.restart?.window) ?? 0;
  if (windowMs <= 0) return restarts.length;
  const end = statusAt(task);
  return restarts.filter((restart) => {
    const made = createdAt(restart, end);
    return end - windowMs < made && made < end;
  }).length;
}

/**
 * A node that comes and goes takes the tasks of a global service with it and gets new ones: no attempt
 * was used up by that. Replicated tasks that were moved count, as in SwarmKit.
 */
const isAttempt = (service: Service, other: Task, task: Task): boolean =>
  other.id === task.id || !isGlobal(service) || isWanted(other) || endedByItself(other);

const isWanted = (task: Task): boolean => task.desiredState <= TaskState.COMPLETE;
