/**
 * The tasks of one service by slot: read once, then changed together with the draft, so that each step
 * of a run sees what the steps before it planned, at the cost of this service's tasks alone.
 * Desired state only goes up; tasks that are to be removed are out of the table.
 */
import {
  type Constraint,
  meetsConstraints,
  parseConstraintsOrNone,
} from '@swarmkit/sdk/model/constraint';
import { type DirtyCheck, dirtyCheck } from '@swarmkit/sdk/model/dirty-task';
import { byAge } from '@swarmkit/sdk/model/quiet-slot';
import { isJob, newTask, slotOf } from '@swarmkit/sdk/model/task';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Node, RestartBackoff, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { mayRestart } from './restart-policy.js';
import { isUsable } from './node-fitness.js';
import { HiddenSlots } from './hidden-slots.js';
import type { Slot, SlotName } from './slot.js';
import { type Event, isRollback, next } from './update-machine.js';
import { spansOf } from './update-policy.js';
import { isForgetful, type SlotProgress } from './update-progress.js';
import type { World } from './world.js';

interface OpenSlot extends Slot {
  readonly tasks: Task[];
}

/** One change costs about as much as reading so many slots. */
const SLOTS_FOR_A_CHANGE = 200;

/**
 * whole: every slot. restless: those that may need something, and quiet ones on nodes that went. moving: those
 * that an update has to look at besides; all, where that cannot be told from specs alone.
 */
export type Reach = 'whole' | 'restless' | 'moving';

export class SlotTable {
  /** RUNNING for services, COMPLETE for jobs: where a task is let go to, and up to where it is live. */
  readonly goal: TaskState;
  /** How many quiet slots were not read: nothing is to be done with any of them for itself. */
  readonly hidden: number;
  /** The same to an update; undefined where it may not count on it. */
  readonly aside: HiddenSlots | undefined;
  private short = false;
  private readonly share: number;
  private current: Service;
  private changes = 0;
  private progress = new Map<readonly Task[], SlotProgress>();
  private readonly open = new Map<bigint | string, OpenSlot>();
  private readonly seen = new Set<bigint | string>();
  private readonly check: DirtyCheck;
  private parsed: readonly Constraint[] | undefined;

  constructor(
    readonly world: World,
    service: Service,
    share: number,
    reach: Reach,
  ) {
    this.current = service;
    this.goal = isJob(service) ? TaskState.COMPLETE : TaskState.RUNNING;
    this.check = dirtyCheck(service);
    this.aside =
      reach === 'moving'
        ? HiddenSlots.of(service, this.groups, isForgetful(this), this.isRead)
        : undefined;
    const isWhole = reach === 'whole' || (reach === 'moving' && this.aside === undefined);
    this.hidden = isWhole ? this.readAll() : this.readRestless();
    world.slotsRead += this.open.size;
    // Whoever had to read so many may change a few more: else many slots would be read once too often.
    this.share = Math.max(share, Math.floor(this.open.size / SLOTS_FOR_A_CHANGE));
    for (const slot of this.open.values()) if (slot.tasks.length > 1) slot.tasks.sort(byAge);
  }

  /** Slots that an update takes up next, which were not read so far. */
  readNext(limit: number): readonly Slot[] {
    const numbers = this.aside?.nextOutdated(limit) ?? [];
    this.world.slotsRead += numbers.length;
    const before = this.open.size;
    for (const slot of numbers) this.read(slot);
    const read = [...this.open.values()].slice(before);
    for (const { tasks } of read) tasks.sort(byAge);
    return read;
  }

  /** What is left of its share. */
  get room(): number {
    return this.share - this.changes;
  }

  /** Something is to be done for which the hidden slots must be known. Nothing more is done with this table. */
  get isShort(): boolean {
    return this.short;
  }

  /** True where a step may not go on without the hidden slots. */
  lacksSlots(): boolean {
    this.short = this.hidden > 0;
    return this.short;
  }

  /** This service has cost its share of the run: whoever walks over its tasks stops here. */
  get isSpent(): boolean {
    return this.changes >= this.share;
  }

  /** As it is now, with what this run changed. */
  get service(): Service {
    return this.current;
  }

  /** A copy: safe to walk while slots change. */
  get slots(): readonly Slot[] {
    return [...this.open.values()];
  }

  at(name: SlotName): Slot | undefined {
    return this.open.get(keyOf(name));
  }

  isLive(task: Task): boolean {
    return task.desiredState <= this.goal;
  }

  live(slot: Slot): readonly Task[] {
    return slot.tasks.filter((task) => this.isLive(task));
  }

  /**
   * The tasks that make a slot count as filled: its live ones, else its newest when that one must not
   * be restarted (it did its work, or used up its attempts). Empty for a dead slot. During a rollback
   * what ended under the spec that is given up holds nothing, and is made again under the old one.
   */
  standing(slot: Slot): readonly Task[] {
    const live = this.live(slot);
    if (live.length > 0) return live;
    const newest = slot.tasks.at(-1);
    if (newest === undefined || mayRestart(this.service, slot, newest)) return [];
    return isRollback(this.service) && this.isDirty(newest) ? [] : [newest];
  }

