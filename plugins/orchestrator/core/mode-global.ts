/** Global services: one slot on every usable node that meets the constraints. */
import { observedState } from '@swarmkit/sdk/model/task';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Mode } from './mode.js';
import { isPaused, isUsable } from './node-fitness.js';
import type { Slot, SlotName } from './slot.js';
import type { SlotTable } from './slot-table.js';

export const global: Mode = {
  judge(table, task) {
    if (task.nodeId === '') return 'stop';
    const node = table.nodeOf(task);
    // The slot goes with its node, see `retireWithNode`.
    if (node === undefined) return 'keep';
    if (!isUsable(node) || !table.isAllowedOn(node)) return 'stop';
    if (observedState(task) <= TaskState.RUNNING) return 'keep';
    return isPaused(node) ? 'stop' : 'restart';
  },

  shape(table) {
    const slots: Slot[] = [];
    for (const node of table.world.nodes) {
      if (table.isSpent) break;
      if (!takesTasks(table, node)) continue;
      const name = slotOn(table, node);
      const slot = table.at(name);
      const filled = slot !== undefined && table.standing(slot).length > 0;
      slots.push(filled ? slot : table.create(name, TaskState.RUNNING));
    }
    retireWithNode(table);
    return slots;
  },
};

/** A paused node keeps what it has: nothing is added there, nothing is updated. */
export const takesTasks = (table: SlotTable, node: Node | undefined): node is Node =>
  isUsable(node) && !isPaused(node) && table.isAllowedOn(node);

export const slotOn = (table: SlotTable, node: Node): SlotName => ({
  serviceId: table.service.id,
  slot: 0n,
  nodeId: node.id,
});

/** History is kept as long as its node is known. */
export function retireWithNode(table: SlotTable): void {
  for (const slot of table.slots)
    if (
      !table.isSpent &&
      slot.name.nodeId !== '' &&
      table.world.node(slot.name.nodeId) === undefined
    )
      table.retire(slot);
}
