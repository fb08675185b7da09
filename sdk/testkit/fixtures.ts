/**
 * Full wire objects with sane defaults, from partial overrides. Nested messages are merged field by
 * field; lists, bytes and oneofs are replaced as a whole.
 */
import { taskName } from '../model/task.js';
import { timestampFromMs } from '../model/time.js';
import { Cluster, Network, Node, Service, Task } from '../wire/gen/swarmkit/objects.js';
import { NodeSpec_Availability, NodeSpec_Membership } from '../wire/gen/swarmkit/specs.js';
import { NodeRole, NodeStatus_State, TaskState } from '../wire/gen/swarmkit/types.js';

export type Partially<T> = T extends bigint | Uint8Array | string | number | boolean | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Partially<U>[]
    : T extends { readonly $case: infer C; readonly value: infer V }
      ? { readonly $case: C; readonly value: Partially<V> }
      : { readonly [K in keyof T]?: Partially<T[K]> | undefined };

/** When fixtures were made: the start of a VirtualEnv, so that nothing is in the future. */
export const fixtureTime = 1_700_000_000_000;

let made = 0;
/** A 25-character id that tells its kind: `task000…1`. Unique within the process, not repeatable between runs of a test. */
export const fixtureId = (kind: string): string => {
  made += 1;
  return `${kind}${made.toString(36).padStart(25 - kind.length, '0')}`;
};

const meta = {
  version: { index: 0n },
  createdAt: timestampFromMs(fixtureTime),
  updatedAt: timestampFromMs(fixtureTime),
};

/** A READY, active, accepted worker on linux/amd64 with 4 CPUs and 8 GiB; hostname = its id. */
export function aNode(overrides: Partially<Node> = {}): Node {
  const id = overrides.id ?? fixtureId('node');
  return Node.fromPartial(
    merge(
      {
        id,
        meta,
        spec: {
          annotations: { name: '', labels: {} },
          desiredRole: NodeRole.WORKER,
          membership: NodeSpec_Membership.ACCEPTED,
          availability: NodeSpec_Availability.ACTIVE,
        },
        description: {
          hostname: id,
          platform: { architecture: 'x86_64', os: 'linux' },
          resources: { nanoCpus: 4_000_000_000n, memoryBytes: 8n << 30n },
          engine: { engineVersion: '1.0.0', labels: {}, plugins: [] },
        },
        status: { state: NodeStatus_State.READY, message: '', addr: '127.0.0.1' },
        role: NodeRole.WORKER,
      },
      overrides,
    ),
  );
}

/** Replicated with one replica of busybox; name = its id. */
export function aService(overrides: Partially<Service> = {}): Service {
  const id = overrides.id ?? fixtureId('service');
  return Service.fromPartial(
    merge(
      {
        id,
        meta,
        spec: {
          annotations: { name: id, labels: {} },
          task: { runtime: { $case: 'container', value: { image: 'busybox:latest' } } },
          mode: { $case: 'replicated', value: { replicas: 1n } },
        },
        specVersion: { index: 0n },
      },
      overrides,
    ),
  );
}

/** A RUNNING task, wanted RUNNING, in slot 1, of no service and on no node unless you say so. */
export function aTask(overrides: Partially<Task> = {}): Task {
  return Task.fromPartial(
    merge(
      {
        id: overrides.id ?? fixtureId('task'),
        meta,
        spec: { runtime: { $case: 'container', value: { image: 'busybox:latest' } } },
        slot: 1n,
        annotations: { name: '', labels: {} },
        serviceAnnotations: { name: overrides.serviceId ?? '', labels: {} },
        status: {
          timestamp: timestampFromMs(fixtureTime),
          state: TaskState.RUNNING,
          message: 'started',
        },
        desiredState: TaskState.RUNNING,
        specVersion: { index: 0n },
      },
      overrides,
    ),
  );
}

/** The task of a container that was started by hand on this node: RUNNING on these networks, unless you say so. */
export const anAttachment = (
  nodeId: string,
  networks: readonly string[],
  overrides: Partially<Task> = {},
): Task =>
  aTask({
    nodeId,
    slot: 0n,
    spec: {
      runtime: { $case: 'attachment', value: { containerId: 'c0ffee'.padEnd(64, '0') } },
      networks: networks.map((target) => ({ target })),
    },
    ...overrides,
  });

/** A task of this service with its spec, name and spec version. Slot 0 when the service is global. */
export function aTaskOf(service: Service, overrides: Partially<Task> = {}): Task {
  const mode = service.spec?.mode?.$case;
  const task = aTask({
    serviceId: service.id,
    slot: mode === 'global' || mode === 'globalJob' ? 0n : 1n,
    ...overrides,
  });
  return {
    ...task,
    spec: overrides.spec === undefined ? service.spec?.task : task.spec,
    serviceAnnotations:
      overrides.serviceAnnotations === undefined
        ? service.spec?.annotations
        : task.serviceAnnotations,
    specVersion: overrides.specVersion === undefined ? service.specVersion : task.specVersion,
  };
}

/** The one cluster object, `default`, with SwarmKit's first values. */
export function aCluster(overrides: Partially<Cluster> = {}): Cluster {
  return Cluster.fromPartial(
    merge(
      {
        id: overrides.id ?? fixtureId('cluster'),
        meta,
        spec: {
          annotations: { name: 'default', labels: {} },
          orchestration: { taskHistoryRetentionLimit: 5n },
          raft: {
            snapshotInterval: 10_000n,
            keepOldSnapshots: 0n,
            logEntriesForSlowFollowers: 500n,
            heartbeatTick: 1,
            electionTick: 10,
          },
          dispatcher: { heartbeatPeriod: { seconds: 5n, nanos: 0 } },
          caConfig: { nodeCertExpiry: { seconds: 7_776_000n, nanos: 0 } },
          taskDefaults: {},
          encryptionConfig: {},
        },
      },
      overrides,
    ),
  );
}

/** An overlay network; name = its id. */
export function aNetwork(overrides: Partially<Network> = {}): Network {
  const id = overrides.id ?? fixtureId('network');
  return Network.fromPartial(
    merge(
      {
        id,
        meta,
        spec: { annotations: { name: id, labels: {} }, driverConfig: { name: 'overlay' } },
      },
      overrides,
    ),
  );
}

/** The network that published ports go through, with its subnet, as the allocator leaves it. */
export const anIngressNetwork = (overrides: Partially<Network> = {}): Network =>
  aNetwork({
    id: 'ingress',
    spec: { ingress: true, driverConfig: { name: '' } },
    driverState: {
      name: 'overlay',
      options: { 'com.docker.network.driver.overlay.vxlanid_list': '4096' },
    },
    ipam: {
      driver: { name: 'default' },
      configs: [{ family: 4, subnet: '10.0.0.0/24', gateway: '10.0.0.1' }],
    },
    ...overrides,
  });

/** For messages of failed tests. */
export const describeTask = (task: Task): string =>
  `${taskName(task)} observed ${TaskState[task.status?.state ?? 0]} desired ${TaskState[task.desiredState]}`;

type Fields = Readonly<Record<string, unknown>>;

const isMessage = (value: unknown): value is Fields =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Uint8Array) &&
  !('$case' in value);

// biome-ignore lint/suspicious/noExplicitAny: fromPartial of each message checks the shape again.
function merge(defaults: Fields, overrides: object): any {
  const merged: Record<string, unknown> = { ...defaults };
  for (const [key, value] of Object.entries(overrides)) {
    const before = merged[key];
    merged[key] = isMessage(before) && isMessage(value) ? merge(before, value) : value;
  }
  return merged;
}