  nodeOf(task: Task): Node | undefined {
    return this.world.node(task.nodeId);
  }

  isDirty(task: Task): boolean {
    return this.check(task, this.nodeOf(task));
  }

  /** `make`, once for each slot until the slot or the service changes: four steps ask the same. */
  progressOf(slot: Slot, make: () => SlotProgress): SlotProgress {
    const known = this.progress.get(slot.tasks) ?? make();
    this.progress.set(slot.tasks, known);
    return known;
  }

  /** Whether the node meets the service's present constraints. */
  isAllowedOn(node: Node): boolean {
    this.parsed ??= parseConstraintsOrNone(this.service.spec?.task?.placement?.constraints ?? []);
    return meetsConstraints(node, this.parsed);
  }

  /** Answers the slot, which may be new too. */
  create(name: SlotName, desiredState: TaskState, restartBackoff?: RestartBackoff): Slot {
    this.changes += 1;
    const task = this.world.draft.create(
      'task',
      newTask(this.service, {
        id: this.world.id(),
        now: this.world.now,
        slot: name.slot,
        nodeId: name.nodeId,
        desiredState,
        restartBackoff,
        cluster: this.world.cluster,
      }),
    );
    const slot = this.openAt(name);
    this.progress.delete(slot.tasks);
    slot.tasks.push(task);
    // Usually the youngest, but not where the clock went back.
    if (slot.tasks.length > 1) slot.tasks.sort(byAge);
    return slot;
  }

  /** Sets the desired state, which must be lower now. */
  raise(slot: Slot, task: Task, desiredState: TaskState): void {
    invariant(desiredState > task.desiredState, 'ORCH_DESIRED_FELL', {
      task: task.id,
      from: task.desiredState,
      to: desiredState,
    });
    this.changes += 1;
    const raised = this.world.draft.update('task', { ...task, desiredState });
    const tasks = this.openAt(slot.name).tasks;
    this.progress.delete(tasks);
    const index = tasks.findIndex((other) => other.id === task.id);
    if (desiredState >= TaskState.REMOVE) tasks.splice(index, 1);
    else tasks[index] = raised;
  }

  /** Takes the slot away: all its tasks, history too, are to be stopped and forgotten. */
  retire(slot: Slot): void {
    for (const task of [...slot.tasks]) this.raise(slot, task, TaskState.REMOVE);
    this.open.delete(keyOf(slot.name));
  }

  moveUpdate(event: Event): void {
    const change = next(this.current, event, this.world.now);
    this.current = this.world.draft.update('service', { ...this.current, ...change });
    this.progress = new Map();
  }

  /** Of the quiet slots that were not read, how many have a task that is not where it should get to. */
  get hiddenUnderWay(): number {
    const all = Number.POSITIVE_INFINITY;
    return this.groups.reduce((sum, group) => sum + group.starting(all, this.isRead).length, 0);
  }

  /** The lowest number from this one on that no quiet slot has. */
  nextFree(from: bigint): bigint {
    return this.world.draft.slots(this.service.id).freeFrom(from);
  }

  private readAll(): number {
    this.take(this.world.draft.find('task', { by: 'service', id: this.service.id }));
    return 0;
  }

  private get groups() {
    return this.world.draft.slots(this.service.id).groups;
  }

  /** Also when it was given up since: it is hidden no more. */
  private readonly isRead = (slot: bigint): boolean => this.seen.has(slot);

  private read(slot: bigint): void {
    this.take(this.world.draft.find('task', { by: 'slot', serviceId: this.service.id, slot }));
  }

  private readRestless(): number {
    const { draft } = this.world;
    const serviceId = this.service.id;
    const { quiet, restless, nodes } = draft.slots(serviceId);
    for (const slot of restless) this.read(slot);
    const before = this.open.size;
    for (const id of nodes) {
      if (isUsable(this.world.node(id))) continue;
      for (const task of draft.find('task', { by: 'node', id }))
        if (task.serviceId === serviceId && !this.open.has(task.slot)) this.read(task.slot);
    }
    for (const slot of this.aside?.toRead(this.world.now, spansOf(this.service)) ?? [])
      if (!this.open.has(slot)) this.read(slot);
    return quiet - (this.open.size - before);
  }

  private take(tasks: readonly Task[]): void {
    for (const task of tasks)
      if (task.desiredState < TaskState.REMOVE)
        this.openAt(slotOf(this.service, task)).tasks.push(task);
  }

  private openAt(name: SlotName): OpenSlot {
    const key = keyOf(name);
    const slot = this.open.get(key) ?? { name, tasks: [] };
    this.open.set(key, slot);
    this.seen.add(key);
    return slot;
  }
}

/** Within one service the number or the node alone tells slots apart. */
const keyOf = ({ slot, nodeId }: SlotName): bigint | string => (nodeId === '' ? slot : nodeId);
