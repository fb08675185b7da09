/** Where a member begins: with the log that is here, as the founder of a cluster, or as one that joins. */
import type { Random } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { ConfState, HardState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { type JoinResponse, RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { ORIGIN } from '../core/log.js';
import { forceNewCluster, type Survivor } from '../core/new-cluster.js';
import { splitSnapshot } from '../core/snapshot-data.js';
import { bootstrap, newRaftId } from './bootstrap.js';
import type { LoadedLog, LogDisk } from './log-disk.js';
import { corrupt, foreignLog, stopped } from './raft-error.js';

export interface Beginning {
  readonly random: Random;
  readonly features: number;
  /** How others reach this node; for a founder. */
  readonly ownAddress: () => string;
  readonly mustJoin: () => boolean;
  /** Make this member a group of its own, whatever became of the others. */
  readonly forceNewCluster: boolean;
  readonly log: Logger;
  /**
   * It died before the leader's first word was on the disk. Whom it met then is all it knows, and its vote may be
   * the one that a candidate is waiting for.
   */
  readonly wasTakenIn: (met: readonly RaftMember[]) => void;
  /** Undefined when it was told to stop. */
  readonly join: () => Promise<JoinResponse | undefined>;
}

export async function openLog(
  disk: LogDisk,
  nodeId: string,
  beginning: Beginning,
): Promise<LoadedLog> {
  const { random, features, ownAddress, mustJoin } = beginning;
  const found = await disk.load();
  if (found !== undefined) {
    if (found.member.nodeId !== nodeId)
      throw foreignLog(found.member.nodeId, nodeId, disk.location);
    if (beginning.forceNewCluster) return await forced(disk, found, beginning.log);
    if (isBlank(found)) beginning.wasTakenIn(found.met);
    return found;
  }
  if (mustJoin()) return await join(disk, nodeId, beginning);
  return await bootstrap(disk, {
    raftId: newRaftId(random),
    nodeId,
    address: ownAddress(),
    features,
  });
}

const isBlank = ({ snapshot, entries }: LoadedLog): boolean =>
  snapshot === undefined && entries.length === 0;

async function join(disk: LogDisk, nodeId: string, beginning: Beginning): Promise<LoadedLog> {
  const joined = await beginning.join();
  if (joined === undefined) throw stopped();
  const { raftId, members } = joined;
  const addr = members.find((member) => member.raftId === raftId)?.addr ?? '';
  const member = RaftMember.create({ raftId, nodeId, addr, features: beginning.features });
  const hardState = HardState.create();
  // Whose log this is, and whom it met: entries come from the leader.
  await disk.create(member, hardState, [], members);
  return { member, hardState, snapshot: undefined, entries: [], met: members };
}

/** Says what it does before it does it. */
async function forced(disk: LogDisk, found: LoadedLog, log: Logger): Promise<LoadedLog> {
  const made = forceNewCluster(survivorOf(found, disk.location));
  if (made === undefined) {
    log.info('this manager is the only one already: there is nothing to force');
    return found;
  }
  log.warn(
    {
      removed: made.removed.map(({ nodeId, addr }) => `${nodeId} ${addr}`),
      adoptedEntries: made.adopted.toString(),
    },
    'forcing a new cluster: this manager goes on alone, the others are removed from the group for ever, and what is in its log counts as committed',
  );
  await disk.write({ hardState: made.hardState, snapshot: undefined, entries: made.entries });
  return { ...found, hardState: made.hardState, entries: [...found.entries, ...made.entries] };
}

/** A log as it was found, in the core's words. */
export function survivorOf(found: LoadedLog, location: string): Survivor {
  const { snapshot, member, hardState, entries } = found;
  const parts = snapshot && splitSnapshot(snapshot.data);
  if (snapshot !== undefined && parts === undefined)
    throw corrupt(`the snapshot at entry ${snapshot.metadata.index} cannot be read`, location);
  return {
    member,
    hardState,
    entries,
    snapshot: snapshot?.metadata ?? ORIGIN,
    confState: snapshot?.metadata.confState ?? ConfState.create(),
    membership: parts?.membership ?? ClusterSnapshot.create(),
  };
}
