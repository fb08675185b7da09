/** How a service wants to be updated, or rolled back, with SwarmKit's defaults filled in. */
import { PROGRESS_DEADLINE_LABEL, spanLabel } from '@swarmkit/sdk/model/service-label';
import { durationToMs } from '@swarmkit/sdk/model/time';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type UpdateConfig,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isRollback } from './update-machine.js';

export interface UpdatePolicy {
  /** Slots under way at a time; infinite for "all at once". */
  readonly parallelism: number;
  /** Rest after each slot. */
  readonly delayMs: number;
  /** How long a new task is watched after it began to run. */
  readonly monitorMs: number;
  readonly failureAction: UpdateConfig_FailureAction;
  /** Failures over slots to update; what exceeds it triggers the action. */
  readonly maxFailureRatio: number;
  readonly order: UpdateConfig_UpdateOrder;
  /** A new task that does not run after this span stops the update. */
  readonly progressDeadlineMs: number | undefined;
}

const DEFAULT_MONITOR_MS = 5000;

/** What is in force now: the service's word on updates, or on rollbacks. */
export const updateConfig = (service: Service): UpdateConfig | undefined =>
  isRollback(service) ? service.spec?.rollback : service.spec?.update;

export function updatePolicy(service: Service): UpdatePolicy {
  const config = updateConfig(service);
  return {
    parallelism: Number(config?.parallelism ?? 1n) || Number.POSITIVE_INFINITY,
    delayMs: Math.max(0, durationToMs(config?.delay) ?? 0),
    monitorMs: Math.max(0, durationToMs(config?.monitor) ?? DEFAULT_MONITOR_MS),
    failureAction: config?.failureAction ?? UpdateConfig_FailureAction.PAUSE,
    maxFailureRatio: config?.maxFailureRatio ?? 0,
    order: config?.order ?? UpdateConfig_UpdateOrder.STOP_FIRST,
    progressDeadlineMs: spanLabel(service.spec?.annotations, PROGRESS_DEADLINE_LABEL),
  };
}

/** As in SwarmKit, a new task is not watched shorter than the rest after a slot. */
export const watchMs = ({ delayMs, monitorMs }: UpdatePolicy): number =>
  delayMs >= monitorMs ? delayMs + 1000 : monitorMs;

/** How long a slot rests after its new task began to run, and how long that is watched. */
export function spansOf(service: Service): readonly number[] {
  const policy = updatePolicy(service);
  return [policy.delayMs, watchMs(policy)];
}
