/**
 * The state folder of a daemon that does not run, for the tools of operators: only the daemon knows what
 * lies where in it. Holds the folder's lock from `open` to `close`, so that no daemon starts on it meanwhile.
 */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { realEnv } from '@swarmkit/kernel/env';
import { OfflineIdentity } from '@swarmkit/plugin-ca/offline';
import { describeMembershipChange, OfflineLog } from '@swarmkit/plugin-raft/offline';
import { RocksdbStorage } from '@swarmkit/plugin-storage-rocksdb/offline';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { lockState } from './state-lock.js';

export { describeMembershipChange };

/** Tools say what they do themselves. */
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface StateFolder {
  /** Absolute. */
  readonly dir: string;
  readonly identity: Identity;
  readonly log: OfflineLog;
  /** Where `keepCopy` puts the copy. */
  readonly copyAt: string;
  /** A copy of the log and of the key file that opens it, as they are now. Before anything was changed. */
  keepCopy(): Promise<void>;
  close(): Promise<void>;
}

/** Of a manager. `unlockKey`: for one that is locked. */
export async function openStateFolder(stateDir: string, unlockKey?: string): Promise<StateFolder> {
  const dir = path.resolve(stateDir);
  const raft = path.join(dir, 'storage/raft');
  if (!existsSync(raft)) throw noLog(dir);
  const lock = lockState(dir);
  const storage = new RocksdbStorage(path.join(dir, 'storage'));
  try {
    const keys = path.join(dir, 'certificates');
    const owner = await OfflineIdentity.open(keys, unlockKey, realEnv, silent);
    const log = await OfflineLog.open(storage, owner.read(), realEnv.random);
    if (log === undefined) throw noLog(dir);
    const stamp = new Date(realEnv.clock.now()).toISOString().replace(/\.\d+|[-:]/g, '');
    const copyAt = path.join(dir, `raft-${stamp}.bak`);
    return {
      dir,
      identity: owner.identity,
      log,
      copyAt,
      keepCopy: () => keepCopy(copyAt, raft, path.join(keys, 'swarm-node.key')),
      close: async () => {
        await storage.close();
        lock.release();
      },
    };
  } catch (error) {
    await storage.close();
    lock.release();
    throw error;
  }
}

/** The log is open and nobody writes it: its files are whole. */
async function keepCopy(to: string, raft: string, keyFile: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  await cp(raft, path.join(to, 'raft'), { recursive: true, preserveTimestamps: true });
  await copyFile(keyFile, path.join(to, 'swarm-node.key'));
  const folder = await open(to, 'r');
  await folder.sync().finally(() => folder.close());
}

const noLog = (dir: string): SwarmError =>
  new SwarmError(
    'not-found',
    'SWARMD_NO_LOG',
    `there is no manager's log in ${dir}: name the state folder of a manager, which is what swarmd was given with -d`,
  );
