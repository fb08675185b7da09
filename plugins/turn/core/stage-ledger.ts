/**
 * What the ring remembers of one stage between two turns: what it has not seen yet, when it wants to
 * look again, and whether it failed. The stage itself remembers nothing.
 */
import type {
  Dirty,
  ObjectFailure,
  ObjectRef,
  Reconciler,
  TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { Change } from '@swarmkit/sdk/contracts/store';
import { DirtySet } from './dirty-set.js';

const firstRetryMs = 100;
const lastRetryMs = 10_000;

export class StageLedger {
  private readonly dirty = new DirtySet();
  /** Instants at which it asked to be run, each kept until it has passed. */
  private readonly wakes = new Set<number>();
  private failures = 0;
  /** After a failure: not before this instant, whatever changes. */
  private retryAt: number | undefined;

  /** Objects that it had to leave out, by the instant at which it is to try again. */
  private readonly leftOut = new Map<number, readonly ObjectRef[]>();

  constructor(readonly stage: Reconciler) {}

  /** Others changed this. */
  note(changes: readonly Change[]): void {
    this.dirty.add(changes);
  }

  noteEverything(): void {
    this.dirty.addEverything();
  }

  isDue(now: number): boolean {
    return (this.nextAt() ?? Number.POSITIVE_INFINITY) <= now;
  }

  /** The instant of its next run as far as it is known; in the past: it is due. */
  nextAt(): number | undefined {
    if (!this.dirty.isEmpty) return this.retryAt ?? Number.NEGATIVE_INFINITY;
    return this.wakes.size === 0 ? undefined : Math.min(...this.wakes);
  }

  /** What the stage must look at now. */
  take(now: number): Dirty {
    for (const at of this.wakes)
      if (at <= now) {
        this.wakes.delete(at);
        this.dirty.addLeft(this.leftOut.get(at) ?? []);
        this.leftOut.delete(at);
      }
    return this.dirty.take();
  }

  ran({ wakeAt, unfinished = [], failures = [] }: TurnResult, now: number): void {
    this.failures = 0;
    this.retryAt = undefined;
    this.dirty.addLeft(unfinished);
    if (wakeAt !== undefined) this.wakes.add(wakeAt);
    if (failures.length > 0) this.tryAgain(failures, now + lastRetryMs);
  }

  private tryAgain(failures: readonly ObjectFailure[], at: number): void {
    const objects = failures.map(({ object }) => object);
    this.leftOut.set(at, [...(this.leftOut.get(at) ?? []), ...objects]);
    this.wakes.add(at);
  }

  /** It threw. It will look at everything, but not at once: 0.1 s later, then twice as long each time, up to 10 s. */
  failed(now: number): void {
    this.noteEverything();
    this.retryAt = now + Math.min(lastRetryMs, firstRetryMs * 2 ** this.failures);
    this.failures += 1;
  }
}
