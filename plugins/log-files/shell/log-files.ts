import { createReadStream } from 'node:fs';
import { open as openFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type {
  LogLine,
  LogSink,
  ReadLogOptions,
  TaskLogs,
  TaskLogWriter,
} from '@swarmkit/sdk/contracts/log-sink';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { formatLine, LineCutter, parseLine, type StoredLine } from '../core/line-format.js';
import { RotatingFile } from './rotating-file.js';

export interface LogFilesOptions {
  readonly dir: string;
  /** A file's bound, and how many files are kept for a task. */
  readonly maxBytes: number;
  readonly keep: number;
  readonly clock: Clock;
  readonly sinks: readonly LogSink[];
  onSinkFault(sink: string, error: unknown): void;
}

/** Output of tasks in bounded files, one folder a task; and every line to every sink as it arrives. */
export class LogFiles implements TaskLogs {
  private readonly files = new Map<string, OpenLog>();

  constructor(private readonly options: LogFilesOptions) {}

  open(taskId: string): TaskLogWriter {
    const log = this.logOf(taskId);
    log.writers += 1;
    const cutters = { stdout: new LineCutter(), stderr: new LineCutter() };
    let open = true;
    return {
      write: (stream, bytes) => {
        if (!open) return;
        for (const { text, partial } of cutters[stream].push(bytes))
          this.keep(taskId, log, stream, text, partial);
      },
      close: async () => {
        if (!open) return;
        open = false;
        for (const stream of ['stdout', 'stderr'] as const) {
          const text = cutters[stream].flush();
          if (text !== undefined) this.keep(taskId, log, stream, text, false);
        }
        log.writers -= 1;
        await log.file.flushed();
        if (log.writers === 0) await this.release(taskId, log);
      },
    };
  }

  async *read(taskId: string, options: ReadLogOptions = {}): AsyncIterable<LogLine> {
    const wanted = (line: StoredLine): boolean =>
      line.at >= (options.since ?? 0) &&
      (options.streams === undefined || options.streams.includes(line.stream));
    const log = options.follow ? this.logOf(taskId) : this.files.get(taskId);
    const reader = { wake: undefined as (() => void) | undefined, news: false };
    const onNews = (): void => {
      reader.news = true;
      reader.wake?.();
    };
    if (options.follow) log?.readers.add(onNews);
    try {
      await log?.file.flushed();
      let kept: StoredLine[] = [];
      let position = 0;
      for (const [index, file] of (await this.filesOf(taskId)).entries()) {
        const { lines, end } = await readLines(file, 0);
        kept.push(...lines.filter(wanted));
        if (index >= 0 && file.endsWith(`${path.sep}0.log`)) position = end;
        if (options.tail !== undefined) kept = options.tail === 0 ? [] : kept.slice(-options.tail);
      }
      for (const line of kept) yield { taskId, ...line };
      while (options.follow && !options.signal?.aborted && log !== undefined && !log.gone) {
        if (!reader.news) await untilWoken(reader, options.signal);
        reader.news = false;
        const { lines, end } = await readLines(this.file(taskId, 0), position);
        position = end;
        for (const line of lines.filter(wanted)) yield { taskId, ...line };
      }
    } finally {
      log?.readers.delete(onNews);
    }
  }

  async drop(taskId: string): Promise<void> {
    const log = this.files.get(taskId);
    if (log !== undefined) {
      log.gone = true;
      await log.file.close();
      this.files.delete(taskId);
      for (const wake of log.readers) wake();
    }
    await rm(this.folder(taskId), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.files.values()].map((log) => log.file.close()));
    this.files.clear();
  }

  private keep(
    taskId: string,
    log: OpenLog,
    stream: 'stdout' | 'stderr',
    text: Uint8Array,
    partial: boolean,
  ): void {
    const line: LogLine = { taskId, stream, at: this.options.clock.now(), text };
    if (log.file.dropped > 0) {
      const lost = Buffer.from(
        `[${log.file.dropped} lines were lost here: the disk was slow or full]`,
      );
      log.file.dropped = 0;
      log.file.append(formatLine({ ...line, text: lost }));
    }
    log.file.append(formatLine(line, partial));
    for (const sink of this.options.sinks)
      try {
        sink.line(line);
      } catch (error) {
        this.options.onSinkFault(sink.id, error);
      }
  }

  private logOf(taskId: string): OpenLog {
    let log = this.files.get(taskId);
    if (log === undefined) {
      const readers = new Set<() => void>();
      const { maxBytes, keep } = this.options;
      log = {
        writers: 0,
        gone: false,
        readers,
        file: new RotatingFile(this.folder(taskId), maxBytes, keep, () => {
          for (const wake of readers) wake();
        }),
      };
      this.files.set(taskId, log);
    }
    return log;
  }

  /** Nobody writes and nobody follows: the file need not stay open. */
  private async release(taskId: string, log: OpenLog): Promise<void> {
    await log.file.close();
    if (log.writers === 0 && log.readers.size === 0 && this.files.get(taskId) === log)
      this.files.delete(taskId);
  }

  /** Oldest first. */
  private async filesOf(taskId: string): Promise<readonly string[]> {
    const names = await readdir(this.folder(taskId)).catch(() => [] as string[]);
    return names
      .filter((name) => /^\d+\.log$/.test(name))
      .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
      .map((name) => path.join(this.folder(taskId), name));
  }

  private folder(taskId: string): string {
    return path.join(this.options.dir, taskId);
  }

  private file(taskId: string, n: number): string {
    return path.join(this.folder(taskId), `${n}.log`);
  }
}

interface OpenLog {
  readonly file: RotatingFile;
  readonly readers: Set<() => void>;
  writers: number;
  gone: boolean;
}

/** Whole lines from `from` on, and where the next one begins. A file that was rotated begins anew. */
async function readLines(
  file: string,
  from: number,
): Promise<{ readonly lines: readonly StoredLine[]; readonly end: number }> {
  const handle = await openFile(file, 'r').catch(() => undefined);
  if (handle === undefined) return { lines: [], end: 0 };
  const { size } = await handle.stat();
  await handle.close();
  let position = size < from ? 0 : from;
  if (position === size) return { lines: [], end: position };
  const lines: StoredLine[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { start: position, end: size - 1 })) {
    let pending: Buffer = Buffer.concat([rest, chunk as Buffer]);
    for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
      const line = parseLine(pending.subarray(0, end));
      if (line !== undefined) lines.push(line);
      position += end + 1;
      pending = pending.subarray(end + 1);
    }
    rest = pending;
  }
  return { lines, end: position };
}

function untilWoken(
  reader: { wake: (() => void) | undefined },
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal?.removeEventListener('abort', done);
      reader.wake = undefined;
      resolve();
    };
    reader.wake = done;
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done, { once: true });
  });
}
