import type { Clock } from '@swarmkit/sdk/plugin/env';

/**
 * Places for the verbs that cost the machine: prepare and start. More of them at once only make each
 * slower. A start goes before every prepare, so that tasks finish one after the other instead of all
 * at the end. A verb that takes longer than the lease waits for something else than this machine's
 * processors (a pull, a health check): it goes on, and its place is given to the next.
 */

export type HeavyVerb = 'prepare' | 'start';

const leaseMs = 2_000;

export class VerbSlots {
  private readonly queues: Readonly<Record<HeavyVerb, Set<() => void>>> = {
    start: new Set(),
    prepare: new Set(),
  };

  constructor(
    private free: number,
    private readonly clock: Clock,
  ) {}

  /** An abort takes a verb out of the line; one that has begun is not touched. */
  async run<T>(verb: HeavyVerb, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.free > 0) this.free--;
    else await this.turn(this.queues[verb], signal);
    let held = true;
    const release = (): void => {
      if (held) this.release();
      held = false;
    };
    const cancelLease = this.clock.after(leaseMs, release);
    try {
      return await work();
    } finally {
      cancelLease();
      release();
    }
  }

  private turn(queue: Set<() => void>, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        queue.delete(go);
        reject(signal.reason);
      };
      queue.add(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** The place is handed over, so that nobody overtakes the line. */
  private release(): void {
    for (const queue of [this.queues.start, this.queues.prepare])
      for (const go of queue) {
        queue.delete(go);
        go();
        return;
      }
    this.free++;
  }
}
