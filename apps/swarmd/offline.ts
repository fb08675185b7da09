/**
 * The state folder of a daemon that does not run, for the tools of operators: only the daemon knows what
 * lies where in it. Holds the folder's lock from `open` to `close`, so that no daemon starts on it meanwhile.
 */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { realEnv } from '@swarmkit/kernel/env';
import { OfflineIdentity } from '@swarmkit/plugin-ca/offline';
import { describeMembershipChange, OfflineLog, restoreLog } from '@swarmkit/plugin-raft/offline';
import { RocksdbStorage } from '@swarmkit/plugin-storage-rocksdb/offline';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Backup } from '@swarmkit/sdk/model/backup-file';
import { managersSubsystem } from '@swarmkit/sdk/model/unlock-key';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { ClusterSnapshot, StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { hostPortProblem } from './addresses.js';
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

export interface RestoredFolder {
  /** Absolute. */
  readonly dir: string;
  readonly nodeId: string;
  /** It takes the cluster's unlock key to start. */
  readonly locked: boolean;
}

/**
 * A new manager, the only one of the cluster in the backup, in a folder that is empty or not there. It is
 * made beside its place and moved there when it is whole. `address`: where others will reach it; may be empty.
 */
export async function restoreStateFolder(
  stateDir: string,
  { head, store }: Backup,
  address: string,
): Promise<RestoredFolder> {
  const dir = path.resolve(stateDir);
  if (address !== '') {
    const problem = hostPortProblem(address);
    if (problem !== undefined) throw badAddress(address, problem);
  }
  const { clusters } = StoreSnapshot.decode(Buffer.from(store));
  const cluster = clusters.find(({ id }) => id === head.clusterId);
  if (cluster?.rootCa === undefined) throw noCluster(head.clusterId);
  const kek = cluster.unlockKeys.find(({ subsystem }) => subsystem === managersSubsystem)?.key;
  const locked = kek !== undefined && kek.length > 0;
  if ((await readdir(dir).catch(() => [])).length > 0) throw notEmpty(dir);
  await mkdir(path.dirname(dir), { recursive: true });
  const making = `${dir}.restoring-${process.pid}`;
  await mkdir(making, { mode: 0o700 });
  const storage = new RocksdbStorage(path.join(making, 'storage'));
  try {
    const owner = await OfflineIdentity.issue(
      path.join(making, 'certificates'),
      {
        clusterId: head.clusterId,
        root: {
          certificatePem: Buffer.from(cluster.rootCa.caCert).toString(),
          keyPem: Buffer.from(cluster.rootCa.caKey).toString(),
        },
        kek: { version: cluster.meta?.version?.index ?? 0n, key: locked ? kek : undefined },
      },
      realEnv,
      silent,
    );
    const { nodeId } = owner.identity;
    await restoreLog(storage, owner, realEnv.random, {
      nodeId,
      address,
      index: head.index,
      term: head.term,
      before: head.membership ?? ClusterSnapshot.create(),
      store,
    });
    await storage.close();
    await rename(making, dir);
    await syncFolder(path.dirname(dir));
    return { dir, nodeId, locked };
  } catch (error) {
    await storage.close();
    await rm(making, { recursive: true, force: true });
    throw error;
  }
}

/** The log is open and nobody writes it: its files are whole. */
async function keepCopy(to: string, raft: string, keyFile: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  await cp(raft, path.join(to, 'raft'), { recursive: true, preserveTimestamps: true });
  await copyFile(keyFile, path.join(to, 'swarm-node.key'));
  await syncFolder(to);
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  await folder.sync().finally(() => folder.close());
}

const notEmpty = (dir: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'SWARMD_NOT_EMPTY',
    `${dir} is not empty, and nothing was changed: name a folder that is empty or not there yet`,
  );

const badAddress = (address: string, problem: string): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'SWARMD_SETTING',
    `advertise-addr is ${JSON.stringify(address)}; ${problem}`,
  );

const noCluster = (clusterId: string): SwarmError =>
  new SwarmError(
    'data-loss',
    'SWARMD_BACKUP',
    `the backup says that it is of cluster ${clusterId}, and there is no such cluster in it`,
  );

const noLog = (dir: string): SwarmError =>
  new SwarmError(
    'not-found',
    'SWARMD_NO_LOG',
    `there is no manager's log in ${dir}: name the state folder of a manager, which is what swarmd was given with -d`,
  );
