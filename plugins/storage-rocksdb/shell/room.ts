import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What RocksDB writes on opening besides the log's contents: manifest, options, table overhead. */
const OPENING_BYTES = 256 * 1024;

/**
 * Throws ENOSPC unless a reopening would find room: RocksDB then writes the whole log into a table.
 * Tried with a real file, since free-space figures know nothing of quotas and reserved blocks.
 */
export async function checkRoom(folder: string): Promise<void> {
  let bytes = OPENING_BYTES;
  for (const name of await readdir(folder))
    if (name.endsWith('.log')) bytes += (await stat(join(folder, name))).size;
  try {
    await writeFile(probeIn(folder), Buffer.alloc(bytes), { flush: true });
  } finally {
    await removeProbe(folder);
  }
}

/** A process that was killed while it tried leaves its probe behind. */
export const removeProbe = (folder: string): Promise<void> => rm(probeIn(folder), { force: true });

const probeIn = (folder: string): string => join(folder, 'room.tmp');
