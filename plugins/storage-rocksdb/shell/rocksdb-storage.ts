/** The spaces of one state folder: `<dir>/<space>`, each opened at most once in this process. */
import { mkdir, open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Space, Storage } from '@swarmkit/sdk/contracts/storage';
import { invariant, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { storageError } from './rocksdb-error.js';
import { RocksdbSpace } from './rocksdb-space.js';

export class RocksdbStorage implements Storage {
  private readonly dir: string;
  private readonly spaces = new Map<string, Promise<RocksdbSpace>>();

  constructor(dir: string) {
    this.dir = resolve(dir);
  }

  async open(space: string): Promise<Space> {
    invariant(/^[a-z0-9][a-z0-9-]*$/.test(space), 'STORAGE_SPACE_NAME', { space });
    const folder = join(this.dir, space);
    if (this.spaces.has(space))
      throw new SwarmError(
        'failed-precondition',
        'STORAGE_LOCKED',
        `space ${space} in ${folder} is already open in this process: close it first`,
      );
    const opening = this.openAt(space, folder);
    this.spaces.set(space, opening);
    try {
      return await opening;
    } catch (error) {
      this.spaces.delete(space);
      throw error;
    }
  }

  /** Closes every open space. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.spaces.values());
    await Promise.all(
      opened.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.close() : undefined)),
    );
  }

  private async openAt(space: string, folder: string): Promise<RocksdbSpace> {
    try {
      // Where something was made, its name must survive a crash too; RocksDB only syncs its own folder.
      const made = await mkdir(folder, { recursive: true, mode: 0o700 });
      if (made !== undefined) await syncFolders(folder, dirname(made));
    } catch (error) {
      throw storageError(error, { space, folder });
    }
    return RocksdbSpace.open({ space, folder }, () => this.spaces.delete(space));
  }
}

/** Syncs each folder from the parent of `deepest` up to `top`. */
async function syncFolders(deepest: string, top: string): Promise<void> {
  let folder = deepest;
  do {
    folder = dirname(folder);
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } while (folder !== top && folder !== dirname(folder));
}
