import type { Peer } from '@swarmkit/sdk/contracts/rpc';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/**
 * The node whose certificate the caller showed; undefined for one without, or with one that counts no
 * more. A removed node is nobody here rather than refused, so that it may join again with a token.
 */
export const callerId = (peer: Peer, cluster: Cluster): string | undefined =>
  peer.role !== 'none' &&
  peer.nodeId !== '' &&
  peer.clusterId === cluster.id &&
  !Object.hasOwn(cluster.blacklistedCertificates, peer.nodeId)
    ? peer.nodeId
    : undefined;
