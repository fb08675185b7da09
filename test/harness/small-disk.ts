import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Cleanup } from './cleanup.js';

/** A file system of a few MiB in memory, to be filled to its last block and emptied again. */
export class SmallDisk {
  readonly dir: string;
  private readonly ballast: string;

  constructor(cleanup: Cleanup, mebibytes: number) {
    this.dir = path.join(cleanup.folder(), 'disk');
    this.ballast = path.join(this.dir, 'ballast');
    mkdirSync(this.dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.dir]);
    cleanup.add('the small disk', () => void execFileSync('umount', ['-l', this.dir]));
  }

  /** Why it cannot be had here, as half a sentence. */
  static get missing(): string | undefined {
    return process.getuid?.() === 0 ? undefined : 'mounting a small file system needs root';
  }

  /** Not one more block can be written. */
  fill(): void {
    mkdirSync(this.ballast, { recursive: true });
    for (const size of [1 << 20, 1 << 12])
      try {
        for (let n = 0; ; n++)
          writeFileSync(path.join(this.ballast, `${size}-${n}`), Buffer.alloc(size, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
  }

  empty(): void {
    rmSync(this.ballast, { recursive: true, force: true });
  }
}
