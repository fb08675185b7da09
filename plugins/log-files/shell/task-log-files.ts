/**
 * The files of one task: `1.log`, `2.log`, … in a folder of its own, the highest is written to. A full
 * file is followed by the next number and the oldest goes; nothing is ever renamed, so that a reader
 * keeps its place.
 */
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

interface FileLimits {
  /** Of one file. */
  readonly maxBytes: number;
  /** How many files are kept, with the one that is written. */
  readonly keep: number;
}

export class TaskLogFiles {
  private handle: FileHandle | undefined;
  private number = 0;
  private size = 0;
  /** The file ends in the middle of a line: after a crash, or a write that failed half-way. */
  private torn = false;

  constructor(
    private readonly dir: string,
    private readonly limits: FileLimits,
  ) {}

  /** Room left in the present file; at least one line is always taken. */
  get room(): number {
    return this.handle === undefined ? this.limits.maxBytes : this.limits.maxBytes - this.size;
  }

  /** Whole lines. Begins a new file when these do not fit. */
  async append(lines: Buffer): Promise<void> {
    let handle = this.handle ?? (await this.openLast());
    if (this.size > 0 && this.size + lines.length > this.limits.maxBytes)
      handle = await this.next();
    const bytes = this.torn ? Buffer.concat([Buffer.from('\n'), lines]) : lines;
    for (let at = 0; at < bytes.length; ) {
      this.torn = true;
      const { bytesWritten } = await handle.write(bytes, at);
      at += bytesWritten;
      this.size += bytesWritten;
    }
    this.torn = false;
  }

  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = undefined;
    await handle?.close();
  }

  private async openLast(): Promise<FileHandle> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    this.number = (await listFiles(this.dir)).at(-1) ?? 1;
    const handle = await this.use(this.number);
    const { size } = await handle.stat();
    this.size = size;
    if (size > 0) {
      const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
      this.torn = buffer[0] !== 10;
    }
    return handle;
  }

  private async next(): Promise<FileHandle> {
    await this.close();
    this.number++;
    this.size = 0;
    this.torn = false;
    const handle = await this.use(this.number);
    // Also what a crash between the two lines above and this one left over.
    for (const old of await listFiles(this.dir)) {
      if (old <= this.number - this.limits.keep) await rm(fileIn(this.dir, old), { force: true });
    }
    return handle;
  }

  private async use(number: number): Promise<FileHandle> {
    this.handle = await open(fileIn(this.dir, number), 'a+', 0o600);
    return this.handle;
  }
}

export const fileIn = (dir: string, number: number): string => path.join(dir, `${number}.log`);

/** Numbers of the files that are there, oldest first. */
export async function listFiles(dir: string): Promise<readonly number[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
