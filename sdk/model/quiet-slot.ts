/**
 * Slots of replicated services that need no look: one live task, wanted RUNNING and not past it. Whatever
 * its history says, nothing is to be done there as long as its node may be used, its spec is the service's,
 * and no slot is too many. The store counts them, so that a service costs a look at its other slots alone.
 */
import type { Task } from '../wire/gen/swarmkit/objects.js';
import { TaskState } from '../wire/gen/swarmkit/types.js';
import { isTerminal, isWantedActive, observedState, taskTime } from './task.js';
import { compareTimestamps, timestampToMs } from './time.js';

/**
 * Of jobs too: a task that is to complete, and has done so or may still. Slot 0 never is: it is where the tasks
 * of global services are.
 */
export const mayBeQuiet = (task: Task): boolean =>
  task.slot > 0n && task.specVersion !== undefined && (isQuietTask(task) || isQuietJobTask(task));

const isQuietTask = (task: Task): boolean =>
  task.desiredState === TaskState.RUNNING && !isTerminal(task);

const isQuietJobTask = (task: Task): boolean =>
  task.desiredState === TaskState.COMPLETE && observedState(task) <= TaskState.COMPLETE;

/** What a quiet slot is to an update, as far as it can be told without its service. */
export interface QuietSlot {
  readonly live: Task;
  /** The youngest of its other tasks that are not to be removed. */
  readonly before: Task | undefined;
  /** That one is younger than the live task. */
  readonly overtaken: boolean;
}

/** undefined: not a quiet one. `tasks`: all that the slot has. */
export function quietSlot(tasks: readonly Task[]): QuietSlot | undefined {
  let live: Task | undefined;
  let before: Task | undefined;
  for (const task of tasks) {
    if (isWantedActive(task)) {
      if (live !== undefined) return undefined;
      live = task;
    } else if (task.desiredState < TaskState.REMOVE)
      if (before === undefined || byAge(before, task) < 0) before = task;
  }
  if (live === undefined || !mayBeQuiet(live)) return undefined;
  return { live, before, overtaken: before !== undefined && byAge(live, before) < 0 };
}

/** Quiet slots of one service with the same key are alike to an update, but for how far their live tasks are. */
export const groupOfSlot = ({ live, before, overtaken }: QuietSlot): string =>
  `${kindOfTask(live)}|${before === undefined ? '' : kindOfTask(before)}|${overtaken ? 'overtaken' : ''}`;

/** It does not run yet; of a job, it has not completed. */
export const isStarting = (live: Task): boolean => observedState(live) < live.desiredState;

/** When a task began to run, or ended before it did; ms, long ago where nobody said. */
export const settledAt = (task: Task): number =>
  timestampToMs(task.status?.runningSince ?? taskTime(task)) ?? 0;

export const secondOf = (ms: number): number => Math.floor(ms / 1000);

/**
 * Oldest first. Nothing here ever changes in a task, so the order of a slot does not change either; of
 * those made in the same instant, which hardly happens, a lower spec version is older.
 */
export const byAge = (a: Task, b: Task): number =>
  compareTimestamps(a.meta?.createdAt, b.meta?.createdAt) ||
  Number((a.specVersion?.index ?? 0n) - (b.specVersion?.index ?? 0n)) ||
  (a.id < b.id ? -1 : 1);

/** Has a task that counts: one that is not to be removed. */
export const holdsTasks = (tasks: readonly Task[]): boolean =>
  tasks.some((task) => task.desiredState < TaskState.REMOVE);

/**
 * Tasks of one service with the same key have equal specs and equal endpoint specs: what a spec says
 * goes by its version; the endpoint may be younger than that.
 */
export function kindOfTask({ specVersion, jobIteration, endpoint }: Task): string {
  const spec = endpoint?.spec;
  const version = `${specVersion?.index}${jobIteration === undefined ? '' : `.${jobIteration.index}`}`;
  if (spec === undefined) return version;
  const ports = spec.ports.map(
    ({ name, protocol, targetPort, publishedPort, publishMode }) =>
      `${protocol}:${targetPort}:${publishedPort}:${publishMode}:${name}`,
  );
  return `${version}/${spec.mode}/${ports.join('/')}`;
}
