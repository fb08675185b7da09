/**
 * The states of an update and what leads from one to the next, as a table; drawn in the README. What is
 * not in the table does not happen: a pause, for one, is left by no event of ours. Only a user ends it,
 * by a new update or a rollback, which write `update_status` themselves. The texts are SwarmKit's where
 * it has one.
 */
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { UpdateStatus_UpdateState as State } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export type Event =
  /** A slot is out of date. */
  | { readonly type: 'outdated' }
  /** Everything is up to date and was watched. */
  | { readonly type: 'done' }
  /** Too many new tasks failed, the last of them this one; and what the policy says to that. */
  | { readonly type: 'failed' | 'failedForGood'; readonly taskId: string }
  /** It cannot go on: no room, or no progress. */
  | { readonly type: 'blocked'; readonly why: string };

interface Step {
  readonly to: State;
  /** `detail` is what the event has to tell. */
  readonly message: (detail: string) => string;
  /** `started_at` is now. */
  readonly starts?: true;
  /** `completed_at` is now. */
  readonly completes?: true;
  /** The previous spec comes back. */
  readonly swaps?: true;
}

const start: Step = { to: State.UPDATING, message: () => 'update in progress', starts: true };
const pause: Step = { to: State.PAUSED, message: (detail) => `update paused${detail}` };
const pauseRollback: Step = {
  to: State.ROLLBACK_PAUSED,
  message: (detail) => `rollback paused${detail}`,
};

const table: { readonly [S in State]?: { readonly [E in Event['type']]?: Step } } = {
  // No status yet, or none since the last update by a user.
  [State.UNKNOWN]: { outdated: start },
  [State.COMPLETED]: { outdated: start },
  [State.ROLLBACK_COMPLETED]: { outdated: start },

  [State.UPDATING]: {
    done: { to: State.COMPLETED, message: () => 'update completed', completes: true },
    failed: pause,
    failedForGood: {
      to: State.ROLLBACK_STARTED,
      message: (detail) => `update rolled back${detail}`,
      starts: true,
      swaps: true,
    },
    blocked: pause,
  },
  [State.ROLLBACK_STARTED]: {
    done: { to: State.ROLLBACK_COMPLETED, message: () => 'rollback completed', completes: true },
    failed: pauseRollback,
    // The way back is taken once: a rollback that fails as well waits for a person.
    failedForGood: pauseRollback,
    blocked: pauseRollback,
  },

  [State.PAUSED]: {},
  [State.ROLLBACK_PAUSED]: {},
};

const stateOf = (service: Service): State => service.updateStatus?.state ?? State.UNKNOWN;

export const isUpdating = (service: Service): boolean =>
  stateOf(service) === State.UPDATING || isRollback(service);

export const isRollback = (service: Service): boolean =>
  stateOf(service) === State.ROLLBACK_STARTED;

export const isPausedUpdate = (service: Service): boolean =>
  stateOf(service) === State.PAUSED || stateOf(service) === State.ROLLBACK_PAUSED;

const detailOf = (event: Event): string => {
  if ('taskId' in event) return ` due to failure or early termination of task ${event.taskId}`;
  return 'why' in event ? `: ${event.why}` : '';
};

/** What the event changes of the service; nothing where it means nothing in this state. */
export function next(service: Service, event: Event, now: number): Partial<Service> {
  const step = table[stateOf(service)]?.[event.type];
  if (step === undefined) return {};
  const at = timestampFromMs(now);
  const { startedAt, completedAt } = service.updateStatus ?? {};
  const updateStatus = {
    state: step.to,
    message: step.message(detailOf(event)),
    startedAt: step.starts ? at : startedAt,
    completedAt: step.completes ? at : step.starts ? undefined : completedAt,
  };
  if (!step.swaps) return { updateStatus };
  return {
    spec: service.previousSpec,
    specVersion: service.previousSpecVersion,
    previousSpec: undefined,
    previousSpecVersion: undefined,
    updateStatus,
  };
}
