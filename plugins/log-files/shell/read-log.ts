/**
 * Reads a task's files back, oldest line first, in constant memory: a file is read piece by piece, and
 * `tail` counts lines in a first pass instead of keeping them.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { LogLine, ReadLogOptions } from '@swarmkit/sdk/contracts/log-sink';
import { parseLine } from '../core/line-format.js';
import type { Follower } from './follower.js';
import { fileIn, listFiles } from './task-log-files.js';

const PIECE = 64 * 1024;

export interface ReadSource {
  readonly taskId: string;
  readonly dir: string;
  readonly follower: Follower | undefined;
}

/** How far a reader has come. */
interface Place {
  number: number;
  offset: number;
}

export async function* readLog(
  source: ReadSource,
  options: ReadLogOptions,
): AsyncGenerator<LogLine> {
  const begun = await begin(source, options);
  const place = { number: begun.number, offset: 0 };
  let { skip } = begun;
  for (;;) {
    for (const number of await listFiles(source.dir)) {
      if (number < place.number) continue;
      if (number > place.number) Object.assign(place, { number, offset: 0 });
      for await (const line of linesOf(source, place, options)) {
        if (options.signal?.aborted === true) return;
        if (skip > 0) skip--;
        else yield line;
      }
    }
    if (source.follower === undefined || source.follower.ended) return;
    await source.follower.more();
    if (source.follower.ended) return;
  }
}

/** The file to begin with, and how many matching lines of it to leave out. */
async function begin(
  source: ReadSource,
  options: ReadLogOptions,
): Promise<{ readonly number: number; readonly skip: number }> {
  const files = await listFiles(source.dir);
  const { tail } = options;
  if (tail === undefined) return { number: 0, skip: 0 };
  let count = 0;
  for (const number of [...files].reverse()) {
    for await (const _line of linesOf(source, { number, offset: 0 }, options)) count++;
    if (count >= tail) return { number, skip: count - tail };
  }
  return { number: 0, skip: 0 };
}

/** Matching lines of one file from the place on, which moves along; a line without its end waits. */
async function* linesOf(
  { taskId, dir }: ReadSource,
  place: Place,
  { since, streams }: ReadLogOptions,
): AsyncGenerator<LogLine> {
  const handle = await openIfThere(fileIn(dir, place.number));
  if (handle === undefined) return;
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (let at = place.offset; ; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(PIECE), 0, PIECE, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      let pending: Buffer = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
        const line = parseLine(pending.subarray(0, end));
        place.offset += end + 1;
        pending = pending.subarray(end + 1);
        // Undefined: torn by a crash, or nothing of ours.
        if (line === undefined || (since !== undefined && line.at < since)) continue;
        if (streams !== undefined && streams.length > 0 && !streams.includes(line.stream)) continue;
        yield { taskId, ...line };
      }
      rest = pending;
    }
  } finally {
    await handle.close();
  }
}

/** Undefined when rotation or a drop took the file away. */
const openIfThere = (file: string): Promise<FileHandle | undefined> =>
  open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
