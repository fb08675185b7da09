/**
 * The states of an update and the steps between them:
 *
 *   none, COMPLETED, ROLLBACK_COMPLETED --start--> UPDATING --finish--> COMPLETED
 *   UPDATING --pause--> PAUSED            UPDATING --rollBack--> ROLLBACK_STARTED
 *   ROLLBACK_STARTED --finish--> ROLLBACK_COMPLETED, --pause--> ROLLBACK_PAUSED
 *
 * Only a user ends a pause, by a new update, which clears the status. The texts are SwarmKit's.
 */
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type UpdateStatus, UpdateStatus_UpdateState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

const State = UpdateStatus_UpdateState;

export const isUpdating = (service: Service): boolean =>
  service.updateStatus?.state === State.UPDATING || isRollback(service);

export const isRollback = (service: Service): boolean =>
  service.updateStatus?.state === State.ROLLBACK_STARTED;

export const isPausedUpdate = (service: Service): boolean =>
  service.updateStatus?.state === State.PAUSED ||
  service.updateStatus?.state === State.ROLLBACK_PAUSED;

export const started = (now: number): UpdateStatus => ({
  state: State.UPDATING,
  startedAt: timestampFromMs(now),
  completedAt: undefined,
  message: 'update in progress',
});

export const finished = (service: Service, now: number): UpdateStatus => ({
  ...(service.updateStatus ?? started(now)),
  state: isRollback(service) ? State.ROLLBACK_COMPLETED : State.COMPLETED,
  completedAt: timestampFromMs(now),
  message: isRollback(service) ? 'rollback completed' : 'update completed',
});

export const pausedBy = (service: Service, taskId: string, now: number): UpdateStatus => ({
  ...(service.updateStatus ?? started(now)),
  state: isRollback(service) ? State.ROLLBACK_PAUSED : State.PAUSED,
  message: `${isRollback(service) ? 'rollback' : 'update'} paused due to failure or early termination of task ${taskId}`,
});

/** The service under its previous spec again; undefined where it has none. */
export function rolledBackBy(
  service: Service,
  taskId: string,
  now: number,
): Partial<Service> | undefined {
  if (service.previousSpec === undefined) return undefined;
  return {
    spec: service.previousSpec,
    specVersion: service.previousSpecVersion,
    previousSpec: undefined,
    previousSpecVersion: undefined,
    updateStatus: {
      ...started(now),
      state: State.ROLLBACK_STARTED,
      message: `update rolled back due to failure or early termination of task ${taskId}`,
    },
  };
}
