/**
 * Global jobs: one task for each node that is there and ready when the job is looked at, to be
 * completed once. Each update of the service is a new iteration.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isOfIteration, retireFormerTasks } from './job-iteration.js';
import type { Mode } from './mode.js';
import { retireWithNode, slotOn } from './mode-global.js';
import { isPaused, isUsable } from './node-fitness.js';
import { mayRestart } from './restart-policy.js';
import { endedByItself, type Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';

export const globalJob: Mode = {
  judge(table, task) {
    if (!isOfIteration(table.service, task)) return 'keep';
    const node = table.nodeOf(task);
    // What is done stays done, and a slot goes with its node, see `retireWithNode`.
    if (node === undefined || observedState(task) === TaskState.COMPLETE) return 'keep';
    if (!isUsable(node)) return 'stop';
    if (observedState(task) < TaskState.COMPLETE) return 'keep';
    return isPaused(node) ? 'stop' : 'restart';
  },

  shape(table) {
    retireFormerTasks(table, () => true);
    for (const node of table.world.nodes) {
      if (table.isSpent) break;
      if (!isCandidate(table, node)) continue;
      const name = slotOn(table, node);
      const slot = table.at(name);
      if (slot === undefined || isFree(table, slot)) table.create(name, TaskState.COMPLETE);
    }
    retireWithNode(table);
    return [];
  },
};

const isCandidate = (table: SlotTable, node: Node): boolean =>
  isUsable(node) &&
  !isPaused(node) &&
  node.status?.state === NodeStatus_State.READY &&
  table.isAllowedOn(node);

/** Nothing done, nothing under way, and not given up after its last attempt. */
function isFree(table: SlotTable, slot: Slot): boolean {
  const tasks = slot.tasks.filter((task) => isOfIteration(table.service, task));
  if (tasks.some((task) => table.isLive(task) || observedState(task) === TaskState.COMPLETE))
    return false;
  const newest = tasks.at(-1);
  return newest === undefined || !endedByItself(newest) || mayRestart(table.service, slot, newest);
}
