import { durationToMs } from '@swarmkit/sdk/model/time';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostnameOf } from '../find.js';
import { nodeState } from '../output/names.js';
import { resourcesText } from '../output/size.js';

export interface TaskAndPlace {
  readonly task: Task;
  /** Undefined when it is gone. */
  readonly service: Service | undefined;
  readonly node: Node | undefined;
}

/** In one sentence, why a task is not running; empty where it is, or where its error says all. */
export function why({ task, service, node }: TaskAndPlace): string {
  const state = task.status?.state ?? TaskState.NEW;
  const err = task.status?.err ?? '';
  const isStopping =
    task.desiredState > TaskState.RUNNING && task.desiredState !== TaskState.COMPLETE;
  if (state > TaskState.RUNNING) return whyEnded(state, err, isStopping);
  if (isStopping)
    return service === undefined ? 'its service was removed, so it stops' : 'it was told to stop';
  if (state === TaskState.RUNNING) return '';
  if (state === TaskState.NEW)
    return err === '' ? 'it waits for its networks and ports to be allocated' : err;
  if (state === TaskState.PENDING) return whyPending(task, err);
  if (node !== undefined && node.status?.state !== NodeStatus_State.READY)
    return `its node ${hostnameOf(node) || node.id} is ${nodeState(node.status?.state).toLowerCase()}, so nobody works on it`;
  if (state === TaskState.READY && task.desiredState === TaskState.READY)
    return `it is ready and waits for its turn: ${restartDelay(service)} after a failure, or until the task that it replaces has stopped`;
  if (err !== '') return `its node tries again: ${err}`;
  return state === TaskState.ASSIGNED
    ? 'its node has not taken it up yet'
    : `its node works on it (${task.status?.message ?? ''})`;
}

function whyEnded(state: TaskState, err: string, wasStopped: boolean): string {
  if (state === TaskState.COMPLETE) return 'its command ended by itself, without an error';
  if (state === TaskState.ORPHANED) return 'its node was lost, and what became of it is not known';
  if (state === TaskState.REJECTED)
    return `its node could not run it${err === '' ? '' : `: ${err}`}`;
  if (state === TaskState.FAILED) return `it failed${err === '' ? '' : `: ${err}`}`;
  return wasStopped ? 'it was told to stop' : '';
}

/** The scheduler's own reason, with what the service asks for where that is what does not fit. */
function whyPending(task: Task, err: string): string {
  if (err === '') return 'it waits to be given a node';
  const { placement, resources } = task.spec ?? {};
  const asked = resourcesText(resources?.reservations);
  const hints = [
    /constraint/.test(err) && placement?.constraints.length
      ? `it asks for ${placement.constraints.join(' and ')}`
      : '',
    /resource/.test(err) && asked !== '' ? `it reserves ${asked}` : '',
    /max replicas/.test(err) ? `at most ${placement?.maxReplicas} may run on one node` : '',
  ].filter((hint) => hint !== '');
  return [`no node can take it: ${err}`, ...hints].join('; ');
}

const restartDelay = (service: Service | undefined): string =>
  `${(durationToMs(service?.spec?.task?.restart?.delay) ?? 5_000) / 1_000} s`;
