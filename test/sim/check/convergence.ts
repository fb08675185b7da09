/** Is everything as it should be, with nothing left to do? The sentence says what is not. */
import { isTaskDirty } from '@swarmkit/sdk/model/dirty-task';
import { isGlobal, isJob, observedState } from '@swarmkit/sdk/model/task';
import { describeTask } from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Machine } from '../world/machine.js';
import type { World } from '../world/world.js';

export function checkConverged(world: World): string | undefined {
  return leaders(world) ?? nodes(world) ?? services(world) ?? containers(world);
}

function leaders(world: World): string | undefined {
  const { leader, ledger, managers } = world;
  if (leader === undefined) return 'nobody leads';
  const members = leader.consensus?.members().length ?? 0;
  if (members !== managers.length) return `${members} of ${managers.length} managers are members`;
  for (const { name, consensus } of managers) {
    const applied = consensus?.appliedIndex ?? 0n;
    if (applied < ledger.highest) return `${name} has applied ${applied} of ${ledger.highest}`;
  }
  const group = membersAsKnownTo(leader);
  for (const manager of managers) {
    const other = membersAsKnownTo(manager);
    if (other !== group)
      return `${manager.name} knows the members as ${other}, and the leader as ${group}`;
  }
  return undefined;
}

const membersAsKnownTo = ({ consensus }: Machine): string =>
  (consensus?.members() ?? [])
    .map(({ raftId, nodeId, votes }) => `${nodeId}/${raftId.toString(16)}${votes ? '' : '?'}`)
    .sort()
    .join();

function nodes(world: World): string | undefined {
  for (const { options } of world.machines) {
    if (!options.runsTasks) continue;
    const node = world.oracle.get('node', options.nodeId);
    if (node?.status?.state !== NodeStatus_State.READY)
      return `node ${options.name} is ${NodeStatus_State[node?.status?.state ?? 0]}`;
  }
  return undefined;
}

function services(world: World): string | undefined {
  for (const task of world.oracle.all('task')) {
    if (world.oracle.get('service', task.serviceId) === undefined)
      return `${describeTask(task)} has no service any more`;
    const node = world.oracle.get('node', task.nodeId);
    const drained = node?.spec?.availability === NodeSpec_Availability.DRAIN;
    const runs = observedState(task) <= TaskState.RUNNING;
    if (drained && runs) return `${describeTask(task)} is on ${node?.id}, which is drained`;
    if (task.desiredState > TaskState.COMPLETE && runs && observedState(task) >= TaskState.ASSIGNED)
      return `${describeTask(task)} does not stop`;
  }
  for (const service of world.oracle.all('service')) {
    const why = isJob(service) ? job(world, service) : lasting(world, service);
    if (why !== undefined) return why;
  }
  return undefined;
}

function lasting(world: World, service: Service): string | undefined {
  const live = of(world, service).filter((task) => task.desiredState <= TaskState.RUNNING);
  const wanted = wantedCount(world, service);
  const text = (): string => `${service.id}: ${live.map(describeTask).join(', ')}`;
  if (live.length !== wanted) return `${live.length} of ${wanted} tasks of ${text()}`;
  for (const task of live) {
    if (observedState(task) !== TaskState.RUNNING || task.desiredState !== TaskState.RUNNING)
      return text();
    if (isTaskDirty(service, task, world.oracle.get('node', task.nodeId)))
      return `${describeTask(task)} is out of date`;
  }
  const state = service.updateStatus?.state;
  const open =
    state === UpdateStatus_UpdateState.UPDATING ||
    state === UpdateStatus_UpdateState.ROLLBACK_STARTED;
  return open ? `the update of ${service.id} does not end` : undefined;
}

function job(world: World, service: Service): string | undefined {
  const iteration = service.jobStatus?.jobIteration?.index;
  const tasks = of(world, service).filter((task) => task.jobIteration?.index === iteration);
  const done = new Set<string>();
  for (const task of tasks)
    if (observedState(task) === TaskState.COMPLETE)
      done.add(isGlobal(service) ? task.nodeId : `${task.slot}`);
  const wanted = wantedCount(world, service);
  const text = (): string => `${service.id}: ${tasks.map(describeTask).join(', ')}`;
  if (done.size < wanted) return `${done.size} of ${wanted} completions of job ${text()}`;
  const left = tasks.find(
    (task) => task.desiredState <= TaskState.COMPLETE && observedState(task) <= TaskState.RUNNING,
  );
  return left === undefined ? undefined : `job ${text()} goes on`;
}

/** What runs on the machines is what the state says. */
function containers(world: World): string | undefined {
  for (const { options, runtime } of world.machines)
    for (const id of runtime.running()) {
      const task = world.oracle.get('task', id);
      if (task === undefined || task.nodeId !== options.nodeId)
        return `${options.name} still runs ${id}, which nobody wants`;
      if (observedState(task) !== TaskState.RUNNING)
        return `${options.name} runs ${describeTask(task)}`;
    }
  return undefined;
}

const of = (world: World, service: Service): readonly Task[] =>
  [...world.oracle.all('task')].filter((task) => task.serviceId === service.id);

function wantedCount(world: World, service: Service): number {
  const mode = service.spec?.mode;
  if (mode?.$case === 'replicated') return Number(mode.value.replicas);
  if (mode?.$case === 'replicatedJob') return Number(mode.value.totalCompletions);
  return [...world.oracle.all('node')].filter(
    (node) =>
      node.spec?.availability === NodeSpec_Availability.ACTIVE &&
      node.status?.state === NodeStatus_State.READY,
  ).length;
}
