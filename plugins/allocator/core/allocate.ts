/**
 * The allocator's stage of the turn: gives networks their subnets, services ports and virtual addresses, nodes
 * and tasks addresses, and lets tasks pass from NEW to PENDING once what they need is in place; a task that
 * has to wait says for what. It looks at what changed, and at whatever waits when something may have come free.
 */
import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { Dirty, ObjectRef, TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { isTerminal, observedState, taskTime } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import type { Network, Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AddressBook, type Usage } from './address-book.js';
import { ClusterNetworks } from './cluster-networks.js';
import { allocateServices, servicesToSettle } from './endpoints.js';
import { allocateNetworks } from './networks.js';
import { addAttachments, dropAttachments, nodesOn } from './node-attachments.js';
import { attachmentsOf } from './task-networks.js';

export interface Allocation extends TurnResult {
  /** Of the networks that gave addresses. */
  readonly usage: readonly Usage[];
  /** Nodes that have tasks on a network, or could have published ports, and no address. */
  readonly withoutAddress: readonly {
    readonly node: Node;
    readonly networks: readonly Network[];
  }[];
}

/** Changes about `limit` tasks; those it does not come to are for the next run. */
export function allocate({ draft, now, dirty }: TurnInput, ipam: Ipam, limit: number): Allocation {
  const isNew = allocateNetworks(draft, ipam, dirty);
  const networks = new ClusterNetworks(draft, ipam);
  const book = new AddressBook(draft, ipam, now);
  noteEnded(draft, book, dirty);
  // Where somebody waits for an address, all are looked at who may; else only what changed.
  const full = book.askAgain();
  let mayHaveFreed = somethingWent(draft, dirty) || full.length > 0;
  // What nodes give up is there for services; what services give up is there for nodes and tasks.
  for (const node of nodesToLookAt(draft, dirty, isNew))
    if (dropAttachments(draft, networks, book, node)) mayHaveFreed = true;
  const tasks = waitingTasks(draft, dirty, mayHaveFreed);
  const services = servicesToSettle(draft, networks, dirty, tasks, mayHaveFreed);
  const problems = allocateServices(draft, networks, book, services);
  const withoutAddress: { node: Node; networks: readonly Network[] }[] = [];
  const isIngressFull = full.some(({ id }) => id === networks.ingress?.id);
  for (const node of nodesToLookAt(draft, dirty, isNew || isIngressFull, nodesOn(draft, full))) {
    const lacking = addAttachments(draft, networks, book, node);
    if (lacking.length > 0) withoutAddress.push({ node, networks: lacking });
  }
  let room = limit;
  const unfinished: ObjectRef[] = [];
  const pass = passer(draft, now, networks, book, problems);
  for (const task of tasks)
    if (room <= 0) unfinished.push({ kind: 'task', id: task.id });
    else if (pass(task)) room -= 1;
  return { unfinished, usage: book.close(), withoutAddress };
}

/** The states of `isTerminal`: a first look at a large cluster is to read those that ended, not those that run. */
const ended = [
  TaskState.COMPLETE,
  TaskState.SHUTDOWN,
  TaskState.FAILED,
  TaskState.REJECTED,
  TaskState.REMOVE,
  TaskState.ORPHANED,
];

/** Tasks that ended free what they were given; the network remembers since when. */
function noteEnded(view: View, book: AddressBook, dirty: Dirty): void {
  const tasks = dirty.everything
    ? ended.flatMap((state) => view.find('task', { by: 'taskState', state }))
    : present(dirty.ids('task'), (id) => view.get('task', id));
  for (const task of tasks) {
    if (task.networks.length === 0 || !isTerminal(task)) continue;
    const at = timestampToMs(taskTime(task)) ?? 0;
    for (const { network, addresses } of task.networks)
      for (const address of addresses) book.freed(network?.id ?? '', address, at);
    for (const { networkId, addr } of task.endpoint?.virtualIps ?? [])
      book.freed(networkId, addr, at);
  }
}

/** Whether an address may have come free, or a network that others wait for is there now. */
function somethingWent(view: View, dirty: Dirty): boolean {
  if (dirty.everything) return true;
  if (dirty.ids('service').size + dirty.ids('network').size + dirty.ids('cluster').size > 0)
    return true;
  for (const id of dirty.ids('task')) {
    const task = view.get('task', id);
    if (task === undefined || isTerminal(task)) return true;
  }
  for (const id of dirty.ids('node')) if (view.get('node', id) === undefined) return true;
  return false;
}

/** In the order of ids. `more`: others that are to be looked at in any case. */
function nodesToLookAt(
  view: View,
  dirty: Dirty,
  all: boolean,
  more: Iterable<string> = [],
): readonly Node[] {
  if (all || dirty.everything || dirty.ids('network').size > 0)
    return [...view.find('node', { by: 'all' })].sort(byId);
  const ids = new Set([...dirty.ids('node'), ...dirty.nodesOfTasks(), ...more]);
  return present(ids, (id) => view.get('node', id)).sort(byId);
}

/** Tasks in NEW that a change may have moved, in the order of ids. */
function waitingTasks(view: View, dirty: Dirty, mayHaveFreed: boolean): readonly Task[] {
  const all = mayHaveFreed
    ? view.find('task', { by: 'taskState', state: TaskState.NEW })
    : present(dirty.ids('task'), (id) => view.get('task', id));
  return all.filter((task) => observedState(task) === TaskState.NEW).sort(byId);
}

/** What lets a task pass; true where it was changed. */
function passer(
  draft: Draft,
  now: number,
  networks: ClusterNetworks,
  book: AddressBook,
  problems: ReadonlyMap<string, string>,
): (task: Task) => boolean {
  return (task) => {
    const service = draft.get('service', task.serviceId);
    // The orchestrator removes tasks without a service, the reaper those that wait for their removal.
    if (service === undefined && task.serviceId !== '') return false;
    if (task.desiredState > TaskState.SHUTDOWN) return false;
    const passed = { state: TaskState.PENDING, message: 'pending task scheduling', err: '' };
    // It shall not run any more and so needs nothing; the scheduler puts it to rest.
    if (task.desiredState > TaskState.COMPLETE) {
      draft.update('task', { ...task, status: changedStatus(task, now, passed) });
      return true;
    }
    const ofService = problems.get(task.serviceId);
    const answer =
      ofService === undefined
        ? attachmentsOf(draft, networks, book, task, service)
        : { problem: ofService };
    if (answer.problem === undefined)
      draft.update('task', {
        ...task,
        networks: answer.attachments,
        endpoint: service === undefined ? task.endpoint : service.endpoint,
        status: changedStatus(task, now, passed),
      });
    else if (task.status?.err !== answer.problem)
      draft.update('task', { ...task, status: changedStatus(task, now, { err: answer.problem }) });
    else return false;
    return true;
  };
}

function present<T>(ids: Iterable<string>, get: (id: string) => T | undefined): T[] {
  const found: T[] = [];
  for (const id of ids) {
    const object = get(id);
    if (object !== undefined) found.push(object);
  }
  return found;
}

/** Of different objects: no two have one id. */
const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : 1;
