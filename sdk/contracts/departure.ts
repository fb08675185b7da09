import { token } from '../plugin/token.js';

/**
 * What this node runs, seen as one thing that can be ended: for a node that leaves its cluster.
 * One provider: the agent. Errors: none; what does not go is tried until `signal` aborts.
 */
export interface LocalTasks {
  /**
   * Takes no more from any manager, shuts all tasks down with their grace periods and removes what the
   * runtimes hold of them. Resolves when nothing is left, or at `signal`; false: something is left.
   * There is no way back: after it the node does not work any more.
   */
  end(signal: AbortSignal): Promise<boolean>;
}

export const LocalTasks = token<LocalTasks>('swarmkit.local-tasks.v1');

/** The way out, of whoever runs this node: a program provides it that can erase a node's state. One provider. */
export interface Departure {
  /** Stops the node in order, then erases identity and state. Returns at once. */
  leave(): void;
}

export const Departure = token<Departure>('swarmkit.departure.v1');
