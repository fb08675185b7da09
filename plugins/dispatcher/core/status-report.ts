import { isTerminal, observedState } from '@swarmkit/sdk/model/task';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, type TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Timestamp } from '@swarmkit/sdk/wire/gen/google/protobuf/timestamp';

/** What an agent's word about a task does to the stored task. States never go back, and an end is final. */

/** Refuses the whole report of a node that speaks of another node's task. */
export function checkReporter(task: Task | undefined, nodeId: string): void {
  if (task !== undefined && task.nodeId !== nodeId)
    throw new SwarmError(
      'permission-denied',
      'DISPATCHER_FOREIGN_TASK',
      'cannot update a task not assigned this node',
      { detail: { task: task.id, node: nodeId } },
    );
}

/** The stored task after the report; undefined where the report changes nothing. */
export function taskAfterReport(
  task: Task,
  reported: TaskStatus,
  appliedBy: string,
  appliedAt: Timestamp,
): Task | undefined {
  const observed = observedState(task);
  if (reported.state < observed) return undefined;
  // An agent that lost what it knew (its disk was full when the task ended) stops what has long completed.
  if (reported.state > observed && isTerminal(task)) return undefined;
  const stored = task.status;
  // Whatever the agent says of them: these are stamped here.
  const same = {
    appliedBy: stored?.appliedBy ?? '',
    appliedAt: stored?.appliedAt,
    runningSince: stored?.runningSince,
  };
  if (wireEqual({ ...reported, ...same }, stored)) return undefined;
  const runningSince =
    stored?.runningSince ?? (reported.state === TaskState.RUNNING ? appliedAt : undefined);
  return { ...task, status: { ...reported, appliedBy, appliedAt, runningSince } };
}
