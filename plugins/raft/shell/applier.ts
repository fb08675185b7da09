/**
 * Feeds committed entries to the state machine, in order, each once, in slices: after 10 ms the event
 * loop gets its turn, because it is also the heartbeat of the group.
 */
import type { StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { type Entry, EntryType } from '@swarmkit/sdk/wire/gen/raftpb/raft';

const SLICE_MS = 10;
const NO_DATA = Buffer.alloc(0);

export interface AppliedListener {
  /** Right after the entry was applied, before the next one is. */
  applied(entry: Entry): void;
  /** The state machine threw. Nothing is applied any more. */
  failed(error: unknown): void;
}

export class Applier {
  private queue: Entry[] = [];
  private running = false;
  private broken = false;

  constructor(
    private readonly machine: StateMachine,
    private readonly clock: Clock,
    private readonly listener: AppliedListener,
  ) {}

  get idle(): boolean {
    return !this.running && this.queue.length === 0;
  }

  push(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.queue.push(...entries);
    if (!this.running) this.slice();
  }

  /** Forgets what waits; for a state that is replaced, and for the end. */
  clear(): void {
    this.queue = [];
  }

  private slice(): void {
    this.running = true;
    const end = this.clock.monotonic() + SLICE_MS;
    let done = 0;
    try {
      for (const entry of this.queue) {
        if (this.broken) break;
        this.machine.apply({
          index: entry.Index,
          term: entry.Term,
          data: entry.Type === EntryType.EntryNormal ? entry.Data : NO_DATA,
        });
        done++;
        this.listener.applied(entry);
        if (this.clock.monotonic() >= end) break;
      }
    } catch (error) {
      this.broken = true;
      this.queue = [];
      this.running = false;
      this.listener.failed(error);
      return;
    }
    this.queue.splice(0, done);
    if (this.queue.length > 0) setImmediate(() => this.slice());
    else this.running = false;
  }
}
