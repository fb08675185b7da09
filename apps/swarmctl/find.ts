import type { ControlClient } from '@swarmkit/sdk/client/control';
import { isGlobal } from '@swarmkit/sdk/model/task';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  GetClusterRequest,
  GetConfigRequest,
  GetNetworkRequest,
  GetNodeRequest,
  GetSecretRequest,
  GetServiceRequest,
  GetTaskRequest,
  GetVolumeRequest,
  ListClustersRequest,
  ListConfigsRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListSecretsRequest,
  ListServicesRequest,
  ListTasksRequest,
  ListVolumesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type {
  Cluster,
  Config,
  Network,
  Node,
  Secret,
  Service,
  Task,
  Volume,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { byVersion, POINTER_LABEL } from './spec/versions.js';
import { usage } from './spec/units.js';

/**
 * Objects by what people type: a whole id, a name, or the beginning of an id; in that order, as in
 * Docker. More than one match is refused with what matched.
 */

type Filters = { readonly names: readonly string[] } | { readonly idPrefixes: readonly string[] };

/** Its newest version, where it has several: those that share a pointer's name. */
const newest = <T extends Secret | Config>(
  versions: readonly T[],
  found: readonly T[],
): readonly T[] => (versions.length > 0 ? versions.slice(-1) : found);

interface Lookup<T> {
  readonly kind: string;
  byId(id: string): Promise<T | undefined>;
  list(filters: Filters): Promise<readonly T[]>;
  nameOf(object: T): string;
}

async function find<T extends { readonly id: string }>(
  { kind, byId, list, nameOf }: Lookup<T>,
  word: string,
): Promise<T> {
  if (word === '') throw usage(`name a ${kind}: an empty word means none`);
  const exact = await orMissing(byId(word));
  if (exact !== undefined) return exact;
  const named = await list({ names: [word] });
  const found = named.length > 0 ? named : await list({ idPrefixes: [word] });
  if (found.length > 1)
    throw ambiguous(
      kind,
      word,
      found.map((one) => [one.id, nameOf(one)]),
    );
  if (found[0] === undefined) throw missing(kind, word);
  return found[0];
}

const missing = (kind: string, word: string): SwarmError =>
  new SwarmError(
    'not-found',
    'CTL_NOT_FOUND',
    `${kind} ${word} not found; swarmctl ${kind} ls shows what there is`,
  );

function ambiguous(
  kind: string,
  word: string,
  matches: readonly (readonly [id: string, name: string])[],
): SwarmError {
  const shown = matches
    .slice(0, 5)
    .map(([id, name]) => (name === '' ? id : `${id} (${name})`))
    .join(', ');
  const more = matches.length > 5 ? ` and ${matches.length - 5} more` : '';
  return new SwarmError(
    'invalid-argument',
    'CTL_AMBIGUOUS',
    `${kind} ${word} is ambiguous, it matches ${shown}${more}; write more of the id`,
  );
}

async function orMissing<T>(answer: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isSwarmError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

export const findService = (control: ControlClient, word: string): Promise<Service> =>
  find<Service>(
    {
      kind: 'service',
      byId: async (serviceId) =>
        (await control.getService(GetServiceRequest.create({ serviceId }))).service,
      list: async (filters) =>
        (await control.listServices(ListServicesRequest.fromPartial({ filters }))).services,
      nameOf: (service) => service.spec?.annotations?.name ?? '',
    },
    word,
  );

/** `self` is the manager that is asked, as far as that can be told: where there is just one. */
export async function findNode(control: ControlClient, word: string): Promise<Node> {
  if (word === 'self') {
    const { nodes } = await control.listNodes(ListNodesRequest.create());
    const managers = nodes.filter((node) => node.managerStatus !== undefined);
    if (managers.length > 1)
      throw ambiguous(
        'node',
        word,
        managers.map((one) => [one.id, hostnameOf(one)]),
      );
    if (managers[0] !== undefined) return managers[0];
  }
  return find<Node>(
    {
      kind: 'node',
      byId: async (nodeId) => (await control.getNode(GetNodeRequest.create({ nodeId }))).node,
      list: async (filters) =>
        (await control.listNodes(ListNodesRequest.fromPartial({ filters }))).nodes,
      nameOf: hostnameOf,
    },
    word,
  );
}

export const hostnameOf = (node: Node): string => node.description?.hostname ?? '';

/** Also as `task ls` shows it: `web.1`, or `web.HOSTNAME` of a global service; then its newest task. */
export async function findTask(control: ControlClient, word: string): Promise<Task> {
  const inSlot = await newestInSlot(control, word);
  if (inSlot !== undefined) return inSlot;
  return find<Task>(
    {
      kind: 'task',
      byId: async (taskId) => (await control.getTask(GetTaskRequest.create({ taskId }))).task,
      list: async (filters) =>
        (await control.listTasks(ListTasksRequest.fromPartial({ filters }))).tasks,
      nameOf: (task) => `${task.serviceAnnotations?.name ?? ''}.${task.slot || task.nodeId}`,
    },
    word,
  );
}

async function newestInSlot(control: ControlClient, word: string): Promise<Task | undefined> {
  // The first dot: a service has none in its name, a host may.
  const match = /^([^.]+)\.(.+)$/.exec(word);
  if (match === null) return undefined;
  const [, name = '', place = ''] = match;
  const { services } = await control.listServices(
    ListServicesRequest.fromPartial({ filters: { names: [name] } }),
  );
  const service = services[0];
  if (service === undefined) return undefined;
  const { tasks } = await control.listTasks(
    ListTasksRequest.fromPartial({ filters: { serviceIds: [service.id] } }),
  );
  const { nodes } = isGlobal(service)
    ? await control.listNodes(ListNodesRequest.fromPartial({ filters: { names: [place] } }))
    : { nodes: [] };
  const nodeIds = new Set([place, ...nodes.map(({ id }) => id)]);
  return tasks
    .filter((task) => (isGlobal(service) ? nodeIds.has(task.nodeId) : String(task.slot) === place))
    .sort(byNewest)[0];
}

export const byNewest = (a: Task, b: Task): number =>
  Number((b.meta?.version?.index ?? 0n) - (a.meta?.version?.index ?? 0n));

/** There is one cluster object; `default` is its name. */
export const findCluster = (control: ControlClient, word: string): Promise<Cluster> =>
  find<Cluster>(
    {
      kind: 'cluster',
      byId: async (clusterId) =>
        (await control.getCluster(GetClusterRequest.create({ clusterId }))).cluster,
      list: async (filters) =>
        (await control.listClusters(ListClustersRequest.fromPartial({ filters }))).clusters,
      nameOf: (cluster) => cluster.spec?.annotations?.name ?? '',
    },
    word,
  );

export const findNetwork = (control: ControlClient, word: string): Promise<Network> =>
  find<Network>(
    {
      kind: 'network',
      byId: async (networkId) =>
        (await control.getNetwork(GetNetworkRequest.create({ networkId }))).network,
      list: async (filters) =>
        (await control.listNetworks(ListNetworksRequest.fromPartial({ filters }))).networks,
      nameOf: (network) => network.spec?.annotations?.name ?? '',
    },
    word,
  );

export const findSecret = (control: ControlClient, word: string): Promise<Secret> =>
  find<Secret>(
    {
      kind: 'secret',
      byId: async (secretId) =>
        (await control.getSecret(GetSecretRequest.create({ secretId }))).secret,
      list: async (filters) => {
        const list = async (asked: object) =>
          (await control.listSecrets(ListSecretsRequest.fromPartial({ filters: asked }))).secrets;
        const { names: [name] = [] } = filters as { readonly names?: readonly string[] };
        const versions =
          name === undefined ? [] : await list({ labels: { [POINTER_LABEL]: name } });
        return newest([...versions].sort(byVersion), await list(filters));
      },
      nameOf: dataName,
    },
    word,
  );

export const findConfig = (control: ControlClient, word: string): Promise<Config> =>
  find<Config>(
    {
      kind: 'config',
      byId: async (configId) =>
        (await control.getConfig(GetConfigRequest.create({ configId }))).config,
      list: async (filters) => {
        const list = async (asked: object) =>
          (await control.listConfigs(ListConfigsRequest.fromPartial({ filters: asked }))).configs;
        const { names: [name] = [] } = filters as { readonly names?: readonly string[] };
        const versions =
          name === undefined ? [] : await list({ labels: { [POINTER_LABEL]: name } });
        return newest([...versions].sort(byVersion), await list(filters));
      },
      nameOf: dataName,
    },
    word,
  );

const dataName = (object: Secret | Config): string => object.spec?.annotations?.name ?? '';

export const findVolume = (control: ControlClient, word: string): Promise<Volume> =>
  find<Volume>(
    {
      kind: 'volume',
      byId: async (volumeId) =>
        (await control.getVolume(GetVolumeRequest.create({ volumeId }))).volume,
      list: async (filters) =>
        (await control.listVolumes(ListVolumesRequest.fromPartial({ filters }))).volumes,
      nameOf: (volume) => volume.spec?.annotations?.name ?? '',
    },
    word,
  );
