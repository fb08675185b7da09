import type { LogLine, ReadLogOptions, TaskLogs, TaskLogWriter } from '../contracts/log-sink.js';

/** Task output in memory, without bound: for tests that look at what an executor wrote. */
export class MemoryTaskLogs implements TaskLogs {
  private readonly kept = new Map<string, LogLine[]>();
  private followers: (() => void)[] = [];

  /** Wall clock, ms, put on each line. */
  constructor(private readonly now: () => number = () => 0) {}

  open(taskId: string): TaskLogWriter {
    const lines = this.kept.get(taskId) ?? [];
    this.kept.set(taskId, lines);
    const rest = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
    const put = (stream: 'stdout' | 'stderr', text: Buffer): void => {
      lines.push({ taskId, stream, at: this.now(), text });
      this.wakeFollowers();
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

  async *read(taskId: string, options: ReadLogOptions = {}): AsyncIterable<LogLine> {
    const { streams, tail, since = 0, follow, signal } = options;
    const wake = (): void => this.wakeFollowers();
    signal?.addEventListener('abort', wake);
    const matching = (): LogLine[] =>
      (this.kept.get(taskId) ?? []).filter(
        (line) => (streams === undefined || streams.includes(line.stream)) && line.at >= since,
      );
    let at = tail === undefined ? 0 : Math.max(0, matching().length - tail);
    try {
      while (signal?.aborted !== true) {
        for (const line of matching().slice(at)) {
          at += 1;
          yield line;
        }
        if (follow !== true) return;
        await new Promise<void>((resolve) => this.followers.push(resolve));
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  async drop(taskId: string): Promise<void> {
    this.kept.delete(taskId);
  }

  private wakeFollowers(): void {
    const waiting = this.followers;
    this.followers = [];
    for (const wake of waiting) wake();
  }

  /** The lines of a task as text; undefined when nothing is kept. */
  text(taskId: string, stream?: 'stdout' | 'stderr'): readonly string[] | undefined {
    return this.kept
      .get(taskId)
      ?.filter((line) => stream === undefined || line.stream === stream)
      .map((line) => Buffer.from(line.text).toString('utf8').replace(/\r$/, ''));
  }
}
