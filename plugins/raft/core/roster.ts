/**
 * Who the members are: their addresses and node ids, and the raft ids that are never used again.
 * Built from the configuration changes in the log, so every member has the same one.
 */
import { ConfChangeType, type ConfState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { type Change, describedMembers, singleChanges } from './change.js';
import { everyMember, fromConfState } from './configuration.js';

export class Roster {
  private readonly byId = new Map<bigint, RaftMember>();
  private readonly gone = new Set<bigint>();

  get members(): readonly RaftMember[] {
    return [...this.byId.values()];
  }

  /** Ids that were members once. */
  get removed(): readonly bigint[] {
    return [...this.gone];
  }

  member(raftId: bigint): RaftMember | undefined {
    return this.byId.get(raftId);
  }

  isRemoved(raftId: bigint): boolean {
    return this.gone.has(raftId);
  }

  /**
   * A change was applied, and led to `confState`. Who only votes until a joint change is left is a
   * member until then: without it nothing could be left.
   */
  apply(change: Change, confState: ConfState): void {
    const staying = new Set(everyMember(fromConfState(confState)));
    const singles = singleChanges(change);
    // It describes whom it changes and nobody else. A forced new cluster adds itself with a placeholder.
    for (const member of describedMembers(change))
      if (staying.has(member.raftId) && singles.some(({ nodeId }) => nodeId === member.raftId))
        this.byId.set(member.raftId, member);
    // Also one that was never described, as SwarmKit does it.
    for (const { type, nodeId } of singles)
      if (type === ConfChangeType.ConfChangeRemoveNode && nodeId !== 0n && !staying.has(nodeId))
        this.remove(nodeId);
    for (const raftId of [...this.byId.keys()]) if (!staying.has(raftId)) this.remove(raftId);
  }

  restore(snapshot: ClusterSnapshot): void {
    this.byId.clear();
    for (const member of snapshot.members) this.byId.set(member.raftId, member);
    for (const raftId of snapshot.removed) this.gone.add(raftId);
  }

  private remove(raftId: bigint): void {
    this.byId.delete(raftId);
    this.gone.add(raftId);
  }

  toSnapshot(): ClusterSnapshot {
    return ClusterSnapshot.create({ members: [...this.byId.values()], removed: [...this.gone] });
  }
}
