import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Spreads work for thousands over turns of the event loop: a commit that concerns every node must not
 * hold up the heartbeats of them all while messages are encoded. The first few go at once.
 */
export class Turns<T> {
  private readonly waiting = new Set<T>();
  private left: number;
  private isDraining = false;

  constructor(
    private readonly work: (item: T) => void,
    /** About 100 µs each. */
    private readonly perTurn = 32,
  ) {
    this.left = perTurn;
  }

  /** `work` is called for it now or in a later turn; once, however often it is added until then. */
  add(item: T): void {
    if (this.left > 0 && this.waiting.size === 0) {
      this.left--;
      this.work(item);
    } else this.waiting.add(item);
    if (!this.isDraining) void this.drain();
  }

  delete(item: T): void {
    this.waiting.delete(item);
  }

  private async drain(): Promise<void> {
    this.isDraining = true;
    for (;;) {
      await nextTurn();
      this.left = this.perTurn;
      if (this.waiting.size === 0) break;
      for (const item of this.waiting) {
        if (this.left-- === 0) break;
        this.waiting.delete(item);
        this.work(item);
      }
      this.left = 0;
    }
    this.isDraining = false;
  }
}
