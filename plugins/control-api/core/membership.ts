/** What consensus knows about its members, as the API needs it. */
import type { Leadership, Member } from '@swarmkit/sdk/contracts/consensus';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  type ManagerStatus,
  RaftMemberStatus_Reachability,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';

export interface Membership {
  readonly members: readonly Member[];
  readonly leadership: Leadership;
  /** Whether the others still have a majority that can be reached without this one. */
  canRemove(raftId: bigint): boolean;
}

/** The node with its manager status, which is worked out for each answer and never stored. */
export const withManagerStatus = (node: Node, membership: Membership | undefined): Node => ({
  ...node,
  managerStatus: managerStatus(node.id, membership),
});

function managerStatus(
  nodeId: string,
  membership: Membership | undefined,
): ManagerStatus | undefined {
  const member = memberOf(nodeId, membership);
  if (member === undefined || membership === undefined) return undefined;
  return {
    raftId: member.raftId,
    addr: member.address,
    leader: member.raftId === membership.leadership.leaderId,
    reachability: reachability(member),
  };
}

/** `Reachable` means to an operator that it counts for the majority, and could lead. */
function reachability({ reachable, votes }: Member): RaftMemberStatus_Reachability {
  if (!reachable) return RaftMemberStatus_Reachability.UNREACHABLE;
  return votes ? RaftMemberStatus_Reachability.REACHABLE : RaftMemberStatus_Reachability.UNKNOWN;
}

export const memberOf = (nodeId: string, membership: Membership | undefined): Member | undefined =>
  membership?.members.find((member) => member.nodeId === nodeId);
