import type { ControlClient } from '@swarmkit/sdk/client/control';
import type { LogMessage, SubscribeLogsMessage } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type {
  CreateServiceRequest,
  KeyRotation,
  RemoveNodeRequest,
  RemoveServiceRequest,
  UpdateClusterRequest,
  UpdateNodeRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import {
  type Cluster,
  type Network,
  type Node,
  Service,
  type Task,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** A manager in memory that answers what swarmctl asks, and remembers what it was asked. */

interface Filters {
  readonly names?: readonly string[];
  readonly idPrefixes?: readonly string[];
  readonly serviceIds?: readonly string[];
  readonly nodeIds?: readonly string[];
}

export class FakeCluster {
  services: Service[] = [];
  tasks: Task[] = [];
  nodes: Node[] = [];
  clusters: Cluster[] = [];
  networks: Network[] = [];
  /** The managers' unlock key. */
  key = Buffer.alloc(0);
  /** What an update makes of the cluster. */
  changeCluster = (cluster: Cluster, _rotation: KeyRotation | undefined): Cluster => cluster;
  /** Every request, by method. */
  readonly asked: { readonly method: string; readonly request: unknown }[] = [];
  /** Thrown by the next call of this method, once each. */
  readonly faults = new Map<string, unknown[]>();
  isClosed = false;

  readonly control: ControlClient = new Proxy({} as ControlClient, {
    get: (_target, name) => {
      if (name === 'close')
        return () => {
          this.isClosed = true;
        };
      if (name === 'logs') return (request: unknown) => this.logs(request);
      // A promise resolves to it.
      if (name === 'then') return undefined;
      return async (request: unknown) => this.answer(String(name), request);
    },
  });

  requests<T>(method: string): readonly T[] {
    return this.asked.filter((one) => one.method === method).map((one) => one.request as T);
  }

  /** Readings of logs: each is what it sends and, when it breaks off, why. */
  readonly readings: { readonly sends: readonly LogMessage[]; readonly fails?: Error }[] = [];

  private async *logs(request: unknown): AsyncGenerator<SubscribeLogsMessage> {
    this.asked.push({ method: 'logs', request });
    const reading = this.readings.shift();
    for (const message of reading?.sends ?? []) yield { messages: [message] };
    if (reading?.fails !== undefined) throw reading.fails;
  }

  private answer(method: string, request: unknown): unknown {
    this.asked.push({ method, request });
    const fault = this.faults.get(method)?.shift();
    if (fault !== undefined) throw fault;
    const handler = this.handlers[method];
    if (handler === undefined) throw new SwarmError('unimplemented', 'FAKE', `no ${method} here`);
    return handler(request as never);
  }

  private readonly handlers: Readonly<Record<string, (request: never) => unknown>> = {
    getService: ({ serviceId }: { serviceId: string }) => ({
      service: one('service', this.services, serviceId),
    }),
    getNode: ({ nodeId }: { nodeId: string }) => ({ node: one('node', this.nodes, nodeId) }),
    getTask: ({ taskId }: { taskId: string }) => ({ task: one('task', this.tasks, taskId) }),
    getCluster: ({ clusterId }: { clusterId: string }) => ({
      cluster: one('cluster', this.clusters, clusterId),
    }),
    getNetwork: ({ networkId }: { networkId: string }) => ({
      network: one('network', this.networks, networkId),
    }),
    listServices: ({ filters }: { filters?: Filters }) => ({
      services: matching(this.services, filters, nameOf),
    }),
    listClusters: ({ filters }: { filters?: Filters }) => ({
      clusters: matching(this.clusters, filters, nameOf),
    }),
    listNetworks: ({ filters }: { filters?: Filters }) => ({
      networks: matching(this.networks, filters, nameOf),
    }),
    listNodes: ({ filters }: { filters?: Filters }) => ({
      nodes: matching(this.nodes, filters, (node) => node.description?.hostname ?? ''),
    }),
    listTasks: ({ filters }: { filters?: Filters }) => ({
      tasks: matching(this.tasks, filters, () => '').filter(
        (task) =>
          anyOf(filters?.serviceIds, task.serviceId) && anyOf(filters?.nodeIds, task.nodeId),
      ),
    }),
    listServiceStatuses: ({ services }: { services: readonly string[] }) => ({
      statuses: services.map((serviceId) => {
        const own = this.tasks.filter((task) => task.serviceId === serviceId);
        const mode = this.services.find(({ id }) => id === serviceId)?.spec?.mode;
        return {
          serviceId,
          desiredTasks: mode?.$case === 'replicated' ? mode.value.replicas : BigInt(own.length),
          runningTasks: BigInt(own.filter((task) => task.status?.state === 512).length),
          completedTasks: BigInt(own.filter((task) => task.status?.state === 576).length),
        };
      }),
    }),
    createService: ({ spec }: CreateServiceRequest) => {
      const service = Service.fromPartial({
        id: 'newservice000000000000000',
        meta: { version: { index: 10n } },
        specVersion: { index: 0n },
      });
      this.services.push({ ...service, spec });
      return { service: this.services.at(-1) };
    },
    updateService: ({ serviceId, serviceVersion, spec }: UpdateServiceRequest) => {
      const old = one('service', this.services, serviceId);
      if (old.meta?.version?.index !== serviceVersion?.index) throw outOfSequence();
      const service = { ...old, spec };
      this.services = this.services.map((each) => (each.id === serviceId ? service : each));
      return { service };
    },
    removeService: ({ serviceId }: RemoveServiceRequest) => {
      one('service', this.services, serviceId);
      this.services = this.services.filter(({ id }) => id !== serviceId);
      return {};
    },
    updateCluster: ({ clusterId, clusterVersion, spec, rotation }: UpdateClusterRequest) => {
      const old = one('cluster', this.clusters, clusterId);
      if (old.meta?.version?.index !== clusterVersion?.index) throw outOfSequence();
      const cluster = this.changeCluster({ ...old, spec }, rotation);
      this.clusters = this.clusters.map((each) => (each.id === clusterId ? cluster : each));
      return { cluster };
    },
    unlockKey: () => ({ unlockKey: this.key, version: undefined }),
    removeNode: ({ nodeId }: RemoveNodeRequest) => {
      one('node', this.nodes, nodeId);
      this.nodes = this.nodes.filter(({ id }) => id !== nodeId);
      return {};
    },
    updateNode: ({ nodeId, nodeVersion, spec }: UpdateNodeRequest) => {
      const old = one('node', this.nodes, nodeId);
      if (old.meta?.version?.index !== nodeVersion?.index) throw outOfSequence();
      this.nodes = this.nodes.map((each) => (each.id === nodeId ? { ...old, spec } : each));
      return { node: { ...old, spec } };
    },
  };
}

export const outOfSequence = (): SwarmError =>
  new SwarmError('unknown', 'RPC_REMOTE', 'update out of sequence');

function one<T extends { readonly id: string }>(
  kind: string,
  objects: readonly T[],
  id: string,
): T {
  const found = objects.find((object) => object.id === id);
  if (found === undefined)
    throw new SwarmError('not-found', 'RPC_REMOTE', `${kind} ${id} not found`);
  return found;
}

const nameOf = (object: Service | Cluster | Network): string =>
  object.spec?.annotations?.name ?? '';

const anyOf = (wanted: readonly string[] | undefined, value: string): boolean =>
  !wanted?.length || wanted.includes(value);

const matching = <T extends { readonly id: string }>(
  objects: readonly T[],
  filters: Filters | undefined,
  name: (object: T) => string,
): readonly T[] =>
  objects.filter(
    (object) =>
      anyOf(filters?.names, name(object)) &&
      (!filters?.idPrefixes?.length ||
        filters.idPrefixes.some((prefix) => object.id.startsWith(prefix))),
  );
