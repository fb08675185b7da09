/**
 * Moves a service to its present spec, slot by slot: never more than `parallelism` under way, a rest
 * after each, and a watch over the new tasks before it is called complete. One step of a state machine
 * a run; where it stands is read from the tasks and the update status alone, so a new leader goes on
 * where the old one was. What stops it half way is in `update-failure`.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import { noRoomFor } from '@swarmkit/sdk/model/update-room';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, UpdateConfig_UpdateOrder } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { createdAt, type Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { isPausedUpdate, isUpdating } from './update-machine.js';
import { type UpdatePolicy, updateConfig, updatePolicy, watchMs } from './update-policy.js';
import { progressOf, type SlotProgress, startOfUpdate } from './update-progress.js';
import { endOf } from './world.js';

/** `slots` are those that should be up to date. */
export function update(table: SlotTable, slots: readonly Slot[]): void {
  const policy = updatePolicy(table.service);
  // Also in a pause: what is under way is brought to its end.
  for (const slot of slots) if (!table.isSpent) dropSurplus(table, slot, policy.order);
  if (isPausedUpdate(table.service)) return;

  // Those that it takes up in this run come to it.
  const looked = [...slots];
  const progress = () => looked.map((slot) => progressOf(table, slot));
  const isOutdated = () => table.aside?.hasOutdated || progress().some((each) => each.outdated);
  if (!isUpdating(table.service)) {
    if (!isOutdated()) return;
    if (table.aside === undefined && table.lacksSlots()) return;
    table.moveUpdate({ type: 'outdated' });
  }
  if (isBlocked(table, policy, progress())) return;
  looked.push(...startNext(table, policy, progress()));
  // Once more: what was just made has a deadline too.
  if (isBlocked(table, policy, progress())) return;
  finishWhenWatched(table, policy, progress());
}

/** True where it was stopped: it can never arrive, or has taken longer than its service allows. */
function isBlocked(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
): boolean {
  const underWay = progress.flatMap(({ attempt }) =>
    attempt !== undefined && attempt.settledAt === undefined ? [attempt.task] : [],
  );
  const isDone = !table.aside?.hasOutdated && !progress.some((each) => each.outdated);
  if (underWay.length === 0 && isDone) return false;
  const { service, world } = table;
  const noRoom = service.spec && noRoomFor(service.spec, updateConfig(service), world.nodes);
  const why = noRoom ?? whyLate(table, policy, underWay);
  if (why === undefined) return false;
  table.moveUpdate({ type: 'blocked', why });
  return true;
}

function whyLate(
  table: SlotTable,
  { progressDeadlineMs }: UpdatePolicy,
  underWay: readonly Task[],
): string | undefined {
  if (progressDeadlineMs === undefined) return undefined;
  const { now } = table.world;
  for (const task of underWay) {
    // A task that an earlier update left gets its whole time again.
    const from = Math.max(createdAt(task, now), Math.min(startOfUpdate(table), now));
    const until = endOf(from, progressDeadlineMs, now);
    if (until > now) table.world.wakeAt(until);
    else return `task ${task.id} does not run after ${progressDeadlineMs / 1000} s${whyNot(task)}`;
  }
  return undefined;
}

const whyNot = ({ status }: Task): string => {
  const why = status?.err || status?.message;
  return why ? ` (${why})` : '';
};

/**
 * Leaves one task in a slot that has an up to date one: the furthest. Start-first keeps the old ones
 * until the new one runs; that is the only time when two tasks of a slot are wanted RUNNING.
 */
function dropSurplus(table: SlotTable, slot: Slot, order: UpdateConfig_UpdateOrder): void {
  const live = table.live(slot);
  if (live.length < 2) return;
  const clean = live.filter((task) => !table.isDirty(task));
  const [keep] = [...clean].sort((a, b) => advance(b) - advance(a));
  if (keep === undefined) return;
  const replaces =
    order !== UpdateConfig_UpdateOrder.START_FIRST || observedState(keep) === TaskState.RUNNING;
  for (const task of live)
    if (task.id !== keep.id && (replaces || clean.includes(task)))
      table.raise(slot, task, TaskState.SHUTDOWN);
}

