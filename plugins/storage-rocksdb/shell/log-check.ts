/** Refuses a folder whose write-ahead log lost acknowledged writes; RocksDB would open it without a word. */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES, LogInspector } from '../core/log-inspector.js';
import { corrupt, type Place } from './rocksdb-error.js';

/** Read at a time, so that checking a log of some MiB never holds the event loop for long. */
const READ_BYTES = 32 * BLOCK_BYTES;

export async function checkLogs(place: Place): Promise<void> {
  for (const name of await readdir(place.folder)) {
    if (!/^\d+\.log$/.test(name)) continue;
    const damagedAt = await firstDamage(join(place.folder, name));
    if (damagedAt !== undefined)
      throw corrupt(place, `log ${name} has a checksum mismatch at byte ${damagedAt}`);
  }
}

async function firstDamage(path: string): Promise<number | undefined> {
  const inspector = new LogInspector();
  const handle = await open(path, 'r');
  try {
    for (;;) {
      const bytes = await readFully(handle);
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
        inspector.block(bytes.subarray(at, at + BLOCK_BYTES));
      if (bytes.length < READ_BYTES || inspector.damagedAt !== undefined)
        return inspector.damagedAt;
    }
  } finally {
    await handle.close();
  }
}

/** The next READ_BYTES, less only at the end of the file. */
async function readFully(handle: FileHandle): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let filled = 0;
  while (filled < READ_BYTES) {
    const { bytesRead } = await handle.read(buffer, filled, READ_BYTES - filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
