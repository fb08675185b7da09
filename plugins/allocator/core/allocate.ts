/**
 * The allocator's stage of the turn: gives services their ports and lets tasks pass from NEW to PENDING
 * once what they need is in place; a task that has to wait says for what. It looks at what changed, and
 * at whatever waits when a service or network changed, since that may have freed what it waits for.
 */
import type { Dirty, ObjectRef, TurnInput, TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { compareTimestamps } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type { Endpoint, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type PortConfig, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { allocateLocal, attachmentsOf, isNodeLocal } from './networks.js';
import { isIngress, PortSpace } from './port-space.js';
import { servicePorts } from './service-ports.js';

/** Changes about `limit` tasks; those it does not come to are for the next run. */
export function allocate({ draft, now, dirty }: TurnInput, limit: number): TurnResult {
  allocateNetworks(draft, dirty);
  const tasks = waitingTasks(draft, dirty);
  const problems = allocateServices(draft, dirty, tasks);
  let room = limit;
  const unfinished: ObjectRef[] = [];
  for (const task of tasks)
    if (room <= 0) unfinished.push({ kind: 'task', id: task.id });
    else if (pass(draft, now, task, problems)) room -= 1;
  return { unfinished };
}

function allocateNetworks(draft: Draft, dirty: Dirty): void {
  const networks = dirty.everything
    ? draft.find('network', { by: 'all' })
    : present(dirty.ids('network'), (id) => draft.get('network', id));
  for (const network of networks)
    if (network.driverState === undefined && isNodeLocal(network))
      draft.update('network', allocateLocal(network));
}

/** Tasks in NEW that a change may have moved, in the order of ids. */
function waitingTasks(view: View, dirty: Dirty): readonly Task[] {
  const all =
    dirty.everything || dirty.ids('service').size > 0 || dirty.ids('network').size > 0
      ? view.find('task', { by: 'taskState', state: TaskState.NEW })
      : present(dirty.ids('task'), (id) => view.get('task', id));
  return all.filter((task) => observedState(task) === TaskState.NEW).sort(byId);
}

/** Ports for every service that needs some; the answer tells what the others wait for, by service id. */
function allocateServices(
  draft: Draft,
  dirty: Dirty,
  tasks: readonly Task[],
): ReadonlyMap<string, string> {
  const space = new LazySpace(draft);
  // Where two want the same port, the older one has it.
  let waiting = [...servicesToSettle(draft, dirty, tasks)].sort(byCreation);
  // Again while something moves: one that gives up a port may help one that was before it, and what
  // the last ones wait for must be told from how things are in the end.
  for (;;) {
    const problems = new Map<string, string>();
    let moved = false;
    for (const service of waiting) {
      const answer = endpointOf(service, space);
      if (answer.problem !== undefined) problems.set(service.id, answer.problem);
      else if (answer.endpoint !== service.endpoint) {
        draft.update('service', { ...service, endpoint: answer.endpoint });
        moved = true;
      }
    }
    if (!moved || problems.size === 0) return problems;
    waiting = waiting.filter((service) => problems.has(service.id));
  }
}

/**
 * A service that changed or went may have given up a port, and any other may wait for it, also one that
 * has no task in NEW: it was scaled to zero, or its task has been stopped. No turn but such a one moves
 * ports, so in the others the services of new tasks are enough.
 */
function servicesToSettle(view: View, dirty: Dirty, tasks: readonly Task[]): Iterable<Service> {
  if (dirty.everything) return view.find('service', { by: 'all' });
  const changed = dirty.ids('service');
  const ids = new Set(changed);
  for (const task of tasks) ids.add(task.serviceId);
  if (changed.size > 0)
    for (const service of view.find('service', { by: 'all' }))
      if (service.spec?.endpoint?.ports.some(isIngress)) ids.add(service.id);
  return present(ids, (id) => view.get('service', id));
}

/** Most turns take no port, and so never read the endpoints of all services. */
class LazySpace {
  private space: PortSpace | undefined;

  constructor(private readonly view: View) {}

  read(): PortSpace {
    this.space ??= new PortSpace(this.view.find('service', { by: 'all' }));
    return this.space;
  }

  settle(serviceId: string, held: readonly PortConfig[], ports: readonly PortConfig[]): void {
    this.space?.settle(serviceId, held, ports);
  }
}

type EndpointOrProblem =
  | { readonly endpoint: Endpoint | undefined; readonly problem?: undefined }
  | { readonly problem: string; readonly endpoint?: undefined };

/** What the service's endpoint should be: the very same object when it is right already. */
function endpointOf(service: Service, space: LazySpace): EndpointOrProblem {
  const spec = service.spec?.endpoint;
  const held = service.endpoint?.ports ?? [];
  if (spec === undefined) {
    space.settle(service.id, held, []);
    return { endpoint: undefined };
  }
  const { ports, problem } = servicePorts(service.id, spec, held, () => space.read());
  if (problem !== undefined) return { problem };
  if (wireEqual(service.endpoint?.spec, spec) && samePorts(held, ports))
    return { endpoint: service.endpoint };
  space.settle(service.id, held, ports);
  const virtualIps = service.endpoint?.virtualIps ?? [];
  return { endpoint: { ...service.endpoint, spec, ports, virtualIps } };
}

/** True where the task was changed. */
function pass(
  draft: Draft,
  now: number,
  task: Task,
  problems: ReadonlyMap<string, string>,
): boolean {
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
  const networks = attachmentsOf(draft, task, service);
  const problem = problems.get(task.serviceId) ?? networks.problem;
  if (problem === undefined && networks.problem === undefined)
    draft.update('task', {
      ...task,
      networks: networks.attachments,
      endpoint: service === undefined ? task.endpoint : service.endpoint,
      status: changedStatus(task, now, passed),
    });
  else if (problem !== undefined && task.status?.err !== problem)
    draft.update('task', { ...task, status: changedStatus(task, now, { err: problem }) });
  else return false;
  return true;
}

/** In whatever order: a SwarmKit manager may have written them in another. */
const samePorts = (a: readonly PortConfig[], b: readonly PortConfig[]): boolean =>
  a.length === b.length && b.every((port) => a.some((other) => wireEqual(port, other)));

function present<T>(ids: Iterable<string>, get: (id: string) => T | undefined): T[] {
  const found: T[] = [];
  for (const id of ids) {
    const object = get(id);
    if (object !== undefined) found.push(object);
  }
  return found;
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
  a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

const byCreation = (a: Service, b: Service): number =>
  compareTimestamps(a.meta?.createdAt, b.meta?.createdAt) || byId(a, b);