/** How near a task is to running; one that ended, and waits to be replaced, is the farthest. */
const advance = (task: Task): number => {
  const observed = observedState(task);
  return observed > TaskState.RUNNING ? -1 : observed;
};

/** Answers the slots that it took up and nobody had looked at. */
function startNext(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
): readonly Slot[] {
  const outdated = progress.filter((each) => each.outdated).map(({ slot }) => slot);
  if (outdated.length === 0 && !table.aside?.hasOutdated) return [];
  const { now } = table.world;
  const resting = table.aside?.since(policy.delayMs, now) ?? nobody;
  for (const until of resting.until) table.world.wakeAt(until);
  let free = policy.parallelism - comingUpBeside(table, progress) - resting.count;
  for (const { attempt } of progress) {
    if (attempt === undefined) continue;
    if (attempt.settledAt === undefined) {
      free -= 1;
      continue;
    }
    const restsUntil = endOf(attempt.settledAt, policy.delayMs, now);
    if (restsUntil <= now) continue;
    free -= 1;
    table.world.wakeAt(restsUntil);
  }
  // More than its share of the run would be read in vain.
  const read = table.readNext(Math.max(0, Math.min(free, table.room + 1)));
  // What does not run has nothing to lose.
  const next = [...outdated, ...read]
    .map((slot) => ({ slot, runs: runs(table, slot) }))
    .sort((a, b) => Number(a.runs) - Number(b.runs) || compareNames(a.slot, b.slot));
  for (const { slot } of next.slice(0, Math.max(0, free)))
    if (!table.isSpent) replace(table, slot, policy.order);
  return read;
}

const nobody = { count: 0, until: [] };

/**
 * Slots that are not to be updated any more (their node was paused meanwhile), with a task of an update
 * that still comes up. One that waits for a node is not counted: it would hold up the others until
 * somebody ends the pause.
 */
function comingUpBeside(table: SlotTable, progress: readonly SlotProgress[]): number {
  const updated = new Set(progress.map(({ slot }) => slot));
  const comesUp = (slot: Slot): boolean => {
    const { attempt } = progressOf(table, slot);
    return (
      attempt !== undefined &&
      attempt.settledAt === undefined &&
      observedState(attempt.task) >= TaskState.ASSIGNED
    );
  };
  return table.slots.filter((slot) => !updated.has(slot) && comesUp(slot)).length;
}

/** The new task comes first, so that the slot is never empty. `letGo` says when it may start. */
function replace(table: SlotTable, slot: Slot, order: UpdateConfig_UpdateOrder): void {
  const old = [...table.live(slot)].sort((a, b) => advance(b) - advance(a));
  const startFirst = order === UpdateConfig_UpdateOrder.START_FIRST;
  table.create(slot.name, startFirst ? table.goal : TaskState.READY);
  // Start-first keeps one old task, and none that still waited for its own start.
  const kept = startFirst ? old.find((task) => task.desiredState === table.goal) : undefined;
  for (const task of old) if (task !== kept) table.raise(slot, task, TaskState.SHUTDOWN);
}

/**
 * The update is over when nothing is outdated and every task it made, or found under way, has settled
 * and been watched.
 */
function finishWhenWatched(
  table: SlotTable,
  policy: UpdatePolicy,
  progress: readonly SlotProgress[],
): void {
  if (table.aside?.hasOutdated) return;
  const { now } = table.world;
  // Of those that nobody looked at the second is known: early, then, and never late.
  let watchedUntil = Math.max(now, ...(table.aside?.since(watchMs(policy), now).until ?? []));
  for (const { attempt, outdated } of progress) {
    if (outdated) return;
    if (attempt === undefined) continue;
    if (attempt.settledAt === undefined) return;
    watchedUntil = Math.max(watchedUntil, endOf(attempt.settledAt, watchMs(policy), now));
  }
  if (watchedUntil > now) table.world.wakeAt(watchedUntil);
  else table.moveUpdate({ type: 'done' });
}

const runs = (table: SlotTable, slot: Slot): boolean =>
  table.live(slot).some((task) => observedState(task) === TaskState.RUNNING);

const compareNames = ({ name: a }: Slot, { name: b }: Slot): number =>
  Number(a.slot - b.slot) || Number(a.nodeId > b.nodeId) - Number(a.nodeId < b.nodeId);
