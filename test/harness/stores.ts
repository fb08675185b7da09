import type { ControlClient } from '@swarmkit/sdk/client/control';
import { staleRead } from '@swarmkit/sdk/model/stale-read';
import {
  ListClustersRequest,
  ListConfigsRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListResourcesRequest,
  ListSecretsRequest,
  ListServicesRequest,
  ListTasksRequest,
  ListVolumesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import {
  Cluster,
  Config,
  Network,
  Node,
  Resource,
  Secret,
  Service,
  Task,
  Volume,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ManagerGroup } from './manager-group.js';
import { until } from './until.js';

/** What each manager has in its own store, asked without a word to the others. */

const options = { timeoutMs: 20_000, metadata: staleRead };

interface Codec<T> {
  encode(object: T): { finish(): Uint8Array };
}

/** Every object that can be listed (extensions cannot), by kind and id, in the bytes of the wire. */
async function objectsOf(control: ControlClient): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const keep = <T extends { readonly id: string }>(
    kind: string,
    { encode }: Codec<T>,
    objects: readonly T[],
  ): void => {
    for (const object of objects)
      found.set(`${kind} ${object.id}`, Buffer.from(encode(object).finish()).toString('base64'));
  };
  const { nodes } = await control.listNodes(ListNodesRequest.create(), options);
  // Whom each manager reaches is not of the store: it is worked out for each answer.
  keep(
    'node',
    Node,
    nodes.map((node) => ({ ...node, managerStatus: undefined })),
  );
  const [services, tasks, networks, configs, secrets, clusters, volumes, resources] =
    await Promise.all([
      control.listServices(ListServicesRequest.create(), options),
      control.listTasks(ListTasksRequest.create(), options),
      control.listNetworks(ListNetworksRequest.create(), options),
      control.listConfigs(ListConfigsRequest.create(), options),
      control.listSecrets(ListSecretsRequest.create(), options),
      control.listClusters(ListClustersRequest.create(), options),
      control.listVolumes(ListVolumesRequest.create(), options),
      control.listResources(ListResourcesRequest.create(), options),
    ]);
  keep('service', Service, services.services);
  keep('task', Task, tasks.tasks);
  keep('network', Network, networks.networks);
  keep('config', Config, configs.configs);
  keep('secret', Secret, secrets.secrets);
  keep('cluster', Cluster, clusters.clusters);
  keep('volume', Volume, volumes.volumes);
  keep('resource', Resource, resources.resources);
  return found;
}

/** Waits until every manager has the same objects in the same versions. How many there are. */
export function sameStores(group: ManagerGroup): Promise<number> {
  return until('all stores are equal', async () => {
    const [first = new Map<string, string>(), ...others] = await Promise.all(
      group.managers.map(({ swarm }) => objectsOf(swarm.control)),
    );
    for (const other of others) {
      const keys = new Set([...first.keys(), ...other.keys()]);
      const differs = [...keys].filter((key) => first.get(key) !== other.get(key));
      if (differs.length > 0)
        throw new Error(`${differs.length} objects differ, such as ${differs[0]}`);
    }
    return first.size;
  });
}

/** Whether this manager knows of a leader, itself or another one. */
export async function knowsLeader({
  control,
}: {
  readonly control: ControlClient;
}): Promise<boolean> {
  const { nodes } = await control.listNodes(ListNodesRequest.create(), options);
  return nodes.some(({ managerStatus }) => managerStatus?.leader);
}
