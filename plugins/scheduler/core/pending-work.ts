/** Which tasks to look at in this turn, and in which order. Never more than what a change can have moved. */
import type { Dirty } from '@swarmkit/sdk/contracts/reconciler';
import type { View } from '@swarmkit/sdk/contracts/store';
import { isTerminal, isWantedActive, observedState } from '@swarmkit/sdk/model/task';
import { compareTimestamps } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Heap } from './heap.js';

/** Tasks that are equal to the scheduler: one of them speaks for all. */
export type Group = readonly [Task, ...Task[]];

export const isGroup = (tasks: readonly Task[]): tasks is Group => tasks.length > 0;

export interface PendingWork {
  /** No longer wanted before they were placed. */
  readonly unwanted: readonly Task[];
  /** Tied to a node from birth; they only need its nod. */
  readonly preassigned: readonly Task[];
  /** Equal tasks together, the group with the oldest one first, which also stands first in its group. */
  readonly groups: readonly Group[];
}

export function pendingWork(view: View, dirty: Dirty): PendingWork {
  const tasks = mayFit(view, dirty)
    ? view.find('task', { by: 'taskState', state: TaskState.PENDING })
    : dirtyPending(view, dirty);
  const unwanted: Task[] = [];
  const preassigned: Task[] = [];
  const queue: Task[] = [];
  for (const task of tasks) {
    if (!isWantedActive(task)) unwanted.push(task);
    else if (task.nodeId !== '') preassigned.push(task);
    else queue.push(task);
  }
  return { unwanted, preassigned: preassigned.sort(byAge), groups: grouped(queue) };
}

/**
 * Whether a task that found no place before may find one now: a node changed, or a task made room.
 * An id is never used twice, so a task that is there and has no node is not one that has left room.
 */
function mayFit(view: View, dirty: Dirty): boolean {
  if (dirty.everything || dirty.ids('node').size > 0) return true;
  for (const id of dirty.ids('task')) {
    const task = view.get('task', id);
    if (task === undefined) return true;
    if (task.nodeId !== '' && (isTerminal(task) || !isWantedActive(task))) return true;
  }
  return false;
}

function dirtyPending(view: View, dirty: Dirty): Task[] {
  const tasks: Task[] = [];
  for (const id of dirty.ids('task')) {
    const task = view.get('task', id);
    if (task !== undefined && observedState(task) === TaskState.PENDING) tasks.push(task);
  }
  return tasks;
}

/** By service and spec version; a task without a spec version may differ from all others and stays alone. */
function grouped(tasks: readonly Task[]): readonly Group[] {
  const alone: Group[] = [];
  const services = new Map<string, Map<bigint, [Task, ...Task[]]>>();
  for (const task of tasks) {
    if (task.specVersion === undefined) {
      alone.push([task]);
      continue;
    }
    const versions = services.get(task.serviceId) ?? new Map<bigint, [Task, ...Task[]]>();
    services.set(task.serviceId, versions);
    const group = versions.get(task.specVersion.index);
    if (group === undefined) versions.set(task.specVersion.index, [task]);
    else if (byAge(task, group[0]) < 0) {
      group.push(group[0]);
      group[0] = task;
    } else group.push(task);
  }
  const equal = [...services.values()].flatMap((versions) => [...versions.values()]);
  return [...alone, ...equal].sort(([a], [b]) => byAge(a, b));
}

/**
 * The oldest so many of a group, in their order, and the others in none: thousands may wait, and a turn has
 * room for a few.
 */
export function oldestFirst(
  group: readonly Task[],
  count: number,
): { readonly first: readonly Task[]; readonly rest: readonly Task[] } {
  if (group.length <= count) return { first: [...group].sort(byAge), rest: [] };
  const first = group.slice(0, count);
  const rest: Task[] = [];
  const youngest = new Heap(first, (a, b) => byAge(a, b) > 0);
  for (const task of group.slice(count)) {
    const { top } = youngest;
    if (top === undefined || byAge(task, top) > 0) rest.push(task);
    else {
      rest.push(top);
      youngest.topIs(task);
    }
  }
  return { first: first.sort(byAge), rest };
}

function byAge(a: Task, b: Task): number {
  const age = compareTimestamps(a.meta?.createdAt, b.meta?.createdAt);
  if (age !== 0) return age;
  if (a.serviceId !== b.serviceId) return a.serviceId < b.serviceId ? -1 : 1;
  if (a.slot !== b.slot) return a.slot < b.slot ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
