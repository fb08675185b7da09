/**
 * Tells the others what is committed when no entry has done so for a while. At once would be a message to
 * each and an answer from each for every batch, while the next batch says the same on its way.
 */
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Raft } from '../core/raft.js';

/** Longer than one caller's write after another takes, and little to a follower's readers. */
const REST_MS = 5;

export class CommitHerald {
  private isWaiting = false;

  constructor(
    private readonly clock: Clock,
    private readonly raft: () => Raft | undefined,
    private readonly wake: () => void,
  ) {}

  /** Called with every `ready`. */
  look(): void {
    const raft = this.raft();
    if (this.isWaiting || raft?.commitUntold !== true) return;
    this.isWaiting = true;
    const { committed } = raft;
    this.clock.after(REST_MS, () => {
      this.isWaiting = false;
      // Something was committed since: writes keep coming, and tell.
      if (raft.committed !== committed) this.look();
      else {
        raft.tellCommit();
        this.wake();
      }
    });
  }
}
