/** Where a member begins: with the log that is here, as the founder of a cluster, or as one that joins. */
import type { Random } from '@swarmkit/sdk/plugin/env';
import { HardState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { type JoinResponse, RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { bootstrap, newRaftId } from './bootstrap.js';
import type { LoadedLog, LogDisk } from './log-disk.js';
import { foreignLog, stopped } from './raft-error.js';

export interface Beginning {
  readonly random: Random;
  readonly features: number;
  /** How others reach this node; for a founder. */
  readonly ownAddress: () => string;
  readonly mustJoin: () => boolean;
  /** Undefined when it was told to stop. */
  readonly join: () => Promise<JoinResponse | undefined>;
}

export async function openLog(
  disk: LogDisk,
  nodeId: string,
  beginning: Beginning,
): Promise<LoadedLog> {
  const found = await disk.load();
  if (found !== undefined) {
    if (found.member.nodeId !== nodeId)
      throw foreignLog(found.member.nodeId, nodeId, disk.location);
    return found;
  }
  const { random, features, ownAddress, mustJoin, join } = beginning;
  if (!mustJoin()) {
    const raftId = newRaftId(random);
    return await bootstrap(disk, { raftId, nodeId, address: ownAddress(), features });
  }
  const joined = await join();
  if (joined === undefined) throw stopped();
  const { raftId, members } = joined;
  const addr = members.find((member) => member.raftId === raftId)?.addr ?? '';
  const member = RaftMember.create({ raftId, nodeId, addr, features });
  const hardState = HardState.create();
  // Nothing but whose log this is: entries and members come from the leader.
  await disk.create(member, hardState, []);
  return { member, hardState, snapshot: undefined, entries: [] };
}
