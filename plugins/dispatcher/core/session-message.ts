import type { Member } from '@swarmkit/sdk/contracts/consensus';
import type { Change, View } from '@swarmkit/sdk/contracts/store';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** What a session tells its agent: its own node, the managers, the network keys, the trusted root. */

/** As SwarmKit gives every manager. */
const managerWeight = 10n;

export function sessionMessage(
  view: View,
  members: readonly Member[],
  nodeId: string,
  sessionId: string,
): SessionMessage {
  const cluster = view.find('cluster', { by: 'all' })[0];
  return SessionMessage.create({
    sessionId,
    node: view.get('node', nodeId),
    managers: members
      .filter((member) => member.address !== '')
      .map((member) => ({
        peer: { nodeId: member.nodeId, addr: member.address },
        weight: managerWeight,
      })),
    networkBootstrapKeys: cluster?.networkBootstrapKeys ?? [],
    RootCA: Buffer.from(cluster?.rootCa?.caCert ?? []),
  });
}

/**
 * Whether a commit's change gives the agent of this node something to hear. What the dispatcher itself
 * writes of a node (status, description) is not sent back.
 */
export function concernsSession(change: Change, nodeId: string): boolean {
  if (change.kind === 'node')
    return (
      change.id === nodeId && !wireEqual(heard(change.object), change.old && heard(change.old))
    );
  if (change.kind === 'cluster')
    return !wireEqual(trusted(change.object), change.old && trusted(change.old));
  return false;
}

const heard = (node: Node): Node => ({
  ...node,
  meta: undefined,
  status: undefined,
  description: undefined,
});

const trusted = (cluster: Cluster): unknown => ({
  root: cluster.rootCa?.caCert,
  keys: cluster.networkBootstrapKeys,
});
