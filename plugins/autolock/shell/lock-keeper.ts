import type { KeyLock } from '@swarmkit/sdk/contracts/key-lock';
import type { View } from '@swarmkit/sdk/contracts/store';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isRetryable, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { managersKek } from '../core/managers-kek.js';

const RETRY_MS = 5_000;

export interface LockKeeperParts {
  readonly view: View;
  readonly lock: KeyLock;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Applies what the cluster object says, one time after the other, each time as it is then. */
export class LockKeeper {
  private isWorking = false;
  private isStale = false;
  private told: unknown;

  constructor(private readonly parts: LockKeeperParts) {}

  /** Resolves when the lock is as the state has it, or `signal` aborts. Rejects when it never can be. */
  async look(signal: AbortSignal): Promise<void> {
    const { view, lock, clock, log } = this.parts;
    this.isStale = true;
    if (this.isWorking) return;
    this.isWorking = true;
    try {
      while (this.isStale && !signal.aborted) {
        this.isStale = false;
        // An object that is the same one was applied already: most commits are about tasks.
        const [cluster] = view.find('cluster', { by: 'all' });
        if (cluster === undefined || cluster === this.told) continue;
        const { version, kek } = managersKek(cluster);
        try {
          await lock.apply(version, kek);
          this.told = cluster;
        } catch (error) {
          if (!isRetryable(error)) throw error;
          // A disk without room is waited for; the lock that is on it meanwhile is the one before.
          log.warn({ err: error }, `the key file keeps its lock: ${messageOf(error)}`);
          this.isStale = true;
          await delay(clock, RETRY_MS, signal);
        }
      }
    } finally {
      this.isWorking = false;
    }
  }
}
