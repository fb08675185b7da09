import type { LogLine, ReadLogOptions, TaskLogs, TaskLogWriter } from '../contracts/log-sink.js';

/** Task output in memory, without bound: for tests that look at what an executor wrote. */
export class MemoryTaskLogs implements TaskLogs {
  private readonly kept = new Map<string, LogLine[]>();

  open(taskId: string): TaskLogWriter {
    const lines = this.kept.get(taskId) ?? [];
    this.kept.set(taskId, lines);
    const rest = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
    const put = (stream: 'stdout' | 'stderr', text: Buffer): void => {
      lines.push({ taskId, stream, at: 0, text });
    };
    return {
      write: (stream, bytes) => {
        let pending = Buffer.concat([rest[stream], bytes]);
        for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
          put(stream, pending.subarray(0, end));
          pending = pending.subarray(end + 1);
        }
        rest[stream] = pending;
      },
      close: async () => {
        for (const stream of ['stdout', 'stderr'] as const) {
          if (rest[stream].length > 0) put(stream, rest[stream]);
          rest[stream] = Buffer.alloc(0);
        }
      },
    };
  }

  /** Only what is kept now: `follow` is not for this fake. */
  async *read(taskId: string, options: ReadLogOptions = {}): AsyncIterable<LogLine> {
    const wanted = (this.kept.get(taskId) ?? []).filter(
      (line) => options.streams === undefined || options.streams.includes(line.stream),
    );
    yield* options.tail === undefined ? wanted : wanted.slice(-options.tail);
  }

  async drop(taskId: string): Promise<void> {
    this.kept.delete(taskId);
  }

  /** The lines of a task as text; undefined when nothing is kept. */
  text(taskId: string, stream?: 'stdout' | 'stderr'): readonly string[] | undefined {
    return this.kept
      .get(taskId)
      ?.filter((line) => stream === undefined || line.stream === stream)
      .map((line) => Buffer.from(line.text).toString('utf8').replace(/\r$/, ''));
  }
}
