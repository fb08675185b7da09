/**
 * Moves a service to its present spec, slot by slot: never more than `parallelism` under way, a rest
 * after each, a watch over the new tasks, and a stop or a way back when too many of them fail. One step
 * of a state machine a run; where it stands is read from the tasks and the update status alone, so a
 * new leader goes on where the old one was.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  TaskState,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { type UpdatePolicy, updatePolicy } from './update-policy.js';
import { failedWhileWatched, progressOf, type SlotProgress } from './update-progress.js';
import {
  finished,
  isPausedUpdate,
  isRollback,
  isUpdating,
  pausedBy,
  rolledBackBy,
  started,
} from './update-status.js';
import { endOf } from './world.js';

/** `again`: the service has another spec now and wants to be looked at anew. */
export type UpdateStep = 'done' | 'again';

export function update(table: SlotTable, slots: readonly Slot[]): UpdateStep {
  const policy = updatePolicy(table.service);
  // Also in a pause: what is under way is brought to its end.
  for (const slot of slots) dropSurplus(table, slot, policy.order);
  if (isPausedUpdate(table.service)) return 'done';

  if (!isUpdating(table.service)) {
    if (!slots.some((slot) => progressOf(table, slot).outdated)) return 'done';
    table.updateService({ updateStatus: started(table.world.now) });
  }
  const progress = slots.map((slot) => progressOf(table, slot));
  const failed = tooManyFailures(table, policy, progress);
  if (failed !== undefined) return stopFor(table, policy, failed);
  const outdated = progress.filter((each) => each.outdated);
  if (outdated.length === 0) finishWhenWatched(table, policy, progress);
  else startNext(table, policy, progress, outdated);
  return 'done';
}

/**
 * Leaves one task in a slot that has an up to date one: the furthest. Start-first keeps the old ones
 * until the new one runs; that is the only time when two tasks of a slot are wanted RUNNING.
 */
function dropSurplus(table: SlotTable, slot: Slot, order: UpdateConfig_UpdateOrder): void {
  const live = table.live(slot);
  if (live.length < 2) return;
  const clean = live.filter((task) => !table.isDirty(task));
  const [keep] = [...clean].sort((a, b) => advance(b) - advance(a));
  if (keep === undefined) return;
  const replaces =
    order !== UpdateConfig_UpdateOrder.START_FIRST || observedState(keep) === TaskState.RUNNING;
  for (const task of live)
    if (task.id !== keep.id && (replaces || clean.includes(task)))
      table.raise(slot, task, TaskState.SHUTDOWN);
}

/** How near a task is to running; one that ended, and waits to be replaced, is the farthest. */
const advance = (task: Task): number => {
  const observed = observedState(task);
  return observed > TaskState.RUNNING ? -1 : observed;
};

function startNext(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
  outdated: readonly SlotProgress[],
): void {
  const { now } = table.world;
  let free = policy.parallelism;
  for (const { attempt } of progress) {
    if (attempt === undefined) continue;
    if (attempt.settledAt === undefined) {
      free -= 1;
      continue;
    }
    const restsUntil = endOf(attempt.settledAt, policy.delayMs, now);
    if (restsUntil <= now) continue;
    free -= 1;
    table.world.wakeAt(restsUntil);
  }
  // What does not run has nothing to lose.
  const next = outdated
    .map(({ slot }) => ({ slot, runs: runs(table, slot) }))
    .sort((a, b) => Number(a.runs) - Number(b.runs) || compareNames(a.slot, b.slot));
  for (const { slot } of next.slice(0, Math.max(0, free))) replace(table, slot, policy.order);
}

/** The new task comes first, so that the slot is never empty. `letGo` says when it may start. */
function replace(table: SlotTable, slot: Slot, order: UpdateConfig_UpdateOrder): void {
  const old = table.live(slot);
  if (order === UpdateConfig_UpdateOrder.START_FIRST) {
    table.create(slot.name, table.goal);
    return;
  }
  table.create(slot.name, TaskState.READY);
  for (const task of old) table.raise(slot, task, TaskState.SHUTDOWN);
}

/** The update is over when every task it made has settled and been watched. */
function finishWhenWatched(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
): void {
  const { now } = table.world;
  let watchedUntil = now;
  for (const { attempt } of progress) {
    if (attempt === undefined || !attempt.ofThisUpdate) continue;
    if (attempt.settledAt === undefined) return;
    watchedUntil = Math.max(watchedUntil, endOf(attempt.settledAt, policy.monitorMs, now));
  }
  if (watchedUntil > now) table.world.wakeAt(watchedUntil);
  else table.updateService({ updateStatus: finished(table.service, now) });
}

/** The id of the task that broke the ratio; undefined while it holds. */
function tooManyFailures(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
): string | undefined {
  if (policy.failureAction === UpdateConfig_FailureAction.CONTINUE) return undefined;
  let failures = 0;
  let total = 0;
  let last: { readonly id: string; readonly at: number } | undefined;
  for (const { attempt, outdated } of progress) {
    const ours = attempt?.ofThisUpdate === true ? attempt : undefined;
    if (outdated || ours !== undefined) total += 1;
    if (ours?.settledAt === undefined) continue;
    if (!failedWhileWatched(ours, policy.monitorMs, table.world.now)) continue;
    failures += 1;
    if (last === undefined || ours.settledAt > last.at)
      last = { id: ours.task.id, at: ours.settledAt };
  }
  // The ratio is a 32-bit float on the wire, and 1/10 must equal 0.1.
  return failures > 0 && Math.fround(failures / total) > policy.maxFailureRatio
    ? last?.id
    : undefined;
}

function stopFor(table: SlotTable, policy: UpdatePolicy, taskId: string): UpdateStep {
  const { now } = table.world;
  // The way back is taken once: a rollback that fails too, or has nowhere to go, waits for a person.
  if (policy.failureAction === UpdateConfig_FailureAction.ROLLBACK && !isRollback(table.service)) {
    const previous = rolledBackBy(table.service, taskId, now);
    if (previous !== undefined) {
      table.updateService(previous);
      return 'again';
    }
  }
  table.updateService({ updateStatus: pausedBy(table.service, taskId, now) });
  return 'done';
}

const runs = (table: SlotTable, slot: Slot): boolean =>
  table.live(slot).some((task) => observedState(task) === TaskState.RUNNING);

const compareNames = (a: Slot, b: Slot): number =>
  a.name.slot !== b.name.slot
    ? a.name.slot < b.name.slot
      ? -1
      : 1
    : a.name.nodeId < b.name.nodeId
      ? -1
      : 1;
