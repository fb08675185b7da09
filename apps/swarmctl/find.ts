import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  GetClusterRequest,
  GetNodeRequest,
  GetServiceRequest,
  GetTaskRequest,
  ListClustersRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type {
  Cluster,
  Network,
  Node,
  Service,
  Task,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { Session } from './session.js';

/**
 * Objects by what people type: a whole id, a name, or the beginning of an id; in that order, as in
 * Docker. More than one match is refused with what matched.
 */

interface Lookup<T> {
  readonly kind: string;
  byId(id: string): Promise<T | undefined>;
  byName(name: string): Promise<readonly T[]>;
  byPrefix(prefix: string): Promise<readonly T[]>;
  nameOf(object: T): string;
}

async function find<T extends { readonly id: string }>(
  lookup: Lookup<T>,
  word: string,
): Promise<T> {
  const exact = await orMissing(lookup.byId(word));
  if (exact !== undefined) return exact;
  const named = await lookup.byName(word);
  const found = named.length > 0 ? named : await lookup.byPrefix(word);
  if (found.length > 1)
    throw new SwarmError(
      'invalid-argument',
      'CTL_AMBIGUOUS',
      `${lookup.kind} ${word} is ambiguous: it matches ${found.map((one) => `${one.id} (${lookup.nameOf(one)})`).join(', ')}`,
    );
  if (found[0] === undefined)
    throw new SwarmError('not-found', 'CTL_NOT_FOUND', `${lookup.kind} ${word} not found`);
  return found[0];
}

async function orMissing<T>(answer: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { readonly kind?: string }).kind === 'not-found') return undefined;
    throw error;
  }
}

export const findService = ({ control }: Session, word: string): Promise<Service> =>
  find<Service>(
    {
      kind: 'service',
      byId: async (serviceId) =>
        (await control.getService(GetServiceRequest.create({ serviceId }))).service,
      byName: async (name) =>
        (
          await control.listServices(
            ListServicesRequest.fromPartial({ filters: { names: [name] } }),
          )
        ).services,
      byPrefix: async (prefix) =>
        (
          await control.listServices(
            ListServicesRequest.fromPartial({ filters: { idPrefixes: [prefix] } }),
          )
        ).services,
      nameOf: (service) => service.spec?.annotations?.name ?? '',
    },
    word,
  );

export const findNode = async (session: Session, word: string): Promise<Node> => {
  const { control } = session;
  if (word === 'self') {
    const { nodes } = await control.listNodes(ListNodesRequest.create());
    const own = nodes.find((node) => node.managerStatus?.leader);
    if (own !== undefined) return own;
  }
  return find<Node>(
    {
      kind: 'node',
      byId: async (nodeId) => (await control.getNode(GetNodeRequest.create({ nodeId }))).node,
      byName: async (name) =>
        (await control.listNodes(ListNodesRequest.fromPartial({ filters: { names: [name] } })))
          .nodes,
      byPrefix: async (prefix) =>
        (
          await control.listNodes(
            ListNodesRequest.fromPartial({ filters: { idPrefixes: [prefix] } }),
          )
        ).nodes,
      nameOf: (node) => node.description?.hostname ?? '',
    },
    word,
  );
};

export const findTask = ({ control }: Session, word: string): Promise<Task> =>
  find<Task>(
    {
      kind: 'task',
      byId: async (taskId) => (await control.getTask(GetTaskRequest.create({ taskId }))).task,
      byName: async (name) =>
        (await control.listTasks(ListTasksRequest.fromPartial({ filters: { names: [name] } })))
          .tasks,
      byPrefix: async (prefix) =>
        (
          await control.listTasks(
            ListTasksRequest.fromPartial({ filters: { idPrefixes: [prefix] } }),
          )
        ).tasks,
      nameOf: (task) => task.serviceAnnotations?.name ?? '',
    },
    word,
  );

/** There is one cluster object; `default` is its name. */
export const findCluster = ({ control }: Session, word: string): Promise<Cluster> =>
  find<Cluster>(
    {
      kind: 'cluster',
      byId: async (clusterId) =>
        (await control.getCluster(GetClusterRequest.create({ clusterId }))).cluster,
      byName: async (name) =>
        (
          await control.listClusters(
            ListClustersRequest.fromPartial({ filters: { names: [name] } }),
          )
        ).clusters,
      byPrefix: async (prefix) =>
        (
          await control.listClusters(
            ListClustersRequest.fromPartial({ filters: { idPrefixes: [prefix] } }),
          )
        ).clusters,
      nameOf: (cluster) => cluster.spec?.annotations?.name ?? '',
    },
    word,
  );

export const findNetwork = ({ control }: Session, word: string): Promise<Network> =>
  find<Network>(
    {
      kind: 'network',
      byId: async () => undefined,
      byName: async (name) =>
        (
          await control.listNetworks(
            ListNetworksRequest.fromPartial({ filters: { names: [name] } }),
          )
        ).networks,
      byPrefix: async (prefix) =>
        (
          await control.listNetworks(
            ListNetworksRequest.fromPartial({ filters: { idPrefixes: [prefix] } }),
          )
        ).networks,
      nameOf: (network) => network.spec?.annotations?.name ?? '',
    },
    word,
  );
