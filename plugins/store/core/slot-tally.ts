/**
 * The slots of each service, counted as tasks come and go: which need a look, and how many do not. Part of
 * the state like any index, so that drafts, pins and restored snapshots each have their own.
 */
import type { SlotTally } from '@swarmkit/sdk/contracts/store';
import { holdsTasks, kindOfTask, mayBeQuiet, quietTask } from '@swarmkit/sdk/model/quiet-slot';
import { isWantedActive } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { type Edit, Trie } from './trie.js';

/** Numbers of quiet slots as bits, so many to a set. */
const numbersInSet = 256n;
const wordsInSet = 8;

interface Kind {
  readonly count: number;
  /** One task of the kind, maybe as it was some time ago: its specs are what matters. */
  readonly sample: Task;
}

export class ServiceSlots implements SlotTally {
  static readonly none = new ServiceSlots(
    0,
    Trie.empty(),
    Trie.empty(),
    Trie.empty(),
    Trie.empty(),
  );

  private constructor(
    readonly quiet: number,
    private readonly kindsByKey: Trie<Kind>,
    private readonly nodeCounts: Trie<number>,
    private readonly numbers: Trie<Uint32Array>,
    private readonly others: Trie<bigint>,
  ) {}

  get isEmpty(): boolean {
    return this.quiet === 0 && this.others.size === 0;
  }

  get kinds(): readonly Task[] {
    const samples: Task[] = [];
    this.kindsByKey.forEach(({ sample }) => {
      samples.push(sample);
    });
    return samples;
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
    for (let slot = from; ; ) {
      const set = this.numbers.get(setKey(slot));
      if (set === undefined) return slot;
      const first = slot - (slot % numbersInSet);
      for (let at = Number(slot - first); at < Number(numbersInSet); at++)
        if (((set[at >>> 5] as number) & (1 << (at & 31))) === 0) return first + BigInt(at);
      slot = first + numbersInSet;
    }
  }

  withQuiet(task: Task, sign: 1 | -1, edit: Edit): ServiceSlots {
    return new ServiceSlots(
      this.quiet + sign,
      counted(this.kindsByKey, task, sign, edit),
      task.nodeId === '' ? this.nodeCounts : countedNode(this.nodeCounts, task.nodeId, sign, edit),
      flipped(this.numbers, task.slot, edit),
      this.others,
    );
  }

  withRestless(slot: bigint, is: boolean, edit: Edit): ServiceSlots {
    const key = String(slot);
    return new ServiceSlots(
      this.quiet,
      this.kindsByKey,
      this.nodeCounts,
      this.numbers,
      is ? this.others.set(key, slot, edit) : this.others.delete(key, edit),
    );
  }
}

const setKey = (slot: bigint): string => String(slot / numbersInSet);

function counted(kinds: Trie<Kind>, task: Task, sign: 1 | -1, edit: Edit): Trie<Kind> {
  const key = kindOfTask(task);
  const known = kinds.get(key);
  const count = (known?.count ?? 0) + sign;
  return count === 0
    ? kinds.delete(key, edit)
    : kinds.set(key, { count, sample: known?.sample ?? task }, edit);
}

function countedNode(nodes: Trie<number>, id: string, sign: 1 | -1, edit: Edit): Trie<number> {
  const count = (nodes.get(id) ?? 0) + sign;
  return count === 0 ? nodes.delete(id, edit) : nodes.set(id, count, edit);
}

/** The sets are never changed in place: an older state may still read them. */
function flipped(numbers: Trie<Uint32Array>, slot: bigint, edit: Edit): Trie<Uint32Array> {
  const key = setKey(slot);
  const set = numbers.get(key)?.slice() ?? new Uint32Array(wordsInSet);
  const at = Number(slot % numbersInSet);
  set[at >>> 5] = (set[at >>> 5] as number) ^ (1 << (at & 31));
  return set.every((word) => word === 0) ? numbers.delete(key, edit) : numbers.set(key, set, edit);
}

/** What a slot is to its service: quiet by this task, restless, or nothing. */
export type Standing = Task | 'restless' | undefined;

/** `tasks`: all of the slot. */
export const standingOf = (tasks: readonly Task[]): Standing =>
  quietTask(tasks) ?? (holdsTasks(tasks) ? 'restless' : undefined);

/** Whether the change of a task may change what its slot, or another, is. Most changes do not. */
export function movesSlot(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || after === undefined) return true;
  if (before.serviceId !== after.serviceId || before.slot !== after.slot) return true;
  if (mayBeQuiet(before) && mayBeQuiet(after))
    return before.nodeId !== after.nodeId || kindOfTask(before) !== kindOfTask(after);
  const isHistory = (task: Task): boolean =>
    !isWantedActive(task) && task.desiredState < TaskState.REMOVE;
  return !(isHistory(before) && isHistory(after));
}

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
  if (before === 'restless') slots = slots.withRestless(slot, false, edit);
  else if (before !== undefined) slots = slots.withQuiet(before, -1, edit);
  if (after === 'restless') slots = slots.withRestless(slot, true, edit);
  else if (after !== undefined) slots = slots.withQuiet(after, 1, edit);
  return slots.isEmpty ? tallies.delete(serviceId, edit) : tallies.set(serviceId, slots, edit);
}
