import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

/**
 * One daemon a state folder. The file names the process that holds the folder by pid and start time, so
 * that neither a dead daemon's file nor a reused pid locks anyone out. The storage has its own lock;
 * this one only gives the refusal early, before anything is written, and names the other process.
 */

export interface StateLock {
  release(): void;
}

const attempts = 5;

export function lockState(stateDir: string): StateLock {
  const file = path.join(stateDir, 'swarmd.pid');
  const own = `${file}.${process.pid}`;
  const text = `${process.pid} ${startOf(process.pid) ?? ''}\n`;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    // Linked into place when it is whole: nobody reads it half written, and there is just one winner.
    writeFileSync(own, text, { mode: 0o600 });
    for (let attempt = 1; attempt <= attempts; attempt++) {
      if (linked(own, file))
        return {
          release: () => {
            if (readText(file) === text) discard(file);
          },
        };
      const found = readText(file);
      const holder = holderOf(found);
      if (holder !== undefined) throw inUse(stateDir, holder);
      if (found !== undefined) putAside(file, `${own}.stale`, found);
    }
    throw new Error(`${file} changes all the time`);
  } catch (cause) {
    if (isSwarmError(cause)) throw cause;
    if (!isFull(cause)) throw unusable(stateDir, cause);
    // Without room for these few bytes the storage's own lock must do: a daemon that waits for room goes
    // on by itself when there is some.
    const holder = holderOf(readText(file));
    if (holder !== undefined) throw inUse(stateDir, holder);
    return { release: () => undefined };
  } finally {
    discard(own);
  }
}

const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

/** False where the name is taken. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes the file if it still says what was judged; another starter may have put its own there since. */
function putAside(file: string, aside: string, judged: string): void {
  try {
    renameSync(file, aside);
  } catch {
    // Somebody else has put it aside.
    return;
  }
  if (readText(aside) !== judged) linked(aside, file);
  discard(aside);
}

/** What cannot be removed is recognised as stale by whoever comes next. */
function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // See above; and where it was never written there is nothing to remove.
  }
}

/** The process that the text names, if it is alive and not this one. */
function holderOf(text: string | undefined): number | undefined {
  const [pid = '', started = ''] = (text ?? '').trim().split(' ');
  const isAlive = /^\d+$/.test(pid) && started !== '' && startOf(Number(pid)) === started;
  return isAlive && Number(pid) !== process.pid ? Number(pid) : undefined;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat). Undefined for one that
 * has ended, also when nobody has collected it yet: a zombie holds nothing.
 */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

const inUse = (stateDir: string, pid: number): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'SWARMD_STATE_IN_USE',
    `another swarmd (process ${pid}) uses the state folder ${stateDir}; stop it or name another folder with -d`,
  );

const unusable = (stateDir: string, cause: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'SWARMD_STATE_DIR',
    `the state folder ${stateDir} cannot be used: ${messageOf(cause)}`,
    { cause },
  );
