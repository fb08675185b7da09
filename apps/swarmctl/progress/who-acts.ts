/** Who moves a task on from where it stands, and when: a function of what the cluster shows. */
import {
  hasFailed,
  isAttachment,
  isTerminal,
  isWantedActive,
  observedState,
} from '@swarmkit/sdk/model/task';
import { durationToMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  RestartPolicy_RestartCondition as Condition,
  NodeStatus_State,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { hostnameOf } from '../find.js';

export interface TaskInPlace {
  readonly task: Task;
  readonly service: Service | undefined;
  readonly node: Node | undefined;
  /** The newest of its slot, where that is another one. */
  readonly successor: Task | undefined;
}

/** `now` is the wall clock, ms. */
export function whoActs({ task, service, node, successor }: TaskInPlace, now: number): string {
  const state = observedState(task);
  if (isTerminal(task)) return afterEnd(task, service, successor);
  const host = node === undefined ? task.nodeId : hostnameOf(node) || node.id;
  if (node !== undefined && node.status?.state === NodeStatus_State.DOWN)
    return isAttachment(task)
      ? `node ${host}, when it is back`
      : `node ${host}, when it is back; else the orchestrator, which replaces the task`;
  if (!isWantedActive(task))
    return state < TaskState.ASSIGNED ? 'the reaper' : `node ${host}, which stops it`;
  if (state === TaskState.NEW)
    return 'the allocator, when an address, a network or a port is free for it';
  if (state === TaskState.PENDING) return 'the scheduler, when a node changes or a task makes room';
  if (state === TaskState.READY && task.desiredState === TaskState.READY) {
    const left = Math.ceil((heldBackUntil(task) - now) / 1_000);
    const when = left > 0 ? `in ${left} s` : 'as soon as it may';
    return `the orchestrator, ${when}, when the task that it replaces has stopped${loop(task)}`;
  }
  return state === TaskState.RUNNING
    ? 'nobody: it runs'
    : `node ${host}, which works on it${loop(task)}`;
}

/** Its restart delay, and what a crash loop adds to it. */
const heldBackUntil = (task: Task): number =>
  Math.max(
    (timestampToMs(task.meta?.createdAt) ?? 0) + (durationToMs(task.spec?.restart?.delay) ?? 5_000),
    timestampToMs(task.restartBackoff?.startAfter) ?? 0,
  );

const loop = ({ restartBackoff }: Task): string =>
  (restartBackoff?.failures ?? 0) > 1 ? ` (${restartBackoff?.failures} failures in a row)` : '';

function afterEnd(task: Task, service: Service | undefined, successor: Task | undefined): string {
  if (successor !== undefined) return `nobody: task ${successor.id} took its place`;
  if (isAttachment(task)) return 'the reaper, which removes it';
  if (service === undefined || !isWantedActive(task)) return 'nobody: it was to stop';
  const policy = service.spec?.task?.restart;
  const condition = policy?.condition ?? Condition.ANY;
  if (condition === Condition.NONE) return 'nobody: its service does not restart tasks';
  if (condition === Condition.ON_FAILURE && !hasFailed(task))
    return 'nobody: its service restarts only what failed';
  if ((policy?.maxAttempts ?? 0n) > 0n)
    return `the orchestrator, unless it was restarted ${policy?.maxAttempts} times already`;
  return 'the orchestrator, which replaces it';
}
