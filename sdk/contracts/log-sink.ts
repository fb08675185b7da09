import { extensionPoint, token } from '../plugin/token.js';

/**
 * Output of tasks. `TaskLogs` (one provider) keeps it bounded and reads it back; `LogSinks` (any
 * number) are each handed every line as it arrives, for shipping elsewhere.
 * Invariants: lines of one stream of one task keep their order; a sink that throws is reported and
 * does not stop the others; a slow reader never blocks a task.
 */
export interface TaskLogs {
  /** Where an executor puts a task's output. Opening again after a restart appends. */
  open(taskId: string): TaskLogWriter;
  /** Lines kept for a task, oldest first; with `follow` waits for more until `signal` aborts or the task's log is dropped. */
  read(taskId: string, options?: ReadLogOptions): AsyncIterable<LogLine>;
  /** Deletes what is kept for a task. */
  drop(taskId: string): Promise<void>;
}

export interface TaskLogWriter {
  /** Raw bytes as they come; cut into lines here. */
  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
  /** A last line without its newline is written too. */
  close(): Promise<void>;
}

export interface LogLine {
  readonly taskId: string;
  readonly stream: 'stdout' | 'stderr';
  /** Wall clock, ms. */
  readonly at: number;
  /** Without the newline; at most 16 KiB, longer lines are cut into parts. */
  readonly text: Uint8Array;
}

export interface ReadLogOptions {
  readonly follow?: boolean;
  /** The last n lines; undefined = all that are kept. */
  readonly tail?: number;
  /** Wall clock, ms; lines at or after it. */
  readonly since?: number;
  readonly streams?: readonly ('stdout' | 'stderr')[];
  readonly signal?: AbortSignal;
}

export interface LogSink {
  readonly id: string;
  /** Must not block; keep what cannot be sent yet within your own bound. */
  line(line: LogLine): void;
}

export const TaskLogs = token<TaskLogs>('swarmkit.task-logs.v1');
export const LogSinks = extensionPoint<LogSink>('swarmkit.log-sink.v1');
