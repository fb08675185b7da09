import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * An append-only file that is moved aside when it has grown to its bound: `0.log` is written, `1.log`
 * is the one before, and so on; the oldest is deleted. Appends are written one after another, and what
 * comes meanwhile is written together; past the bound of what may wait, bytes are dropped and counted.
 */
export class RotatingFile {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | undefined;
  private handle: FileHandle | undefined;
  private size = 0;
  /** Lines that could not be kept because the disk was too slow or full. */
  dropped = 0;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
    private readonly keep: number,
    private readonly onWritten: () => void,
  ) {}

  /** Bytes that may wait for the disk. */
  static readonly bound = 1 << 20;

  append(line: Buffer): void {
    if (this.waitingBytes + line.length > RotatingFile.bound) {
      this.dropped += 1;
      return;
    }
    this.waiting.push(line);
    this.waitingBytes += line.length;
    this.writing ??= this.drain();
  }

  /** Resolves when everything appended so far is in the file. */
  async flushed(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
  }

  async close(): Promise<void> {
    await this.flushed();
    await this.handle?.close();
    this.handle = undefined;
  }

  private async drain(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const lines = this.waiting;
        this.waiting = [];
        this.waitingBytes = 0;
        try {
          await this.write(Buffer.concat(lines));
        } catch {
          // A full disk costs output, never the task: what cannot be kept is counted.
          this.dropped += lines.length;
          await this.handle?.close().catch(() => undefined);
          this.handle = undefined;
        }
        this.onWritten();
      }
    } finally {
      this.writing = undefined;
    }
  }

  private async write(bytes: Buffer): Promise<void> {
    this.handle ??= await this.open();
    if (this.size > 0 && this.size + bytes.length > this.maxBytes) await this.rotate();
    await this.handle?.write(bytes);
    this.size += bytes.length;
  }

  private async open(): Promise<FileHandle> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = this.file(0);
    this.size = (await stat(file).catch(() => undefined))?.size ?? 0;
    return open(file, 'a', 0o600);
  }

  private async rotate(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    await rm(this.file(this.keep - 1), { force: true });
    for (let n = this.keep - 2; n >= 0; n--)
      await rename(this.file(n), this.file(n + 1)).catch(() => undefined);
    this.handle = await this.open();
  }

  private file(n: number): string {
    return path.join(this.folder, `${n}.log`);
  }
}
