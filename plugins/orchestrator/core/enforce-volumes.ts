/**
 * Takes tasks off volumes that are drained: whatever uses one is REJECTED, as its agent would have done
 * it, and the orchestrator replaces it by its policy.
 */
import type { TurnInput, View } from '@swarmkit/sdk/contracts/reconciler';
import { isWantedActive, observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { VolumeSpec_VolumeAvailability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export function enforceVolumes({ draft, now, dirty }: TurnInput): void {
  const everybody = dirty.everything || [...dirty.ids('volume')].some((id) => isDrained(draft, id));
  const tasks = everybody
    ? draft.find('task', { by: 'all' })
    : [...dirty.ids('task')].flatMap((id) => draft.get('task', id) ?? []);
  for (const task of tasks) {
    if (!task.volumes.some(({ id }) => isDrained(draft, id))) continue;
    if (!isWantedActive(task) || observedState(task) >= TaskState.COMPLETE) continue;
    const status = changedStatus(task, now, {
      state: TaskState.REJECTED,
      message: 'task rejected by volume enforcer',
      err: 'attached to volume which is being drained',
      appliedAt: timestampFromMs(now),
    });
    draft.update('task', { ...task, status });
  }
}

const isDrained = (view: View, id: string): boolean =>
  view.get('volume', id)?.spec?.availability === VolumeSpec_VolumeAvailability.DRAIN;
