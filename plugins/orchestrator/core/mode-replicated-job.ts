/**
 * Replicated jobs: total_completions slots, numbered from 0, each to be completed once, at most
 * max_concurrent at a time. Each update of the service is a new iteration that starts from nothing.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ReplicatedJob } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isOfIteration, retireFormerTasks } from './job-iteration.js';
import type { Mode } from './mode.js';
import { mayRestart } from './restart-policy.js';
import { endedByItself, type Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';

export const replicatedJob = ({ maxConcurrent, totalCompletions }: ReplicatedJob): Mode => ({
  judge: (table, task) =>
    isOfIteration(table.service, task) && observedState(task) > TaskState.COMPLETE
      ? 'restart'
      : 'keep',

  shape(table) {
    retireFormerTasks(table, isUnfinished);
    const taken = new Set<bigint>();
    let running = table.hiddenUnderWay;
    for (const slot of table.slots) {
      const state = slotState(table, slot);
      if (state === 'free') continue;
      taken.add(slot.name.slot);
      if (state === 'running') running += 1;
    }
    const total = Number(totalCompletions);
    const missing = Math.min(Number(maxConcurrent) - running, total - taken.size - table.hidden);
    // Where slots were not read, none of those is free.
    const next = (from: bigint): bigint => (table.hidden > 0 ? table.nextFree(from) : from);
    for (
      let number = next(0n), made = 0;
      made < missing && !table.isSpent;
      number = next(number + 1n)
    ) {
      if (taken.has(number)) continue;
      table.create({ serviceId: table.service.id, slot: number, nodeId: '' }, TaskState.COMPLETE);
      made += 1;
    }
    // A job is never updated in place.
    return [];
  },
});

/** What ended stays as it is, unless it still waits for a restart. */
const isUnfinished = (task: Task): boolean =>
  observedState(task) <= TaskState.RUNNING || task.desiredState === TaskState.READY;

/**
 * given-up: its last task failed and may not be restarted; the slot stays as it is, since making it
 * again would be a restart by another name. What was told to stop, for whatever reason, frees its slot.
 */
function slotState(table: SlotTable, slot: Slot): 'done' | 'running' | 'given-up' | 'free' {
  const tasks = slot.tasks.filter((task) => isOfIteration(table.service, task));
  if (tasks.some((task) => observedState(task) === TaskState.COMPLETE)) return 'done';
  if (tasks.some((task) => table.isLive(task))) return 'running';
  const newest: Task | undefined = tasks.at(-1);
  return newest !== undefined && endedByItself(newest) && !mayRestart(table.service, slot, newest)
    ? 'given-up'
    : 'free';
}
