/** Writes to the log, and waits for room when the disk is full: what was to be written stays to be written. */
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Write } from '../core/raft.js';
import type { LogDisk } from './log-disk.js';

const RETRY_MS = { first: 100, most: 5_000 };

export class PatientWriter {
  /** Why nothing can be written at the moment. */
  obstacle: unknown;

  constructor(
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly ending: AbortSignal,
    /** `obstacle` came. */
    private readonly obstructed: () => void,
  ) {}

  /** Resolves when it is on disk, or when this node ends. */
  async write(disk: LogDisk, write: Write): Promise<void> {
    for (let waitMs = RETRY_MS.first; ; waitMs = Math.min(waitMs * 2, RETRY_MS.most)) {
      try {
        await disk.write(write);
        break;
      } catch (error) {
        if (this.ending.aborted) return;
        if (!isSwarmError(error) || error.code !== 'STORAGE_FULL') throw error;
        if (this.obstacle === undefined) this.log.error({ code: error.code }, error.message);
        this.obstacle = error;
        this.obstructed();
        await delay(this.clock, waitMs, this.ending);
        if (this.ending.aborted) return;
      }
    }
    if (this.obstacle !== undefined) this.log.info('the disk takes writes again');
    this.obstacle = undefined;
  }
}
