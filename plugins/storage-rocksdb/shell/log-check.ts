/**
 * Looks at the write-ahead logs of a closed database, where RocksDB only reads up to the first bad
 * fragment and says nothing of what it leaves out.
 */
import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectLog } from '../core/log-inspector.js';
import { corrupt, type Place } from './rocksdb-error.js';

/** Refuses a folder whose logs lost acknowledged writes. */
export async function checkLogs(place: Place): Promise<void> {
  for (const [name, log] of await readLogs(place)) {
    const { badAt, damaged } = inspectLog(log);
    if (damaged) throw corrupt(place, `log ${name} has a checksum mismatch at byte ${badAt}`);
  }
}

/**
 * Cuts off what a refused write left. Only right after the database that refused it was closed: since
 * that write nothing was acknowledged, so nothing behind the first bad fragment counts.
 */
export async function cutRefusedWrite(place: Place): Promise<void> {
  for (const [name, log] of await readLogs(place)) {
    const { badAt } = inspectLog(log);
    if (badAt !== undefined) await truncate(join(place.folder, name), badAt);
  }
}

/** About as large as the write buffer together: some MiB, inspected in milliseconds. */
async function readLogs({ folder }: Place): Promise<(readonly [name: string, log: Buffer])[]> {
  const names = (await readdir(folder)).filter((name) => /^\d+\.log$/.test(name));
  return Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name))] as const),
  );
}
