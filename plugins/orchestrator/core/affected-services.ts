/**
 * Which services a run has to look at. It may name one too many, at the price of a look; one too few
 * would leave work undone, and the property tests compare it with looking at everything.
 */
import type { Dirty } from '@swarmkit/sdk/contracts/reconciler';
import {
  type Constraint,
  meetsConstraints,
  parseConstraintsOrNone,
} from '@swarmkit/sdk/model/constraint';
import { isGlobal, isJob, observedState } from '@swarmkit/sdk/model/task';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isPaused, isUsable } from './node-fitness.js';
import { earliestLetGoAt } from './restart.js';
import { isUpdating } from './update-machine.js';
import type { World } from './world.js';

/** Ids, also of services that are gone but left tasks. In id order, so that plans do not depend on chance. */
export function affectedServices(world: World, dirty: Dirty): readonly string[] {
  const ids = new Set<string>();
  const services = world.draft.find('service', { by: 'all' });
  if (dirty.everything) {
    for (const service of services) ids.add(service.id);
    for (const task of world.draft.find('task', { by: 'all' })) ids.add(task.serviceId);
  } else {
    for (const id of dirty.ids('service')) ids.add(id);
    for (const id of dirty.servicesOfTasks()) ids.add(id);
    addByNode(world, dirty, services, ids);
    // Without a change, only time moves: updates rest and watch, and replacements wait.
    for (const service of services) if (isUpdating(service)) ids.add(service.id);
    addByWaitingTask(world, ids);
  }
  // Tasks of no service, such as network attachments, are none of ours.
  ids.delete('');
  return [...ids].sort();
}

/** A service that is looked at anyway says itself, and better, when to look again. */
function addByWaitingTask(world: World, ids: Set<string>): void {
  const waiting = world.draft.find('task', { by: 'desiredState', state: TaskState.READY });
  const laterAt = new Map<Task, number>();
  for (const task of waiting) {
    const at = earliestLetGoAt(task, world.now);
    if (at <= world.now) ids.add(task.serviceId);
    else laterAt.set(task, at);
  }
  for (const [task, at] of laterAt) if (!ids.has(task.serviceId)) world.wakeAt(at);
}

function addByNode(
  world: World,
  dirty: Dirty,
  services: readonly Service[],
  ids: Set<string>,
): void {
  const nodeIds = dirty.ids('node');
  if (nodeIds.size === 0) return;
  const globals = services
    .filter(isGlobal)
    .map((service) => ({ service, constraints: constraintsOf(service) }));
  for (const nodeId of nodeIds) {
    const node = world.node(nodeId);
    const tasks = world.draft.find('task', { by: 'node', id: nodeId });
    for (const task of tasks) {
      const service = world.draft.get('service', task.serviceId);
      if (service === undefined || isMovedBy(node, service, task)) ids.add(task.serviceId);
    }
    if (!isUsable(node)) continue;
    for (const { service, constraints } of globals) {
      const live = tasks.filter(
        (task) => task.serviceId === service.id && task.desiredState <= TaskState.COMPLETE,
      );
      const allowed = meetsConstraints(node, constraints);
      const unsettled =
        live.length === 0 ? allowed && !isPaused(node) : !allowed || live.some(hasEnded(service));
      if (unsettled) ids.add(service.id);
    }
  }
}

/** Could this state of its node matter to a task of a service of whatever mode? */
const isMovedBy = (node: Node | undefined, service: Service, task: Task): boolean =>
  !isUsable(node) ||
  // Whether a task of another version is out of date can depend on its node's labels.
  task.specVersion?.index !== service.specVersion?.index;

const hasEnded =
  (service: Service) =>
  (task: Task): boolean =>
    observedState(task) > (isJob(service) ? TaskState.COMPLETE : TaskState.RUNNING);

const constraintsOf = (service: Service): readonly Constraint[] =>
  parseConstraintsOrNone(service.spec?.task?.placement?.constraints ?? []);
