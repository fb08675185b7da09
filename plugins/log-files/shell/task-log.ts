/**
 * Writes one task's lines to its files without ever making the task wait: lines queue within the
 * budget, one write is under way at a time, and what does not fit is dropped, counted, and said so in
 * the log where it is missing.
 */
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { formatLine, type StoredLine } from '../core/line-format.js';
import type { LogBudget } from '../core/log-budget.js';
import type { TaskLogFiles } from './task-log-files.js';

export interface TaskLogOptions {
  readonly files: TaskLogFiles;
  readonly budget: LogBudget;
  readonly clock: Clock;
  /** The disk refuses (once, until a write works again), or works again. */
  onDisk(failure: string | undefined): void;
  onWritten(): void;
}

interface Queued {
  readonly bytes: Buffer;
  /** Lines that are lost with it: a notice of loss stands for those it speaks of. */
  readonly lines: number;
}

/** One write; bounds what is copied together. */
const BATCH_BYTES = 256 * 1024;

export class TaskLog {
  private queue: Queued[] = [];
  private queuedBytes = 0;
  private lostLines = 0;
  private writing: Promise<void> | undefined;
  private failing = false;
  private dropped = false;

  constructor(private readonly options: TaskLogOptions) {}

  add(line: StoredLine, partial: boolean): void {
    if (this.dropped) return;
    // The notice and the line together: a notice alone would fit where no line does, after every loss.
    if (!this.accept([...this.notice(), { bytes: formatLine(line, partial), lines: 1 }]))
      this.lostLines++;
    this.writing ??= this.write();
  }

  /** Resolves when all that was added before is in the files, or lost. */
  async flush(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    this.accept(this.notice());
    if (this.queue.length === 0) return;
    this.writing = this.write();
    await this.writing;
  }

  /** The file is opened again when more is added. */
  async close(): Promise<void> {
    await this.flush();
    await this.options.files.close();
  }

  /** Nothing more is written. */
  async drop(): Promise<void> {
    this.dropped = true;
    await this.writing;
    await this.options.files.close();
  }

  /** All or nothing; a notice that is accepted settles what it speaks of. */
  private accept(entries: readonly Queued[]): boolean {
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0);
    if (this.dropped || !this.options.budget.take(bytes, this.queuedBytes)) return false;
    this.queue.push(...entries);
    this.queuedBytes += bytes;
    this.lostLines = 0;
    return true;
  }

  /** Says in the log what is missing there; nothing when nothing is. */
  private notice(): readonly Queued[] {
    if (this.lostLines === 0) return [];
    const lines = this.lostLines === 1 ? '1 line was' : `${this.lostLines} lines were`;
    const text = Buffer.from(`swarmkit: ${lines} lost here, the disk of the logs was slow or full`);
    const at = this.options.clock.now();
    return [{ bytes: formatLine({ at, stream: 'stderr', text }), lines: this.lostLines }];
  }

  private async write(): Promise<void> {
    // Not in the caller's turn: lines that arrive together are written together.
    await new Promise((resolve) => setImmediate(resolve));
    const { files, onDisk, onWritten } = this.options;
    while (this.queue.length > 0 && !this.dropped) {
      const batch = this.takeBatch();
      try {
        await files.append(Buffer.concat(batch.map(({ bytes }) => bytes)));
        if (this.failing) onDisk(undefined);
        this.failing = false;
      } catch (error) {
        this.lostLines += batch.reduce((sum, { lines }) => sum + lines, 0);
        if (!this.failing) onDisk(messageOf(error));
        this.failing = true;
        // The handle may stay broken when the disk is mended.
        await files.close().catch(() => {});
      }
      onWritten();
    }
    this.options.budget.give(this.queuedBytes);
    this.queue = [];
    this.queuedBytes = 0;
    this.writing = undefined;
  }

  private takeBatch(): readonly Queued[] {
    const bound = Math.min(BATCH_BYTES, this.options.files.room);
    let bytes = 0;
    let count = 0;
    for (const line of this.queue) {
      if (count > 0 && bytes + line.bytes.length > bound) break;
      bytes += line.bytes.length;
      count++;
    }
    const batch = this.queue.slice(0, count);
    this.queue = this.queue.slice(count);
    this.queuedBytes -= bytes;
    this.options.budget.give(bytes);
    return batch;
  }
}
