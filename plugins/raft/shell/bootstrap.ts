/** The first member of a new cluster: a log whose only, committed entry adds this member. */
import type { Random } from '@swarmkit/sdk/plugin/env';
import {
  ConfChange,
  ConfChangeType,
  Entry,
  EntryType,
  HardState,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { LoadedLog, LogDisk } from './log-disk.js';

/** Uniform in 1 to 2^63. Never 0, which names nobody. */
export function newRaftId(random: Random): bigint {
  return (Buffer.from(random.bytes(8)).readBigUInt64BE() >> 1n) + 1n;
}

export async function bootstrap(
  disk: LogDisk,
  identity: {
    readonly raftId: bigint;
    readonly nodeId: string;
    readonly address: string;
    readonly features: number;
  },
): Promise<LoadedLog> {
  const { raftId, nodeId, address, features } = identity;
  const member = RaftMember.create({ raftId, nodeId, addr: address, features });
  const change = ConfChange.create({
    type: ConfChangeType.ConfChangeAddNode,
    nodeId: raftId,
    context: Buffer.from(RaftMember.encode(member).finish()),
  });
  const entry = Entry.create({
    Type: EntryType.EntryConfChange,
    Term: 1n,
    Index: 1n,
    Data: Buffer.from(ConfChange.encode(change).finish()),
  });
  const hardState = HardState.create({ term: 1n, commit: 1n });
  await disk.create(member, hardState, [entry]);
  return { member, hardState, snapshot: undefined, entries: [entry], met: [] };
}
