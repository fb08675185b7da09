/**
 * Which services a run has to look at. It may name one too many, at the price of a look; one too few
 * would leave work undone, and the property tests compare it with looking at everything.
 */
import type { Dirty, ObjectRef } from '@swarmkit/sdk/contracts/reconciler';
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

export interface AffectedServices {
  /** Also of services that are gone but left tasks. In id order, so that plans do not depend on chance. */
  readonly ids: readonly string[];
  /** Changed nodes that this run does not come to. */
  readonly left: readonly ObjectRef[];
}

/** `reads`: tasks on changed nodes that are looked at, about. */
export function affectedServices(world: World, dirty: Dirty, reads: number): AffectedServices {
  const ids = new Set<string>();
  let left: readonly ObjectRef[] = [];
  const services = world.draft.find('service', { by: 'all' });
  if (dirty.everything) {
    for (const service of services) ids.add(service.id);
    for (const id of world.draft.servicesWithTasks()) ids.add(id);
  } else {
    for (const id of dirty.ids('service')) ids.add(id);
    for (const id of dirty.servicesOfTasks()) ids.add(id);
    left = addByNode(world, dirty, services, ids, reads);
    // Without a change, only time moves: updates rest and watch, and replacements wait.
    for (const service of services) if (isUpdating(service)) ids.add(service.id);
    addByWaitingTask(world, ids);
  }
  // Tasks of no service, such as network attachments, are none of ours.
  ids.delete('');
  return { ids: [...ids].sort(), left };
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

/** All nodes change at once when a leader begins; so whoever leads 100,000 tasks takes some of them at a time. */
function addByNode(
  world: World,
  dirty: Dirty,
  services: readonly Service[],
  ids: Set<string>,
  reads: number,
): readonly ObjectRef[] {
  const nodeIds = dirty.ids('node');
  const left: ObjectRef[] = [];
  if (nodeIds.size === 0) return left;
  let room = reads;
  const globals = services
    .filter(isGlobal)
    .map((service) => ({ service, constraints: constraintsOf(service) }));
  for (const nodeId of nodeIds) {
    if (room <= 0) {
      left.push({ kind: 'node', id: nodeId });
      continue;
    }
    const node = world.node(nodeId);
    const tasks = world.draft.find('task', { by: 'node', id: nodeId });
    room -= tasks.length + globals.length + 1;
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
  return left;
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
