/**
 * One write to the disk at a time; what is asked meanwhile becomes the next write. RocksDB syncs each
 * of several concurrent writes on its own, so this is what makes many small commits cheap.
 * Order is kept, also in failure: a write that fails takes everything behind it along.
 */
import type { Change } from './engine.js';

interface Waiter {
  readonly changes: readonly Change[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bounds one write, and with it how long the first of a group waits for the last. */
const GROUP_BYTES = 4 * 1024 * 1024;

export class GroupCommit {
  private waiting: Waiter[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly write: (changes: readonly Change[]) => Promise<void>) {}

  add(changes: readonly Change[], bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ changes, bytes, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      const group = this.takeGroup();
      try {
        await this.write(group.flatMap((waiter) => waiter.changes));
      } catch (error) {
        const behind = this.waiting;
        this.waiting = [];
        for (const waiter of [...group, ...behind]) waiter.reject(error);
        continue;
      }
      for (const waiter of group) waiter.resolve();
    }
    this.running = undefined;
  }

  private takeGroup(): Waiter[] {
    let bytes = 0;
    let count = 0;
    for (const waiter of this.waiting) {
      bytes += waiter.bytes;
      if (count > 0 && bytes > GROUP_BYTES) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }
}
