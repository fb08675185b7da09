/**
 * What readys ask to be written, in their order: one batch at a time is on its way to the disk, and
 * everything that is asked meanwhile goes with the next one. So one fsync serves as many readys as came
 * during the one before, and no ready waits to be taken.
 */
import type { Ready, Write } from '../core/raft.js';

/** One stop of the event loop must stay short: this much is sealed in a few milliseconds. */
const BATCH_BYTES = 1024 * 1024;

export interface WriteLineOptions {
  /** Resolves when it is on disk, or when this node ends. */
  readonly write: (write: Write) => Promise<void>;
  /** What it asked for is on disk. Called for each, in order. */
  readonly done: (ready: Ready) => void;
  readonly failed: (error: unknown) => void;
}

export class WriteLine {
  private waiting: Ready[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly options: WriteLineOptions) {}

  push(ready: Ready): void {
    if (this.running === undefined && ready.write === undefined) {
      this.options.done(ready);
      return;
    }
    this.waiting.push(ready);
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const batch = takeBatch(this.waiting);
        const write = joinWrites(batch.flatMap((ready) => ready.write ?? []));
        if (write !== undefined) await this.options.write(write);
        for (const ready of batch) this.options.done(ready);
      }
    } catch (error) {
      this.waiting = [];
      this.options.failed(error);
    }
  }
}

function takeBatch(waiting: Ready[]): readonly Ready[] {
  let bytes = 0;
  let count = 0;
  for (const { write } of waiting) {
    for (const { Data } of write?.entries ?? []) bytes += Data.length;
    if (count > 0 && bytes > BATCH_BYTES) break;
    count++;
  }
  return waiting.splice(0, count);
}

/** As if one had been made after the other. None of them but a single one has a snapshot. */
export function joinWrites(writes: readonly Write[]): Write | undefined {
  const last = writes.at(-1);
  if (last === undefined || writes.length === 1) return last;
  const entries = [...(writes[0]?.entries ?? [])];
  for (const { entries: later } of writes.slice(1)) {
    const [from] = later;
    // A later write may replace the end of an earlier one.
    while (from !== undefined && (entries.at(-1)?.Index ?? 0n) >= from.Index) entries.pop();
    entries.push(...later);
  }
  return { hardState: last.hardState, snapshot: undefined, entries };
}
