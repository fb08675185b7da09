/**
 * A container's stdout and stderr on their way into TaskLogs, through two named pipes between the shim
 * and us. The shim keeps its end open while nobody reads, so an agent may come and go: the container
 * only waits when 64 KiB stand unread.
 * Pipes are opened without blocking and read by the event loop; no thread waits in one.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { TaskLogs, TaskLogWriter } from '@swarmkit/sdk/contracts/log-sink';
import type { FifoPool } from './fifo-pool.js';

const PIPE_SIZE = 64 << 10;
const streams = ['stdout', 'stderr'] as const;
type Stream = (typeof streams)[number];

export class TaskOutput {
  private readonly open = new Map<Stream, Socket>();
  /** Keep the pipes from ending before the shim has opened its side. */
  private holders: number[] = [];
  private writer: TaskLogWriter | undefined;
  private allEnded: (() => void) | undefined;
  private ended: Promise<void> | undefined;

  constructor(
    private readonly dir: string,
    private readonly taskId: string,
    private readonly logs: TaskLogs,
    private readonly tty: boolean,
  ) {}

  /** With a TTY there is one stream only. */
  get paths(): { readonly stdout: string; readonly stderr: string } {
    return { stdout: this.path('stdout'), stderr: this.tty ? '' : this.path('stderr') };
  }

  /** Before the container's process is made: the shim blocks until somebody holds the other end. */
  async create(fifos: FifoPool): Promise<void> {
    this.release();
    for (const stream of this.used()) {
      await fifos.put(this.path(stream));
      this.holders.push(openSync(this.path(stream), constants.O_RDWR | constants.O_NONBLOCK));
    }
  }

  /** Begins to read; the shim must have its side open, or have closed it for good. Again: nothing. */
  attach(): void {
    if (this.writer !== undefined) return;
    const writer = this.logs.open(this.taskId);
    this.writer = writer;
    this.ended = new Promise((resolve) => {
      this.allEnded = resolve;
    });
    for (const stream of this.used()) {
      const socket = openToRead(this.path(stream), (bytes) => writer.write(stream, bytes));
      if (socket === undefined) continue;
      this.open.set(stream, socket);
      socket.on('data', (bytes: Buffer) => writer.write(stream, bytes));
      // The stream ends when the shim has handed over everything; an error ends it too.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.close(stream));
    }
    // From here on only the shim holds them open for writing, so that their end is seen.
    this.release();
    if (this.open.size === 0) this.allEnded?.();
  }

  /** Resolves when everything that the container wrote has been handed to TaskLogs. */
  drained(): Promise<void> {
    return this.ended ?? Promise.resolve();
  }

  /** Lets go of the pipes; the container keeps running. */
  async detach(): Promise<void> {
    this.release();
    for (const socket of this.open.values()) socket.destroy();
    this.open.clear();
    const writer = this.writer;
    this.writer = undefined;
    this.allEnded?.();
    await writer?.close();
  }

  private close(stream: Stream): void {
    this.open.delete(stream);
    if (this.open.size === 0) this.allEnded?.();
  }

  private release(): void {
    for (const fd of this.holders) closeSync(fd);
    this.holders = [];
  }

  private used(): readonly Stream[] {
    return this.tty ? ['stdout'] : streams;
  }

  private path(stream: Stream): string {
    return join(this.dir, stream);
  }
}

/**
 * Undefined when there is no pipe, or nobody at its other end. The latter only a read tells: polling,
 * as the event loop does, is silent about a writer that had left before we came.
 */
function openToRead(path: string, first: (bytes: Buffer) => void): Socket | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(PIPE_SIZE);
    const size = readSync(fd, bytes);
    if (size === 0) {
      closeSync(fd);
      return undefined;
    }
    first(bytes.subarray(0, size));
  } catch {
    // Somebody is there and has nothing to say yet (EAGAIN).
  }
  return new Socket({ fd, readable: true, writable: false });
}
