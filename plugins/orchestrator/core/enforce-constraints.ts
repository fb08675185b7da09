/**
 * Takes tasks off a node that changed under them: one that no longer meets their constraints, or no
 * longer has the CPUs, the memory or the generic resources they reserve. The task is REJECTED, as the
 * agent would have done it, and the orchestrator replaces it by its policy.
 *
 * Only a change of the node can make a placement wrong, so only changed nodes are looked at; and only
 * tasks that were placed, since what waits to be placed is checked by the scheduler.
 */
import type { ObjectRef, TurnInput } from '@swarmkit/sdk/contracts/reconciler';
import type { View } from '@swarmkit/sdk/contracts/store';
import { meetsConstraints, parseConstraintsOrNone } from '@swarmkit/sdk/model/constraint';
import { isWantedActive, observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NodeStock } from './node-stock.js';
import { byAge } from '@swarmkit/sdk/model/quiet-slot';
import { isPausedUpdate, isUpdating } from './update-machine.js';

/** One rejection costs about as much as reading so many tasks. */
const READS_FOR_A_CHANGE = 20;

/** About `limit` rejections, all of a node at once; nodes it does not come to are for the next run. */
export function enforceConstraints(
  { draft, now, dirty }: TurnInput,
  limit: number,
): readonly ObjectRef[] {
  let room = limit;
  const left: ObjectRef[] = [];
  const ids = dirty.everything
    ? draft.find('node', { by: 'all' }).map((node) => node.id)
    : [...dirty.ids('node')].sort();
  for (const id of ids) {
    const node = draft.get('node', id);
    if (node === undefined || node.spec?.availability !== NodeSpec_Availability.ACTIVE) continue;
    if (room <= 0) {
      left.push({ kind: 'node', id });
      continue;
    }
    const tasks = draft.find('task', { by: 'node', id });
    room -= tasks.length / READS_FOR_A_CHANGE;
    for (const task of misplaced(draft, node, tasks)) {
      room -= 1;
      const status = changedStatus(task, now, {
        state: TaskState.REJECTED,
        message: 'task rejected by constraint enforcer',
        err: 'assigned node no longer meets constraints',
        // A status that the leader writes is taken in when it is written.
        appliedAt: timestampFromMs(now),
      });
      draft.update('task', { ...task, status });
    }
  }
  return left;
}

/** The oldest tasks keep their place; what does not fit any more is the youngest. */
function misplaced(view: View, node: Node, tasks: readonly Task[]): readonly Task[] {
  const stock = new NodeStock(node);
  return tasks
    .filter(isPlaced)
    .sort(byAge)
    .filter((task) => !isAllowed(view, node, task) || !stock.take(task));
}

const isPlaced = (task: Task): boolean =>
  task.desiredState >= TaskState.ASSIGNED &&
  isWantedActive(task) &&
  observedState(task) >= TaskState.ASSIGNED &&
  observedState(task) < TaskState.COMPLETE;

/**
 * What the service asks for now counts, not what it asked for when the task was made: a task may have
 * been kept because its node met the new constraints too. But while an update is under way, or paused,
 * it is the update that replaces old tasks, at its own pace; until then they are held to their own.
 */
function isAllowed(view: View, node: Node, task: Task): boolean {
  const service = view.get('service', task.serviceId);
  const isOld =
    service !== undefined &&
    (isUpdating(service) || isPausedUpdate(service)) &&
    task.specVersion?.index !== service.specVersion?.index;
  const placement =
    service === undefined || isOld ? task.spec?.placement : service.spec?.task?.placement;
  return meetsConstraints(node, parseConstraintsOrNone(placement?.constraints ?? []));
}
