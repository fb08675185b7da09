/**
 * Takes tasks off volumes that are drained: whatever uses one is REJECTED, as its agent would have done
 * it, and the orchestrator replaces it by its policy.
 */
import type { Dirty, ObjectRef, TurnInput, View } from '@swarmkit/sdk/contracts/reconciler';
import { isWantedActive, observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { VolumeSpec_VolumeAvailability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** At most `limit` tasks; what is left is for the next run. */
export function enforceVolumes(
  { draft, now, dirty }: TurnInput,
  limit: number,
): readonly ObjectRef[] {
  let room = limit;
  const left: ObjectRef[] = [];
  for (const task of tasksToCheck(draft, dirty)) {
    if (!task.volumes.some(({ id }) => isDrained(draft, id))) continue;
    if (!isWantedActive(task) || observedState(task) >= TaskState.COMPLETE) continue;
    if (room <= 0) {
      left.push({ kind: 'task', id: task.id });
      continue;
    }
    room -= 1;
    const status = changedStatus(task, now, {
      state: TaskState.REJECTED,
      message: 'task rejected by volume enforcer',
      err: 'attached to volume which is being drained',
      appliedAt: timestampFromMs(now),
    });
    draft.update('task', { ...task, status });
  }
  return left;
}

/** Those on a drained volume that changed, and those that changed themselves; each once. */
function tasksToCheck(view: View, dirty: Dirty): Iterable<Task> {
  const volumes = dirty.everything
    ? view.find('volume', { by: 'all' }).map(({ id }) => id)
    : [...dirty.ids('volume')];
  const tasks = new Set<Task>();
  for (const id of volumes)
    if (isDrained(view, id))
      for (const task of view.find('task', { by: 'volume', id })) tasks.add(task);
  for (const id of dirty.ids('task')) for (const task of present(view, id)) tasks.add(task);
  return tasks;
}

const present = (view: View, id: string): readonly Task[] => {
  const task = view.get('task', id);
  return task === undefined ? [] : [task];
};

const isDrained = (view: View, id: string): boolean =>
  view.get('volume', id)?.spec?.availability === VolumeSpec_VolumeAvailability.DRAIN;
