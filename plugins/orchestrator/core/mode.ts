/**
 * What differs between replicated and global, service and job: which slots there should be, and what
 * becomes of a live task. Everything else, restarts, delays and updates, is the same for all.
 */
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';

/** keep: nothing to do. restart: stop it and replace it by its policy. stop: stop it, as history. */
export type Verdict = 'keep' | 'restart' | 'stop';

export interface Mode {
  /** On each live task, before `shape`. */
  judge(table: SlotTable, task: Task): Verdict;
  /** Fills the slots that should exist, retires the others; answers those that updates apply to. */
  shape(table: SlotTable): readonly Slot[];
}
