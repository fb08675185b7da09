/**
 * Deletes tasks that are history. Level-triggered: what may go is read off the store as it is. Deletes
 * nothing that runs or may still run on a node, whoever wants it gone: its agent must stop it first.
 */
import type { Dirty, ObjectRef, TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import {
  byTaskTime,
  isAttachment,
  isGlobal,
  isInUse,
  isTerminal,
  isWantedRunning,
  observedState,
  slotKey,
  slotOf,
  willNeverRun,
} from '@swarmkit/sdk/model/task';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { historyLimit } from './history-limit.js';

/** Removes about `limit` tasks; where there are more, the next run goes on. */
export function reap({ draft, dirty }: TurnInput, limit: number): TurnResult {
  const unfinished: ObjectRef[] = [];
  let room = limit;
  for (const task of tasksToCheck(draft, dirty)) {
    if (!isDone(task)) continue;
    if (room > 0) draft.remove('task', task.id);
    else unfinished.push({ kind: 'task', id: task.id });
    room -= 1;
  }
  const trimAll = (service: Service, slots: Iterable<readonly Task[]>, kept: number): void => {
    for (const tasks of slots) {
      if (room <= 0) {
        unfinished.push({ kind: 'service', id: service.id });
        return;
      }
      room -= trim(draft, tasks, kept);
    }
  };
  const whole = wholeServices(draft, dirty);
  for (const service of whole) {
    const kept = historyLimit(service, draft);
    if (kept === undefined || !mayExceed(draft, service, kept)) continue;
    if (room <= 0) {
      unfinished.push({ kind: 'service', id: service.id });
      continue;
    }
    const tasks = draft.find('task', { by: 'service', id: service.id });
    trimAll(service, groupBySlot(service, tasks), kept);
    room -= tasks.length / READS_FOR_A_CHANGE;
  }
  for (const [service, slots] of touchedSlots(draft, dirty, new Set(whole))) {
    const kept = historyLimit(service, draft);
    if (kept !== undefined) trimAll(service, slots, kept);
  }
  return { unfinished };
}

/** One removal costs about as much as reading so many tasks. */
const READS_FOR_A_CHANGE = 20;

/**
 * No service needs it as history: it is wanted gone and is, or has no service and will never report again. An
 * attachment that ended is nobody's: its engine may have died before it could give it up.
 */
function isDone(task: Task): boolean {
  const observed = observedState(task);
  if (task.desiredState === TaskState.REMOVE)
    return observed < TaskState.ASSIGNED || observed >= TaskState.COMPLETE;
  if (task.serviceId !== '') return false;
  return observed >= TaskState.ORPHANED || (isAttachment(task) && isTerminal(task));
}

function tasksToCheck(view: View, dirty: Dirty): readonly Task[] {
  if (dirty.everything)
    return [
      ...view.find('task', { by: 'desiredState', state: TaskState.REMOVE }),
      ...view
        .find('task', { by: 'service', id: '' })
        .filter((task) => task.desiredState !== TaskState.REMOVE),
    ];
  return present(view, dirty);
}

/** Those of which every slot may hold more than its history. */
function wholeServices(view: View, dirty: Dirty): readonly Service[] {
  return dirty.everything || dirty.ids('cluster').size > 0
    ? view.find('service', { by: 'all' })
    : [...dirty.ids('service')].flatMap((id) => view.get('service', id) ?? []);
}

/** Most changes of a service, and of the cluster, leave every slot within its limit: then nothing is read. */
const mayExceed = (view: View, service: Service, kept: number): boolean =>
  isGlobal(service) || view.slots(service.id).largest > kept;

/** The slots of the tasks that changed, by service; not of services that are looked at as a whole. */
function touchedSlots(
  view: View,
  dirty: Dirty,
  whole: ReadonlySet<Service>,
): readonly (readonly [Service, Iterable<readonly Task[]>])[] {
  const touched = new Map<Service, Map<string, readonly Task[]>>();
  for (const task of present(view, dirty)) {
    const service = view.get('service', task.serviceId);
    if (service === undefined || whole.has(service)) continue;
    const own = touched.get(service) ?? new Map<string, readonly Task[]>();
    touched.set(service, own);
    const key = slotKey(slotOf(service, task));
    if (!own.has(key)) own.set(key, tasksOfSlot(view, service, task));
  }
  return [...touched].map(([service, own]) => [service, own.values()]);
}

/**
 * Oldest first, tasks that are over go until the limit holds. What still runs counts, but stays. So does
 * a finished task that the orchestrator has not judged yet (it is still wanted), and the newest of a slot
 * where nothing else is wanted: by it the orchestrator knows that the slot must not be filled again.
 * Answers how many went.
 */
function trim(draft: Draft, tasks: readonly Task[], limit: number): number {
  const excess = tasks.length - limit;
  if (excess <= 0) return 0;
  const oldestFirst = [...tasks].sort(byTaskTime);
  if (!tasks.some(isInUse)) oldestFirst.pop();
  const history = oldestFirst
    .filter((task) => !isWantedRunning(task) && (isTerminal(task) || willNeverRun(task)))
    .slice(0, excess);
  for (const task of history) draft.remove('task', task.id);
  return history.length;
}

const present = (view: View, dirty: Dirty): readonly Task[] =>
  [...dirty.ids('task')].flatMap((id) => view.get('task', id) ?? []);

function groupBySlot(service: Service, tasks: readonly Task[]): Iterable<readonly Task[]> {
  const slots = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = slotKey(slotOf(service, task));
    const slot = slots.get(key);
    if (slot === undefined) slots.set(key, [task]);
    else slot.push(task);
  }
  return slots.values();
}

function tasksOfSlot(view: View, service: Service, task: Task): readonly Task[] {
  const { slot, nodeId } = slotOf(service, task);
  return nodeId === ''
    ? view.find('task', { by: 'slot', serviceId: service.id, slot })
    : view
        .find('task', { by: 'node', id: nodeId })
        .filter((other) => other.serviceId === service.id);
}
