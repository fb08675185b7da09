/**
 * How far the update of one slot has come, read from the tasks the slot holds. The update's own task of
 * a slot is the first of those that are up to date now, where one that was not stands before it: the
 * attempt. Whatever the restart policy makes after it is not the update's business.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { createdAt, endedByItself, type Slot, statusAt } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { endOf } from './world.js';

export interface SlotProgress {
  readonly slot: Slot;
  /** Nothing in it is up to date, and nothing was since the spec changed. */
  readonly outdated: boolean;
  readonly attempt: Attempt | undefined;
  /**
   * Of a slot whose history is full and holds no attempt of this update: its first task of this update, else its oldest.
   * What stood before it was forgotten, so it may be the attempt, or came after that. While it comes up
   * the slot is under way; its failure counts like the attempt's, or a slot that goes on failing would be
   * cleared of blame. Nothing rests after it, or one that fails for ever would hold up the others.
   */
  readonly remnant: Attempt | undefined;
}

export interface Attempt {
  readonly task: Task;
  /** When it began to run, or ended before; undefined while neither, so while the slot is under way. */
  readonly settledAt: number | undefined;
  /** Made by the update in progress, and not by one that it replaced. */
  readonly ofThisUpdate: boolean;
}

export const progressOf = (table: SlotTable, slot: Slot): SlotProgress =>
  table.progressOf(slot, () => lookAt(table, slot));

function lookAt(table: SlotTable, slot: Slot): SlotProgress {
  const lastDirty = slot.tasks.findLastIndex((task) => table.isDirty(task));
  // Where the clock of a new leader is behind, what it makes stands before what it replaces.
  const first = slot.tasks[lastDirty + 1] ?? table.live(slot).find((task) => !table.isDirty(task));
  if (first === undefined) return { slot, outdated: true, attempt: undefined, remnant: undefined };
  const limit = historyLimit(table);
  const attempt = lastDirty >= 0 || limit <= 1 ? attemptOf(table, first) : undefined;
  if (attempt?.ofThisUpdate || slot.tasks.length < limit)
    return { slot, outdated: false, attempt, remnant: undefined };
  const clean = slot.tasks.slice(lastDirty + 1);
  const remnant = attemptOf(table, clean.find((task) => isOfThisUpdate(table, task)) ?? first);
  const comesUp = remnant.settledAt === undefined;
  return { slot, outdated: false, attempt: comesUp ? remnant : attempt, remnant };
}

const attemptOf = (table: SlotTable, task: Task): Attempt => ({
  task,
  settledAt: settledAt(table, task),
  ofThisUpdate: isOfThisUpdate(table, task),
});

/**
 * The clock of a run is read before the store stamps what the run makes, so what an update makes is
 * never older than its start.
 */
const isOfThisUpdate = (table: SlotTable, task: Task): boolean =>
  createdAt(task, table.world.now) >= startOfUpdate(table);

export const startOfUpdate = (table: SlotTable): number =>
  timestampToMs(table.service.updateStatus?.startedAt) ?? Number.POSITIVE_INFINITY;

function settledAt(table: SlotTable, task: Task): number | undefined {
  if (observedState(task) < TaskState.RUNNING && table.isLive(task)) return undefined;
  const at = timestampToMs(task.status?.runningSince) ?? statusAt(task);
  // Not in the future, see `endOf`.
  return endOf(at, 0, table.world.now);
}

/** It ended on its own before it was ever seen running, or within the monitor period after that. */
export function hasFailed(
  table: SlotTable,
  { task, ofThisUpdate }: Attempt,
  monitorMs: number,
): boolean {
  if (!ofThisUpdate || !endedByItself(task)) return false;
  const endedAt = statusAt(task);
  // Its node was lost: that says nothing about the new spec.
  if (endedAt <= startOfUpdate(table) || observedState(task) === TaskState.ORPHANED) return false;
  const runningSince = timestampToMs(task.status?.runningSince);
  return runningSince === undefined || endedAt - runningSince <= monitorMs;
}

/** With one task a slot at most, the one before is forgotten at once. */
export const isForgetful = (table: Pick<SlotTable, 'service' | 'world'>): boolean =>
  historyLimit(table) <= 1;

/** How many tasks the reaper leaves in a slot. */
function historyLimit(table: Pick<SlotTable, 'service' | 'world'>): number {
  const maxAttempts = Number(table.service.spec?.task?.restart?.maxAttempts ?? 0n);
  if (maxAttempts > 0) return maxAttempts + 1;
  const limit = table.world.cluster?.spec?.orchestration?.taskHistoryRetentionLimit;
  return limit === undefined || limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
}
