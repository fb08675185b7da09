/**
 * Named pipes for the output of containers. Node cannot make them, so the program mkfifo does, many in
 * one go; each is then moved to where it is needed.
 */
import { execFile } from 'node:child_process';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

const run = promisify(execFile);
const BATCH = 64;

export class FifoPool {
  private readonly ready: string[] = [];
  private filling: Promise<void> | undefined;
  private number = 0;

  private readonly own: string;

  /** What an earlier run left in `dir` is removed before the first use. */
  constructor(private readonly dir: string) {
    this.own = join(dir, String(process.pid));
  }

  /**
   * Puts a pipe at `path`. One that is there stays: a shim of an attempt that a crash cut off may hold
   * it, and when nobody does, it is empty.
   */
  async put(path: string): Promise<void> {
    if (await isPipe(path)) return;
    let fifo = this.ready.pop();
    while (fifo === undefined) {
      this.filling ??= this.fill().finally(() => {
        this.filling = undefined;
      });
      await this.filling;
      fifo = this.ready.pop();
    }
    await rename(fifo, path);
  }

  private async fill(): Promise<void> {
    // A mkfifo of a process that was killed may still be at work there for a moment.
    const patiently = { maxRetries: 10, retryDelay: 50 };
    if (this.number === 0) await rm(this.dir, { recursive: true, force: true, ...patiently });
    await mkdir(this.own, { recursive: true, mode: 0o700 });
    const paths = Array.from({ length: BATCH }, () => join(this.own, `${++this.number}`));
    try {
      await run('mkfifo', ['-m', '0600', ...paths]);
    } catch (error) {
      throw new SwarmError(
        'failed-precondition',
        'CONTAINERD_FIFO',
        `named pipes cannot be made in ${this.own}: ${firstLine(error)}; is mkfifo (coreutils) installed?`,
        { cause: error },
      );
    }
    this.ready.push(...paths);
  }
}

const isPipe = (path: string): Promise<boolean> =>
  lstat(path).then(
    (found) => found.isFIFO(),
    () => false,
  );

/** What mkfifo said first; execFile's own message repeats all its arguments. */
const firstLine = (error: unknown): string => {
  const said = (error as { stderr?: string }).stderr ?? '';
  return (said.split('\n')[0] || messageOf(error)).trim();
};
