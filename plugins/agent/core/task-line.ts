import type { Exit } from '@swarmkit/sdk/contracts/executor';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import { isRetryable, isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { RestartBackoff } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type TaskStatus, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/**
 * One task's way from ASSIGNED to its end, as a pure function of where it is and what is wanted.
 * A step is one verb of the controller; the observed state only goes up, and a task at or past COMPLETE
 * is never touched again.
 */

/** What the line does next. */
export type Step =
  /** No call needed: the state is `to`. */
  | { readonly kind: 'move'; readonly to: TaskState; readonly message: string }
  /** Call the controller; `afterVerb` says where that leads. */
  | { readonly kind: 'call'; readonly verb: Verb }
  /** Its connections may come to an end: nothing for so long, unless it ends by itself. */
  | { readonly kind: 'drain'; readonly forMs: number }
  /** Nothing until the assigned task changes. */
  | { readonly kind: 'wait' };

export type Verb = 'prepare' | 'start' | 'wait' | 'shutdown';

const { ASSIGNED, ACCEPTED, PREPARING, READY, STARTING, RUNNING, COMPLETE, SHUTDOWN } = TaskState;

/** `drainMs`: what is left of the time between the wish to stop a task that runs and its signal. */
export function nextStep(desired: TaskState, observed: TaskState, drainMs = 0): Step {
  if (observed >= COMPLETE) return { kind: 'wait' };
  if (desired >= SHUTDOWN)
    return observed === RUNNING && drainMs > 0
      ? { kind: 'drain', forMs: drainMs }
      : { kind: 'call', verb: 'shutdown' };
  if (observed < ACCEPTED)
    return desired > ASSIGNED
      ? { kind: 'move', to: ACCEPTED, message: 'accepted' }
      : { kind: 'wait' };
  switch (observed) {
    case ACCEPTED:
      return desired > ACCEPTED
        ? { kind: 'move', to: PREPARING, message: 'preparing' }
        : { kind: 'wait' };
    case PREPARING:
      return { kind: 'call', verb: 'prepare' };
    case READY:
      return desired > READY
        ? { kind: 'move', to: STARTING, message: 'starting' }
        : { kind: 'wait' };
    case STARTING:
      return { kind: 'call', verb: 'start' };
    case RUNNING:
      return { kind: 'call', verb: 'wait' };
    default:
      return { kind: 'wait' };
  }
}

/** How a verb ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly exit?: Exit }
  | { readonly kind: 'failed'; readonly error: unknown };

/** What the status becomes; timestamps and runtime status are the shell's to add. */
export interface Verdict {
  readonly state: TaskState;
  readonly message: string;
  readonly err: string;
  /** Set when the process ended with a code. */
  readonly exitCode?: number;
  /** The same verb again in a while. */
  readonly retry: boolean;
}

/** `backoff`: the task's own, see `preparedMessage`. */
export function afterVerb(
  verb: Verb,
  before: TaskStatus,
  outcome: Outcome,
  backoff?: RestartBackoff,
): Verdict {
  if (outcome.kind === 'failed') return afterFailure(before, outcome.error);
  switch (verb) {
    case 'prepare':
      return reached(READY, preparedMessage(backoff));
    case 'start':
      return reached(RUNNING, 'started');
    case 'shutdown':
      return reached(SHUTDOWN, 'shutdown');
    case 'wait':
      return afterExit(before, outcome.exit ?? { code: 0 });
  }
}

/** Of a task in a crash loop people want to know why it does not start, and when it will. */
function preparedMessage(backoff: RestartBackoff | undefined): string {
  const at = timestampToMs(backoff?.startAfter);
  if (backoff === undefined || at === undefined) return 'prepared';
  return `prepared; after ${backoff.failures} failures in a row it starts at ${new Date(at).toISOString()}`;
}

const reached = (state: TaskState, message: string): Verdict => ({
  state,
  message,
  err: '',
  retry: false,
});

function afterExit(before: TaskStatus, exit: Exit): Verdict {
  if (exit.code === 0 && exit.reason === undefined)
    return { ...reached(COMPLETE, 'finished'), exitCode: 0 };
  return {
    state: TaskState.FAILED,
    message: before.message,
    err: failureOf(exit),
    exitCode: exit.code,
    retry: false,
  };
}

/** A task may leave with 0 and still have failed: one that was stopped for being unhealthy. */
function failureOf({ code, reason }: Exit): string {
  if (code === 0 && reason !== undefined) return reason;
  return `task: non-zero exit (${code})${reason === undefined ? '' : `: ${reason}`}`;
}

function afterFailure(before: TaskStatus, error: unknown): Verdict {
  const same = { state: before.state, message: before.message };
  // Given up by ourselves or out of time: nothing was learned about the task.
  if (isSwarmError(error) && (error.kind === 'cancelled' || error.kind === 'deadline-exceeded'))
    return { ...same, err: before.err, retry: true };
  if (isRetryable(error)) return { ...same, err: messageOf(error), retry: true };
  return {
    state: before.state < STARTING ? TaskState.REJECTED : TaskState.FAILED,
    message: before.message,
    err: messageOf(error),
    retry: false,
  };
}

/** No executor would take the task, or its controller refused to be made. */
export function withoutController(before: TaskStatus, error: unknown): Verdict {
  const { state } = before;
  return {
    state: state < STARTING ? TaskState.REJECTED : state <= RUNNING ? TaskState.FAILED : state,
    message: 'resolving controller failed',
    err: messageOf(error),
    retry: false,
  };
}

/** Desired states only go up; a lower one that arrives is old news. */
export const higherDesired = (known: TaskState, arrived: TaskState): TaskState =>
  arrived > known ? arrived : known;
