// The first objects of a cluster, with SwarmKit's values. Adds what is missing and changes nothing that
// is there, so that it may run at every election.
import type { RootMaterial } from '@swarmkit/sdk/contracts/certificate-authority';
import type { Draft, Writer } from '@swarmkit/sdk/contracts/store';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { Cluster, Network, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export const CLUSTER_WRITER: Writer = {
  id: 'cluster',
  writes: ['cluster.existence', 'node.existence', 'spec'],
};

const CLUSTER_NAME = 'default';
/** Networks that every machine has. Tasks may name them, and nobody allocates or removes them. */
const PREDEFINED = ['bridge', 'host'];
const PREDEFINED_LABEL = 'com.docker.swarm.predefined';

export interface SeedInput {
  readonly clusterId: string;
  readonly nodeId: string;
  /** Asked only when there is no cluster object yet: join tokens become real by being stored. */
  root(): RootMaterial;
  id(): string;
}

/** True when this write founds the cluster. */
export function seed(draft: Draft, input: SeedInput): boolean {
  const isNew = seedCluster(draft, input);
  if (draft.get('node', input.nodeId) === undefined) draft.create('node', ownNode(draft, input));
  // Users may remove the ingress network for good, so it comes with the cluster and never again.
  if (isNew) draft.create('network', ingressNetwork(input.id()));
  for (const name of PREDEFINED) {
    if (draft.find('network', { by: 'name', value: name }).length === 0)
      draft.create('network', predefinedNetwork(input.id(), name));
  }
  return isNew;
}

/** True when the cluster object was made. */
function seedCluster(draft: Draft, { clusterId, root }: SeedInput): boolean {
  const [existing] = draft.find('cluster', { by: 'all' });
  if (existing === undefined) {
    draft.create('cluster', newCluster(clusterId, root()));
    return true;
  }
  if (existing.id !== clusterId) {
    throw new SwarmError(
      'failed-precondition',
      'CLUSTER_FOREIGN',
      `the certificates are those of cluster ${clusterId} and the stored state is that of cluster ${existing.id}: restore certificates and state from the same backup`,
    );
  }
  return false;
}

function newCluster(id: string, root: RootMaterial): Cluster {
  return Cluster.fromPartial({
    id,
    spec: {
      annotations: { name: CLUSTER_NAME },
      acceptancePolicy: {},
      orchestration: { taskHistoryRetentionLimit: 5n },
      raft: {
        snapshotInterval: 10_000n,
        keepOldSnapshots: 0n,
        logEntriesForSlowFollowers: 500n,
        heartbeatTick: 1,
        electionTick: 10,
      },
      dispatcher: { heartbeatPeriod: durationFromMs(5_000) },
      caConfig: { nodeCertExpiry: durationFromMs(90 * 24 * 3_600_000) },
      taskDefaults: {},
      encryptionConfig: { autoLockManagers: false },
    },
    rootCa: {
      caCert: Buffer.from(root.certificatePem),
      caKey: Buffer.from(root.keyPem),
      caCertHash: root.digest,
      joinTokens: { worker: root.workerToken, manager: root.managerToken },
    },
  });
}

/**
 * The node that founds a cluster issued its certificate itself, so there is no request to keep.
 * `managerStatus` stays unset: the control API computes it from raft for each answer.
 */
function ownNode(draft: Draft, { clusterId, nodeId }: SeedInput): Node {
  return Node.fromPartial({
    id: nodeId,
    role: NodeRole.MANAGER,
    spec: {
      annotations: {},
      desiredRole: NodeRole.MANAGER,
      membership: NodeSpec_Membership.ACCEPTED,
      availability: NodeSpec_Availability.ACTIVE,
    },
    status: {},
    certificate: {
      role: NodeRole.MANAGER,
      cn: nodeId,
      status: { state: IssuanceStatus_State.ISSUED },
    },
    VXLANUDPPort: draft.get('cluster', clusterId)?.VXLANUDPPort ?? 0,
  });
}

const ingressNetwork = (id: string): Network =>
  Network.fromPartial({
    id,
    spec: {
      annotations: { name: 'ingress' },
      ingress: true,
      driverConfig: {},
      ipam: { driver: {} },
    },
  });

const predefinedNetwork = (id: string, name: string): Network =>
  Network.fromPartial({
    id,
    spec: {
      annotations: { name, labels: { [PREDEFINED_LABEL]: 'true' } },
      driverConfig: { name },
    },
  });
