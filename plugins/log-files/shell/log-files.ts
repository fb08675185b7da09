/** TaskLogs on files: a folder a task, and every line handed to the sinks as it arrives. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type {
  LogLine,
  LogSink,
  ReadLogOptions,
  TaskLogs,
  TaskLogWriter,
} from '@swarmkit/sdk/contracts/log-sink';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { LineCutter } from '../core/line-format.js';
import { LogBudget } from '../core/log-budget.js';
import { Follower } from './follower.js';
import { readLog } from './read-log.js';
import { TaskLog } from './task-log.js';
import { TaskLogFiles } from './task-log-files.js';

export interface LogFilesOptions {
  readonly dir: string;
  /** A file's bound, and how many files are kept for a task. */
  readonly maxBytes: number;
  readonly keep: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sinks: readonly LogSink[];
  /** A sink threw; once, until it has taken a line again. */
  onSinkFault(sink: string, error: unknown): void;
  readonly budget?: LogBudget;
}

/** What may wait for the disk, of all tasks together and of one. */
const TOTAL_WAITING = 32 << 20;
const TASK_WAITING = 1 << 20;

interface OpenLog {
  readonly log: TaskLog;
  writers: number;
}

export class LogFiles implements TaskLogs {
  private readonly budget: LogBudget;
  private readonly opened = new Map<string, OpenLog>();
  private readonly followers = new Map<string, Set<Follower>>();
  private readonly faultySinks = new Set<string>();

  constructor(private readonly options: LogFilesOptions) {
    this.budget = options.budget ?? new LogBudget(TOTAL_WAITING, TASK_WAITING);
  }

  open(taskId: string): TaskLogWriter {
    const open = this.opened.get(taskId) ?? this.begin(taskId);
    open.writers++;
    const cutters = { stdout: new LineCutter(), stderr: new LineCutter() };
    const put = (stream: 'stdout' | 'stderr', text: Uint8Array, partial: boolean): void => {
      const at = this.options.clock.now();
      open.log.add({ at, stream, text }, partial);
      this.handToSinks({ taskId, stream, at, text });
    };
    let closed = false;
    return {
      write: (stream, bytes) => {
        if (closed) return;
        for (const { text, partial } of cutters[stream].push(bytes)) put(stream, text, partial);
      },
      close: async () => {
        if (closed) return;
        closed = true;
        for (const stream of ['stdout', 'stderr'] as const) {
          const text = cutters[stream].flush();
          if (text !== undefined) put(stream, text, false);
        }
        await open.log.flush();
        if (--open.writers > 0) return;
        await open.log.close();
        // Opened again while the file was being closed: the next writer opens the file again too.
        if (open.writers === 0 && this.opened.get(taskId) === open) this.opened.delete(taskId);
      },
    };
  }

  read(taskId: string, options: ReadLogOptions = {}): AsyncIterable<LogLine> {
    const dir = this.folder(taskId);
    return this.readFrom(taskId, dir, options);
  }

  async drop(taskId: string): Promise<void> {
    const dir = this.folder(taskId);
    const open = this.opened.get(taskId);
    this.opened.delete(taskId);
    await open?.log.drop();
    await rm(dir, { recursive: true, force: true });
    for (const follower of this.followers.get(taskId) ?? []) follower.end();
  }

  /** Writes out what waits. */
  async close(): Promise<void> {
    await Promise.all([...this.opened.values()].map(({ log }) => log.close()));
  }

  private async *readFrom(
    taskId: string,
    dir: string,
    options: ReadLogOptions,
  ): AsyncGenerator<LogLine> {
    const follower = options.follow === true ? new Follower(options.signal) : undefined;
    const followers = this.followers.get(taskId) ?? new Set();
    if (follower !== undefined) this.followers.set(taskId, followers.add(follower));
    try {
      await this.opened.get(taskId)?.log.flush();
      yield* readLog({ taskId, dir, follower }, options);
    } finally {
      follower?.end();
      if (follower !== undefined && followers.delete(follower) && followers.size === 0)
        this.followers.delete(taskId);
    }
  }

  private begin(taskId: string): OpenLog {
    const { clock, maxBytes, keep } = this.options;
    const log = new TaskLog({
      files: new TaskLogFiles(this.folder(taskId), { maxBytes, keep }),
      budget: this.budget,
      clock,
      onDisk: (failure) => this.onDisk(taskId, failure),
      onWritten: () => {
        for (const follower of this.followers.get(taskId) ?? []) follower.wake();
      },
    });
    const open = { log, writers: 0 };
    this.opened.set(taskId, open);
    return open;
  }

  /** Ids come from the cluster and become paths. */
  private folder(taskId: string): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(taskId))
      throw new SwarmError(
        'invalid-argument',
        'LOGS_TASK_ID',
        `"${taskId}" cannot name a log; a task id is letters and digits`,
      );
    return path.join(this.options.dir, taskId);
  }

  private onDisk(taskId: string, failure: string | undefined): void {
    const { log, dir } = this.options;
    if (failure === undefined) log.info({ taskId, dir }, 'task output is kept again');
    else
      log.warn(
        { taskId, dir },
        `task output is lost because ${dir} cannot be written to: ${failure}; make room there`,
      );
  }

  private handToSinks(line: LogLine): void {
    for (const sink of this.options.sinks) {
      try {
        sink.line(line);
        this.faultySinks.delete(sink.id);
      } catch (error) {
        if (!this.faultySinks.has(sink.id)) this.options.onSinkFault(sink.id, error);
        this.faultySinks.add(sink.id);
      }
    }
  }
}
