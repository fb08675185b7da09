/** Sees to the keys: makes the first ones, and new ones when they are due, also when another leader made the last. */
import type { Store, Writer } from '@swarmkit/sdk/contracts/store';
import { delay, type Env } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { dueAt, missingKeys, nextKeys } from '../core/keys.js';

const WRITER: Writer = { id: 'network-keys', writes: ['cluster.keys'] };
const RETRY_MS = 1_000;

export interface KeyLoopParts {
  readonly store: Store;
  readonly env: Env;
  readonly log: Logger;
}

export class KeyLoop {
  private wake: () => void = () => {};
  private isDirty = true;

  constructor(private readonly parts: KeyLoopParts) {}

  /** The cluster changed. */
  look(): void {
    this.isDirty = true;
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.parts.env;
    const since = clock.now();
    while (!signal.aborted) {
      this.isDirty = false;
      let restMs = RETRY_MS;
      try {
        restMs = await this.step(since);
      } catch (error) {
        if (!isSwarmError(error)) throw error;
        if (!signal.aborted)
          this.parts.log.warn(`network keys could not be written: ${messageOf(error)}`);
      }
      if (this.isDirty || signal.aborted) continue;
      const stop = new AbortController();
      this.wake = () => stop.abort();
      const end = (): void => stop.abort();
      signal.addEventListener('abort', end, { once: true });
      await delay(clock, restMs, stop.signal);
      signal.removeEventListener('abort', end);
    }
  }

  /** How long there is nothing to do, unless something changes. */
  private async step(since: number): Promise<number> {
    const { store, env, log } = this.parts;
    const made = await store.update(WRITER, (draft) => {
      const [cluster] = draft.find('cluster', { by: 'all' });
      if (cluster === undefined) return undefined;
      const now = env.clock.now();
      const missing = missingKeys(cluster, now, env.random);
      const keys =
        missing ??
        (dueAt(cluster, since, now) <= now ? nextKeys(cluster, now, env.random) : undefined);
      if (keys !== undefined) draft.update('cluster', { ...cluster, ...keys });
      return keys;
    });
    if (made !== undefined)
      log.info({ lamportTime: made.encryptionKeyLamportClock }, 'new network keys');
    const [cluster] = store.view().find('cluster', { by: 'all' });
    // The cluster object is about to be made: `look` tells.
    if (cluster === undefined) return RETRY_MS;
    const now = env.clock.now();
    return Math.max(0, dueAt(cluster, since, now) - now);
  }
}
