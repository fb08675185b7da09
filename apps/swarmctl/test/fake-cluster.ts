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
  Config,
  Network,
  type Node,
  Secret,
  Service,
  type Task,
  Volume,
} from '@swarmkit/sdk/wire/gen/swarmkit/objects';

/** A manager in memory that answers what swarmctl asks, and remembers what it was asked. */

interface Filters {
  readonly labels?: Readonly<Record<string, string>>;
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
  secrets: Secret[] = [];
  configs: Config[] = [];
  volumes: Volume[] = [];
  /** How many objects it has given an id. */
  made = 0;
  /** Called after a service was changed. */
  onServiceUpdate: (service: Service) => void = () => undefined;
  /** The managers' unlock key. */
  key = Buffer.alloc(0);
  /** What an update makes of the cluster. */
  changeCluster = (cluster: Cluster, _rotation: KeyRotation | undefined): Cluster => cluster;
  /** What contributed filters say. */
  contributed: readonly { readonly nodeId: string; readonly against: readonly string[] }[] = [];
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
    explainPlacement: () => ({ verdicts: this.contributed }),
    listServices: ({ filters }: { filters?: Filters }) => ({
      services: matching(this.services, filters, nameOf),
    }),
    listClusters: ({ filters }: { filters?: Filters }) => ({
      clusters: matching(this.clusters, filters, nameOf),
    }),
    ...dataHandlers('secret', 'secrets', Secret, this),
    ...dataHandlers('config', 'configs', Config, this),
    ...dataHandlers('volume', 'volumes', Volume, this),
    ...dataHandlers('network', 'networks', Network, this),
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
      this.onServiceUpdate(service);
      return { service: one('service', this.services, serviceId) };
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

type Held = Secret | Config | Volume | Network;
type Lists = 'secrets' | 'configs' | 'volumes' | 'networks';

/** Get, list, create, update and remove of a kind that is just kept. */
function dataHandlers(
  kind: string,
  list: Lists,
  type: { fromPartial(partial: never): Held },
  cluster: FakeCluster,
): Readonly<Record<string, (request: never) => unknown>> {
  const held = (): readonly Held[] => cluster[list];
  const hold = (objects: readonly Held[]): void => {
    (cluster as unknown as Record<Lists, readonly Held[]>)[list] = objects;
  };
  const Kind = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  const idOf = (request: object): string =>
    (request as Readonly<Record<string, string>>)[`${kind}Id`] ?? '';
  return {
    [`get${Kind}`]: (request: object) => ({ [kind]: one(kind, held(), idOf(request)) }),
    [`list${Kind}s`]: ({ filters }: { filters?: Filters }) => ({
      [list]: matching(held(), filters, nameOf).filter((object) =>
        Object.entries(filters?.labels ?? {}).every(
          ([key, value]) => object.spec?.annotations?.labels[key] === value,
        ),
      ),
    }),
    [`create${Kind}`]: ({ spec }: { spec: Held['spec'] }) => {
      if (held().some((object) => nameOf(object) === spec?.annotations?.name))
        throw new SwarmError('already-exists', 'RPC_REMOTE', `${kind} already exists`);
      cluster.made += 1;
      const id = `new${kind}${cluster.made}`.padEnd(25, '-');
      const made = { ...type.fromPartial({ id, meta: { version: { index: 1n } } } as never), spec };
      hold([...held(), made as Held]);
      return { [kind]: made };
    },
    [`update${Kind}`]: (request: { spec: Held['spec'] }) => {
      const changed = { ...one(kind, held(), idOf(request)), spec: request.spec } as Held;
      hold(held().map((object) => (object.id === changed.id ? changed : object)));
      return { [kind]: changed };
    },
    [`remove${Kind}`]: (request: object) => {
      one(kind, held(), idOf(request));
      hold(held().filter(({ id }) => id !== idOf(request)));
      return {};
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

const nameOf = (object: Service | Cluster | Held): string => object.spec?.annotations?.name ?? '';

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
