/** Nodes: what users change of them, and their removal. */
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { observedState } from '@swarmkit/sdk/model/task';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { RemoveNodeRequest, UpdateNodeRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeRole, NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { withoutExpired } from './blacklist.js';
import { type Membership, memberOf } from './membership.js';
import { missingArgument, notAMember, notFound, precondition } from './refusals.js';
import { atVersion, remove, update, type WriteContext } from './write-context.js';

export function updateNode(
  context: WriteContext,
  { nodeId, nodeVersion, spec }: UpdateNodeRequest,
  membership: Membership | undefined,
): Node {
  if (nodeId === '' || nodeVersion === undefined || spec === undefined) throw missingArgument();
  const old = context.draft.get('node', nodeId);
  if (old === undefined) throw notFound('node', nodeId);
  if (old.spec?.desiredRole === NodeRole.MANAGER && spec.desiredRole === NodeRole.WORKER)
    checkMayDemote(context.draft, old, membership);
  return update(context, 'node', atVersion({ ...old, spec }, nodeVersion), old);
}

function checkMayDemote(draft: Draft, node: Node, membership: Membership | undefined): void {
  const managers = draft.find('node', { by: 'role', role: NodeRole.MANAGER });
  if (managers.length === 1 && managers[0]?.id === node.id)
    throw precondition('attempting to demote the last manager of the swarm');
  const member = memberOf(node.id, membership);
  if (member === undefined) throw notAMember();
  if (membership?.canRemove(member.raftId) === false)
    throw precondition("can't remove member from the raft: this would result in a loss of quorum");
}

/**
 * The node's certificate is refused from now on, its tasks are given up, and it is gone, in one write.
 * `certificateExpiry`: when the certificate ends by itself, wall clock ms, where that is known.
 */
export function removeNode(
  context: WriteContext,
  { nodeId, force }: RemoveNodeRequest,
  membership: Membership | undefined,
  certificateExpiry: (node: Node) => number | undefined,
): void {
  if (nodeId === '') throw missingArgument();
  const { draft, now } = context;
  const node = draft.get('node', nodeId);
  if (node === undefined) throw notFound('node', nodeId);
  if (node.spec?.desiredRole === NodeRole.MANAGER && memberOf(nodeId, membership) !== undefined)
    throw precondition(
      `node ${nodeId} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
    );
  if (!force && node.status?.state === NodeStatus_State.READY)
    throw precondition(`node ${nodeId} is not down and can't be removed`);
  blacklist(context, nodeId, certificateExpiry(node));
  for (const task of draft.find('task', { by: 'node', id: nodeId })) {
    if (observedState(task) >= TaskState.COMPLETE) continue;
    const orphaned = {
      state: TaskState.ORPHANED,
      message: 'Task belonged to a node that has been deleted',
    };
    draft.update('task', { ...task, status: changedStatus(task, now, orphaned) });
  }
  remove(context, 'node', node);
}

function blacklist(
  { draft, now }: WriteContext,
  nodeId: string,
  expiresAt: number | undefined,
): void {
  const [cluster] = draft.find('cluster', { by: 'name', value: 'default' });
  if (cluster === undefined)
    throw new SwarmError('internal', 'API_NO_CLUSTER', 'could not fetch cluster object');
  draft.update('cluster', {
    ...cluster,
    blacklistedCertificates: {
      ...withoutExpired(cluster.blacklistedCertificates, now),
      [nodeId]: { expiry: timestampFromMs(expiresAt) },
    },
  });
}
