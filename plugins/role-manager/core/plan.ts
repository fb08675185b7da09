/**
 * What is to be done so that roles and membership are what users want, as SwarmKit does it: a node becomes
 * a manager at once, and joins the group by itself; it ceases to be one only when it has left the group.
 * A function of state: the same state gives the same plan, and a plan that was carried out an empty one.
 */
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export interface RoleState {
  readonly nodes: readonly Node[];
  readonly members: readonly Member[];
  /** This manager, who leads. */
  readonly ownRaftId: bigint;
  /** Whether the reachable rest would be a majority. */
  readonly canRemove: (raftId: bigint) => boolean;
}

export interface RolePlan {
  /** Roles that can be written now. */
  readonly roles: readonly { readonly nodeId: string; readonly role: NodeRole }[];
  /** Members that must leave the group now. One at most: each removal changes what the next one may do. */
  readonly remove: Member | undefined;
  /** This manager must leave, and the one that leads after it will see to that. */
  readonly handOver: boolean;
  /** Members that must leave and cannot, because too few others can be reached. */
  readonly held: readonly Member[];
}

export function planRoles({ nodes, members, ownRaftId, canRemove }: RoleState): RolePlan {
  const byNode = new Map(members.map((member) => [member.nodeId, member]));
  const staying = new Set<string>();
  const roles: { nodeId: string; role: NodeRole }[] = [];
  for (const { id, role, spec } of nodes) {
    if (spec?.desiredRole === NodeRole.MANAGER) {
      staying.add(id);
      if (role !== NodeRole.MANAGER) roles.push({ nodeId: id, role: NodeRole.MANAGER });
    } else if (role === NodeRole.MANAGER && !byNode.has(id)) {
      roles.push({ nodeId: id, role: NodeRole.WORKER });
    }
  }
  const leaving = members.filter(({ nodeId }) => !staying.has(nodeId));
  const others = leaving.filter(({ raftId }) => raftId !== ownRaftId);
  const remove = others.find(({ raftId }) => canRemove(raftId));
  return {
    roles,
    remove,
    // After the others: while we lead, we can see to them.
    handOver: others.length === 0 && leaving.length > 0 && members.length > 1,
    held: remove === undefined ? others : [],
  };
}
