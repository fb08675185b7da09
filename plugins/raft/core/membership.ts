/**
 * Configuration changes, one member at a time (`ConfChange` of version 1, as SwarmKit uses them).
 * A change counts from the moment it is applied; a second one is not proposed before that.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { type ConfChange, ConfChangeType, ConfState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftState } from './state.js';

/** Who votes now. */
export const confState = (state: RaftState): ConfState =>
  ConfState.create({ voters: [...state.members.keys()].toSorted((a, b) => (a < b ? -1 : 1)) });

export function changeMembers(state: RaftState, change: ConfChange): void {
  const { type, nodeId } = change;
  if (nodeId === 0n) return;
  switch (type) {
    case ConfChangeType.ConfChangeAddNode:
      if (state.members.has(nodeId)) return;
      state.members.set(nodeId, state.freshProgress());
      // Not to be counted out before it had a chance to answer.
      (state.members.get(nodeId) ?? state.freshProgress()).active = true;
      return;
    case ConfChangeType.ConfChangeRemoveNode:
      state.members.delete(nodeId);
      return;
    case ConfChangeType.ConfChangeUpdateNode:
      return;
    default:
      invariant(false, 'RAFT_CHANGE_TYPE', { type, nodeId });
  }
}
