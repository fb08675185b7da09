import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

/**
 * One daemon a state folder. The file names the process that holds the folder by pid and start time, so
 * that neither a dead daemon's file nor a reused pid locks anyone out. The storage has its own lock;
 * this one only gives the refusal early, before anything is written, and names the other process.
 */

export interface StateLock {
  release(): void;
}

interface Holder {
  readonly pid: number;
  readonly started: string;
}

export function lockState(stateDir: string): StateLock {
  const file = path.join(stateDir, 'swarmd.pid');
  const me: Holder = { pid: process.pid, started: startOf(process.pid) ?? '' };
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unusable(stateDir, cause);
  }
  for (let attempt = 0; ; attempt++) {
    try {
      const handle = openSync(file, 'wx', 0o600);
      writeSync(handle, `${me.pid} ${me.started}\n`);
      closeSync(handle);
      return { release: () => rmSync(file, { force: true }) };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3)
        throw unusable(stateDir, cause);
    }
    const holder = readHolder(file);
    if (holder !== undefined && startOf(holder.pid) === holder.started && holder.pid !== me.pid)
      throw new SwarmError(
        'failed-precondition',
        'SWARMD_STATE_IN_USE',
        `another swarmd (process ${holder.pid}) uses the state folder ${stateDir}; stop it or name another folder with -d`,
      );
    // Moved aside before it is removed: two starters cannot both remove what the other just made.
    const stale = `${file}.${me.pid}.stale`;
    try {
      renameSync(file, stale);
      rmSync(stale, { force: true });
    } catch {
      // Someone else moved it first; the next round finds out who holds it now.
    }
  }
}

const unusable = (stateDir: string, cause: unknown): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'SWARMD_STATE_DIR',
    `the state folder ${stateDir} cannot be used: ${messageOf(cause)}`,
    { cause },
  );

function readHolder(file: string): Holder | undefined {
  try {
    const [pid, started] = readFileSync(file, 'utf8').trim().split(' ');
    return pid && started ? { pid: Number(pid), started } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat). Undefined for one that
 * has ended, also when nobody has collected it yet: a zombie holds nothing.
 */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
