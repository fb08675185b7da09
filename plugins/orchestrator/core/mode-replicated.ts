/** Replicated services: N slots, numbered from 1, wherever there is room. */
import { observedState } from '@swarmkit/sdk/model/task';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Mode } from './mode.js';
import { isUsable } from './node-fitness.js';
import type { Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { bestFirst, type Filled } from './victims.js';

export const replicated = (replicas: number): Mode => ({
  judge(table, task) {
    if (observedState(task) > TaskState.RUNNING) return 'restart';
    return task.nodeId !== '' && !isUsable(table.nodeOf(task)) ? 'restart' : 'keep';
  },

  shape(table) {
    const filled: Filled[] = [];
    const dead: Slot[] = [];
    for (const slot of table.slots) {
      const standing = table.standing(slot);
      if (standing.length === 0) dead.push(slot);
      else filled.push({ slot, standing });
    }
    const room = replicas - table.hidden;
    // Which ones are too many depends on all of them.
    if (filled.length > room && table.lacksSlots()) return [];
    const ranked = filled.length > room ? bestFirst(filled) : filled;
    for (const { slot } of ranked.slice(room)) if (!table.isSpent) table.retire(slot);
    const kept = ranked.slice(0, room).map(({ slot }) => slot);
    const made = fill(table, kept, room - kept.length);
    const reused = new Set(made);
    for (const slot of dead) if (!reused.has(slot) && !table.isSpent) table.retire(slot);
    return [...kept, ...made];
  },
});

/** Lowest free numbers first; a dead slot that is used again keeps its history. */
function fill(table: SlotTable, kept: readonly Slot[], missing: number): readonly Slot[] {
  const made: Slot[] = [];
  if (missing <= 0) return made;
  const taken = new Set(kept.map((slot) => slot.name.slot));
  for (
    let number = table.nextFree(1n);
    made.length < missing && !table.isSpent;
    number = table.nextFree(number + 1n)
  ) {
    if (taken.has(number)) continue;
    const name = { serviceId: table.service.id, slot: number, nodeId: '' };
    made.push(table.create(name, TaskState.RUNNING));
  }
  return made;
}
