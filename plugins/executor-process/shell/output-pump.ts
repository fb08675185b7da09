import { constants, open } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import type { TaskLogWriter } from '@swarmkit/sdk/contracts/log-sink';
import type { TaskFolder } from './task-folder.js';

/** Descriptors of the two pipes. */
export interface ReadEnds {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Before the process is started, so that nothing it says is lost; they are read only once the
 * supervisor holds the other ends, since a pipe that nobody ever opened looks like one that has ended.
 */
export async function openReadEnds(folder: TaskFolder): Promise<ReadEnds> {
  const end = (name: string): Promise<number> =>
    promisify(open)(folder.file(name), constants.O_RDONLY | constants.O_NONBLOCK);
  return { stdout: await end('stdout'), stderr: await end('stderr') };
}

/**
 * Carries what a task prints from its pipes to its log. A pipe is read as a socket: a read of a file
 * would hold one of the few threads of the pool for as long as the task is silent.
 */
export class OutputPump {
  private readonly sockets: Socket[] = [];
  /** Resolves when every writer has closed its end. */
  readonly drained: Promise<void>;

  constructor(
    private readonly writer: TaskLogWriter,
    ends: ReadEnds,
  ) {
    this.drained = Promise.all(
      (['stdout', 'stderr'] as const).map((name) => this.pump(name, ends[name])),
    ).then(() => undefined);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.writer.close();
  }

  private pump(name: 'stdout' | 'stderr', fd: number): Promise<void> {
    return new Promise((resolve) => {
      const socket = new Socket({ fd, readable: true, writable: false });
      this.sockets.push(socket);
      socket.on('data', (bytes) => this.writer.write(name, bytes));
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
    });
  }
}
