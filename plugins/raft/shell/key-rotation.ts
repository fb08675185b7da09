/** Brings the whole log under a new key while everything goes on. What fails is tried again. */
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { LogDisk } from './log-disk.js';
import type { LogKeys } from './log-keys.js';

const RETRY_MS = 10_000;

export class KeyRotation {
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly keys: LogKeys,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly ending: AbortSignal,
  ) {}

  /** New records are under a new key from now on, and old ones soon. */
  begin(disk: LogDisk): Promise<void> {
    let hasBegun = false;
    return this.after(async () => {
      // Of a rotation that failed half way the rest is tried again, not its beginning.
      hasBegun ||= await this.keys.begin();
      if (hasBegun) await this.reseal(disk);
    });
  }

  /** Goes on with a rotation that a stop has interrupted. */
  run(disk: LogDisk): Promise<void> {
    return this.after(() => this.reseal(disk));
  }

  idle(): Promise<void> {
    return this.running;
  }

  private async reseal(disk: LogDisk): Promise<void> {
    await disk.reseal(this.ending);
    if (this.ending.aborted) return;
    const again = await this.keys.finish();
    this.log.info('the raft log is under a new key');
    if (again && (await this.keys.begin())) await this.reseal(disk);
  }

  /** One at a time, until it works. */
  private after(work: () => Promise<void>): Promise<void> {
    this.running = this.running.then(async () => {
      while (!this.ending.aborted) {
        try {
          await work();
          return;
        } catch (error) {
          this.log.warn(`the key of the raft log could not be changed yet: ${messageOf(error)}`);
          await delay(this.clock, RETRY_MS, this.ending);
        }
      }
    });
    return this.running;
  }
}
