/**
 * A member's log while its node does not run: looked at, made a group of its own, or made anew out of a
 * backup. Nobody else may have the space open; nothing here starts anything.
 */
import type { DataKeySet, DataKeys } from '@swarmkit/sdk/contracts/data-keys';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import type { Random } from '@swarmkit/sdk/plugin/env';
import {
  ConfChangeType,
  ConfState,
  type Entry,
  HardState,
  SnapshotMetadata,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { decodeChange, describedMembers, singleChanges } from '../core/change.js';
import { everyMember, isVoter } from '../core/configuration.js';
import { OUR_FEATURES } from '../core/features.js';
import { forceNewCluster, type NewCluster, wholeGroup } from '../core/new-cluster.js';
import { joinSnapshot, splitSnapshot } from '../core/snapshot-data.js';
import { newRaftId } from './bootstrap.js';
import { LogCipher } from './log-cipher.js';
import { type LoadedLog, LogDisk } from './log-disk.js';
import { LogKeys } from './log-keys.js';
import { survivorOf } from './open-log.js';

export interface OfflineMember {
  readonly raftId: bigint;
  readonly nodeId: string;
  readonly address: string;
  readonly votes: boolean;
}

/** What a log says of itself. */
export interface OfflineFacts {
  readonly raftId: bigint;
  readonly nodeId: string;
  readonly term: bigint;
  /** Known to be committed when this was written; the truth may be further on. */
  readonly commit: bigint;
  readonly first: bigint;
  readonly last: bigint;
  readonly snapshot:
    | { readonly index: bigint; readonly term: bigint; readonly bytes: number }
    | undefined;
  /** When everything in the log counts. */
  readonly members: readonly OfflineMember[];
  readonly removed: readonly bigint[];
}

export class OfflineLog {
  private constructor(
    private readonly disk: LogDisk,
    private readonly found: LoadedLog,
  ) {}

  /** Undefined where no log was ever made. RAFT_KEY, RAFT_CORRUPT. */
  static async open(
    storage: Storage,
    { current, pending }: DataKeySet,
    random: Random,
  ): Promise<OfflineLog | undefined> {
    const cipher = new LogCipher(random);
    cipher.use([current, pending].filter((key) => key !== undefined));
    const disk = await LogDisk.open(storage, cipher);
    try {
      const found = await disk.load();
      if (found !== undefined) return new OfflineLog(disk, found);
    } catch (error) {
      await disk.close();
      throw error;
    }
    await disk.close();
    return undefined;
  }

  get entries(): readonly Entry[] {
    return this.found.entries;
  }

  get facts(): OfflineFacts {
    const { member, hardState, snapshot, entries } = this.found;
    const { configuration, roster } = wholeGroup(survivorOf(this.found, this.disk.location));
    const start = snapshot?.metadata.index ?? 0n;
    return {
      raftId: member.raftId,
      nodeId: member.nodeId,
      term: hardState.term,
      commit: hardState.commit,
      first: entries[0]?.Index ?? start + 1n,
      last: entries.at(-1)?.Index ?? start,
      snapshot: snapshot && {
        index: snapshot.metadata.index,
        term: snapshot.metadata.term,
        bytes: snapshot.data.length,
      },
      members: everyMember(configuration).map((raftId) => ({
        raftId,
        nodeId: roster.member(raftId)?.nodeId ?? '',
        address: roster.member(raftId)?.addr ?? '',
        votes: isVoter(configuration, raftId),
      })),
      removed: roster.removed,
    };
  }

  /** Serialized `StoreSnapshot` of the newest snapshot. */
  get storeSnapshot(): Uint8Array | undefined {
    const { snapshot } = this.found;
    return snapshot && splitSnapshot(snapshot.data)?.store;
  }

  /** Indexes of the snapshots before the newest one that were kept, oldest first. */
  olderSnapshots(): Promise<readonly bigint[]> {
    return this.disk.olderSnapshots();
  }

  /** Serialized `StoreSnapshot` of one of `olderSnapshots`. */
  async olderStore(index: bigint): Promise<Uint8Array | undefined> {
    const snapshot = await this.disk.readOlder(index);
    return snapshot && splitSnapshot(snapshot.data)?.store;
  }

  /** What `recover` is going to do; undefined where this manager is alone already. */
  recovery(): NewCluster | undefined {
    return forceNewCluster(survivorOf(this.found, this.disk.location));
  }

  async recover({ hardState, entries }: NewCluster): Promise<void> {
    await this.disk.write({ hardState, snapshot: undefined, entries });
  }

  close(): Promise<void> {
    return this.disk.close();
  }
}

/** What a change of the members in the log does, a sentence a member; empty of any other entry. */
export function describeMembershipChange(entry: Entry): readonly string[] {
  const change = decodeChange(entry);
  if (change === undefined) return [];
  const described = new Map(describedMembers(change).map((one) => [one.raftId, one]));
  const singles = singleChanges(change);
  if (singles.length === 0) return ['leaves a joint change of members'];
  return singles.map(({ type, nodeId }) => {
    const { nodeId: node = '', addr = '' } = described.get(nodeId) ?? {};
    const who = [nodeId.toString(16), node && `node ${node}`, addr && `at ${addr}`];
    return `${verbs[type] ?? 'changes'} member ${who.filter(Boolean).join(' ')}`;
  });
}

const verbs: Readonly<Record<number, string>> = {
  [ConfChangeType.ConfChangeAddNode]: 'adds',
  [ConfChangeType.ConfChangeAddLearnerNode]: 'adds without a vote',
  [ConfChangeType.ConfChangeRemoveNode]: 'removes',
  [ConfChangeType.ConfChangeUpdateNode]: 'updates',
};

export interface RestoredLog {
  readonly nodeId: string;
  /** Empty: found out when it runs. */
  readonly address: string;
  /** Of the state, as of the backup. */
  readonly index: bigint;
  readonly term: bigint;
  /** Those of the group that the backup was taken from. */
  readonly before: ClusterSnapshot;
  /** Serialized `StoreSnapshot`. */
  readonly store: Uint8Array;
}

/** A group of one whose log begins with this state. Whoever was a member before is none any more, for ever. */
export async function restoreLog(
  storage: Storage,
  keeper: DataKeys,
  random: Random,
  { nodeId, address, index, term, before, store }: RestoredLog,
): Promise<void> {
  const cipher = new LogCipher(random);
  const disk = await LogDisk.open(storage, cipher);
  try {
    await new LogKeys(keeper, cipher, random).open();
    const raftId = newRaftId(random);
    const member = RaftMember.create({ raftId, nodeId, addr: address, features: OUR_FEATURES });
    const removed = [...new Set([...before.removed, ...before.members.map((one) => one.raftId)])];
    const membership = ClusterSnapshot.create({ members: [member], removed });
    await disk.create(member, HardState.create({ term, commit: index }), []);
    await disk.saveSnapshot(
      SnapshotMetadata.create({ index, term, confState: ConfState.create({ voters: [raftId] }) }),
      joinSnapshot({ membership, store }),
    );
  } finally {
    await disk.close();
  }
}
