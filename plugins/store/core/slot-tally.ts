/**
 * The slots of each service, counted as tasks come and go: which need a look, and how many do not. Part of
 * the state like any index, so that drafts, pins and restored snapshots each have their own.
 */
import type { SlotGroup, SlotTally } from '@swarmkit/sdk/contracts/store';
import {
  groupOfSlot,
  holdsTasks,
  isStarting,
  kindOfTask,
  mayBeQuiet,
  type QuietSlot,
  quietSlot,
  secondOf,
  settledAt,
} from '@swarmkit/sdk/model/quiet-slot';
import { isWantedActive } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { SlotGroupTally } from './slot-group.js';
import { SlotNumbers } from './slot-numbers.js';
import { type Edit, Trie } from './trie.js';

export class ServiceSlots implements SlotTally {
  static readonly none = new ServiceSlots(
    0,
    Trie.empty(),
    Trie.empty(),
    SlotNumbers.none,
    Trie.empty(),
    Trie.empty(),
  );

  private constructor(
    readonly quiet: number,
    private readonly groupsByKey: Trie<SlotGroupTally>,
    private readonly nodeCounts: Trie<number>,
    private readonly numbers: SlotNumbers,
    private readonly others: Trie<bigint>,
    /** How many numbered slots have so many tasks. */
    private readonly sizes: Trie<number>,
  ) {}

  get isEmpty(): boolean {
    return this.quiet === 0 && this.others.size === 0 && this.sizes.size === 0;
  }

  get largest(): number {
    let largest = 0;
    this.sizes.forEach((_count, size) => {
      largest = Math.max(largest, Number(size));
    });
    return largest;
  }

  get groups(): readonly SlotGroup[] {
    return [...this.groupsByKey.values()];
  }

  get nodes(): readonly string[] {
    const ids: string[] = [];
    this.nodeCounts.forEach((_count, id) => {
      ids.push(id);
    });
    return ids;
  }

  get restless(): readonly bigint[] {
    const slots: bigint[] = [];
    this.others.forEach((slot) => {
      slots.push(slot);
    });
    return slots;
  }

  freeFrom(from: bigint): bigint {
    return this.numbers.freeFrom(from);
  }

  withQuiet(slot: QuietSlot, sign: 1 | -1, edit: Edit): ServiceSlots {
    const { nodeId, slot: number } = slot.live;
    return new ServiceSlots(
      this.quiet + sign,
      counted(this.groupsByKey, slot, sign, edit),
      nodeId === '' ? this.nodeCounts : countedKey(this.nodeCounts, nodeId, sign, edit),
      this.numbers.flipped(number, edit),
      this.others,
      this.sizes,
    );
  }

  withRestless(slot: bigint, is: boolean, edit: Edit): ServiceSlots {
    const key = String(slot);
    return new ServiceSlots(
      this.quiet,
      this.groupsByKey,
      this.nodeCounts,
      this.numbers,
      is ? this.others.set(key, slot, edit) : this.others.delete(key, edit),
      this.sizes,
    );
  }

  withSize(size: number, sign: 1 | -1, edit: Edit): ServiceSlots {
    if (size === 0) return this;
    return new ServiceSlots(
      this.quiet,
      this.groupsByKey,
      this.nodeCounts,
      this.numbers,
      this.others,
      countedKey(this.sizes, String(size), sign, edit),
    );
  }
}

function counted(
  groups: Trie<SlotGroupTally>,
  slot: QuietSlot,
  sign: 1 | -1,
  edit: Edit,
): Trie<SlotGroupTally> {
  const key = groupOfSlot(slot);
  const group = (groups.get(key) ?? SlotGroupTally.of(slot)).with(slot, sign, edit);
  return group.count === 0 ? groups.delete(key, edit) : groups.set(key, group, edit);
}

function countedKey(counts: Trie<number>, key: string, sign: 1 | -1, edit: Edit): Trie<number> {
  const count = (counts.get(key) ?? 0) + sign;
  return count === 0 ? counts.delete(key, edit) : counts.set(key, count, edit);
}

/** What a slot is to its service. */
export interface Standing {
  readonly is: QuietSlot | 'restless' | undefined;
  /** Tasks in it; 0 where they are not those of a numbered slot. */
  readonly size: number;
}

export const noStanding: Standing = { is: undefined, size: 0 };
/** All tasks of a global service: that there are some is enough. */
export const numberless: Standing = { is: 'restless', size: 0 };

/** `tasks`: all of the slot. */
export const standingOf = (tasks: readonly Task[]): Standing => ({
  is: quietSlot(tasks) ?? (holdsTasks(tasks) ? 'restless' : undefined),
  size: tasks.length,
});

/** Whether the change of a task may change what its slot, or another, is. Most changes do not. */
export function movesSlot(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  if (before.serviceId !== after.serviceId || before.slot !== after.slot) return true;
  const isOther = before.endpoint !== after.endpoint && kindOfTask(before) !== kindOfTask(after);
  if (mayBeQuiet(before) && mayBeQuiet(after))
    return isOther || before.nodeId !== after.nodeId || isFurther(before, after);
  const isHistory = (task: Task): boolean =>
    !isWantedActive(task) && task.desiredState < TaskState.REMOVE;
  return isOther || !(isHistory(before) && isHistory(after));
}

/** It began to run, or another time is told at which it did. */
const isFurther = (before: Task, after: Task): boolean =>
  isStarting(before) !== isStarting(after) ||
  (!isStarting(after) && secondOf(settledAt(before)) !== secondOf(settledAt(after)));

/** The tallies when a slot of the service goes from one standing to another. */
export function slotMoved(
  tallies: Trie<ServiceSlots>,
  serviceId: string,
  slot: bigint,
  before: Standing,
  after: Standing,
  edit: Edit,
): Trie<ServiceSlots> {
  if (before === after) return tallies;
  let slots = tallies.get(serviceId) ?? ServiceSlots.none;
  slots = moved(slots, slot, before, -1, edit);
  slots = moved(slots, slot, after, 1, edit);
  return slots.isEmpty ? tallies.delete(serviceId, edit) : tallies.set(serviceId, slots, edit);
}

function moved(
  slots: ServiceSlots,
  slot: bigint,
  { is, size }: Standing,
  sign: 1 | -1,
  edit: Edit,
): ServiceSlots {
  const sized = slots.withSize(size, sign, edit);
  if (is === undefined) return sized;
  return is === 'restless'
    ? sized.withRestless(slot, sign === 1, edit)
    : sized.withQuiet(is, sign, edit);
}
