/**
 * Replaces tasks that ended or lost their node, and lets waiting replacements go. A replacement is made
 * at once, wanted READY, so that its node can prepare it; it is let go when its delay is over and what
 * it replaces has stopped. Every instant here is derived from the store: see `letGoAt`.
 */
import { drainDelayMs, observedState } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { backoffAfter, backoffMs } from './crash-loop.js';
import { isDraining, isGone } from './node-fitness.js';
import { isDone, mayRestart, restartDelayMs } from './restart-policy.js';
import { createdAt, isSameVersion, type Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { endOf } from './world.js';

/** A replacement waits no longer than this, and its drain delay, for what it replaces to stop. */
const STOP_WAIT_MS = 60_000;

/** No waiting task is let go or replaced before this. A lower bound that needs no look at its slot. */
export const earliestLetGoAt = (task: Task, now: number): number =>
  endOf(
    createdAt(task, now),
    Math.max(Math.min(restartDelayMs(task), STOP_WAIT_MS), backoffMs(task, now)),
    now,
  );

/**
 * Stops the task and, where its policy allows, makes another one in its slot. One that ended while it
 * was still waiting keeps its delay: that is what paces a task that can never start, such as one whose
 * image is missing.
 */
export function restart(table: SlotTable, slot: Slot, task: Task): void {
  // Start-first: the slot has a younger task already.
  if (table.live(slot).at(-1)?.id !== task.id) {
    table.raise(slot, task, TaskState.SHUTDOWN);
    return;
  }
  if (task.desiredState === TaskState.READY) {
    const at = letGoAt(table, slot, task);
    if (at > table.world.now) {
      table.world.wakeAt(at);
      return;
    }
  }
  const replace = mayRestart(table.service, slot, task);
  table.raise(slot, task, TaskState.SHUTDOWN);
  if (!replace) return;
  const backoff = backoffAfter(table.service, task, table.world.now);
  table.create(slot.name, TaskState.READY, backoff);
}

/** Lets go of every waiting task whose time has come, asks for a run when the next one's does, and drops what is not needed any more. */
export function letGo(table: SlotTable): void {
  for (const slot of table.slots)
    for (const task of slot.tasks) {
      if (task.desiredState !== TaskState.READY || table.isSpent) continue;
      if (isDone(table.service, slot)) {
        table.raise(slot, task, TaskState.SHUTDOWN);
        continue;
      }
      const at = letGoAt(table, slot, task);
      if (at > table.world.now) table.world.wakeAt(at);
      else table.raise(slot, task, table.goal);
    }
}

/** When its delay is over and what it replaces has stopped, or has had a minute to. */
function letGoAt(table: SlotTable, slot: Slot, task: Task): number {
  const { now } = table.world;
  const made = createdAt(task, now);
  const older = slot.tasks.slice(0, slot.tasks.indexOf(task));
  const stopped = older.filter((other) => !table.isLive(other));
  const delay = Math.max(delayMs(table, task, older.at(-1)), backoffMs(task, now));
  const rested = endOf(made, delay, now);
  const stopping = stopped.filter((other) => isStopping(table, other));
  if (stopping.length === 0) return rested;
  const patience = STOP_WAIT_MS + Math.max(...stopping.map(drainDelayMs));
  return Math.max(rested, endOf(made, patience, now));
}

/**
 * The delay of the restart policy, unless there is nothing to pace: the node was drained, or the task
 * before has another spec version, so that this one is the first of its version here. When the task
 * before was forgotten already, nobody can tell, and the delay holds: no crash loop becomes a busy one.
 */
function delayMs(table: SlotTable, task: Task, before: Task | undefined): number {
  if (before === undefined) return restartDelayMs(task);
  // One that says it replaces a failure does, also when that one was forgotten already.
  const sameKind = isSameVersion(before, task) || task.restartBackoff !== undefined;
  const paced = !isDraining(table.nodeOf(before)) && sameKind;
  return paced ? restartDelayMs(task) : 0;
}

/** Of those told to stop: maybe still there. What was never on a node, or is on a dead one, is not. */
const isStopping = (table: SlotTable, task: Task): boolean =>
  observedState(task) >= TaskState.ASSIGNED &&
  observedState(task) <= TaskState.RUNNING &&
  !isGone(table.nodeOf(task));
