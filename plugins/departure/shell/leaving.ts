import type { Departure, LocalTasks } from '@swarmkit/sdk/contracts/departure';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';

/** Most grace periods are 10 s. Who waits longer for a task may ask again, or say force. */
const PATIENCE_MS = 60_000;
/** The answer must be out before the socket goes. */
const FAREWELL_MS = 200;

export interface LeavingParts {
  readonly identity: NodeIdentity;
  readonly tasks: LocalTasks;
  readonly departure: Departure;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Leaving {
  constructor(private readonly parts: LeavingParts) {}

  /** Resolves when nothing runs here any more and the node is about to go. */
  async leave(force: boolean, signal: AbortSignal): Promise<void> {
    const { identity, tasks, departure, clock, log } = this.parts;
    const { role, nodeId } = identity.current();
    if (role === 'manager' && !force) throw isManager(nodeId);
    log.warn(
      { node: nodeId, role },
      'this node leaves the cluster: its tasks are ended and its state is erased',
    );
    const patience = new AbortController();
    const cancel = clock.after(PATIENCE_MS, () => patience.abort());
    const allGone = await tasks.end(AbortSignal.any([signal, patience.signal]));
    cancel();
    // A combined signal that somebody listens to is kept by Node until it aborts.
    patience.abort();
    signal.throwIfAborted();
    if (!allGone && !force) throw tasksLeft();
    clock.after(FAREWELL_MS, () => departure.leave());
  }
}

const isManager = (nodeId: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'DEPARTURE_MANAGER',
    `this node is a manager, and the others would count it as one for ever: demote it first (swarmctl node demote ${nodeId}), or say --force; when it is the last manager, all state of the cluster goes with it`,
  );

const tasksLeft = (): SwarmError =>
  new SwarmError(
    'deadline-exceeded',
    'DEPARTURE_TASKS',
    'tasks of this node are not gone after a minute, and its identity was kept: look at the log of swarmd and try again, or say --force to leave them behind',
  );
