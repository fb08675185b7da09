/**
 * Who the members are: their addresses and node ids, and the raft ids that are never used again.
 * Built from the configuration changes in the log, so every member has the same one.
 */
import { type ConfChange, ConfChangeType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';

export class Roster {
  private readonly byId = new Map<bigint, RaftMember>();
  private readonly removed = new Set<bigint>();

  get members(): readonly RaftMember[] {
    return [...this.byId.values()];
  }

  isRemoved(raftId: bigint): boolean {
    return this.removed.has(raftId);
  }

  apply(change: ConfChange): void {
    if (change.type === ConfChangeType.ConfChangeRemoveNode) {
      this.byId.delete(change.nodeId);
      this.removed.add(change.nodeId);
      return;
    }
    const member = RaftMember.decode(change.context);
    // A forced new cluster adds itself with a placeholder that names nobody.
    if (member.raftId !== 0n && !this.removed.has(member.raftId))
      this.byId.set(member.raftId, member);
  }

  restore(snapshot: ClusterSnapshot): void {
    this.byId.clear();
    for (const member of snapshot.members) this.byId.set(member.raftId, member);
    for (const raftId of snapshot.removed) this.removed.add(raftId);
  }

  toSnapshot(): ClusterSnapshot {
    return ClusterSnapshot.create({ members: [...this.byId.values()], removed: [...this.removed] });
  }
}
