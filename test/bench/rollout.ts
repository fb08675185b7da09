import path from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { openConnection } from '@swarmkit/sdk/client/connection';
import { type ControlClient, connectControl } from '@swarmkit/sdk/client/control';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { BUSYBOX_REFERENCE, buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import { ContainerdFixture } from '@swarmkit/sdk/testkit/containerd-fixture';
import {
  ContainersService,
  ListContainersRequest,
} from '@swarmkit/sdk/wire/gen/containerd/services/containers/v1/containers';
import {
  CreateServiceRequest,
  ListNodesRequest,
  ListTasksRequest,
  RemoveServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Daemon } from '../harness/daemon.js';
import { type DockerPeer, initSwarm, loadImage, startDockerd } from '../harness/dockerd.js';
import { importBusybox } from '../harness/images.js';
import { until } from '../harness/until.js';
import { type Figure, median } from './report.js';

/**
 * `create`: from the request until every replica is RUNNING. `remove`: from the request until no task
 * and no container is left. Containers ignore SIGTERM, the stop grace is 1 s. The peer is dockerd in
 * swarm mode with the same image, asked in the same rhythm, in turn with ours.
 */
export async function benchRollout(rounds: number): Promise<readonly Figure[]> {
  const cleanup = new Cleanup();
  try {
    const ours = await startOurs(cleanup);
    const peer = await startPeer(cleanup);
    const figures: Figure[] = [];
    for (const replicas of [1, 10, 50]) {
      const times = { ours: [] as Times[], peer: [] as Times[] };
      for (let round = 0; round < rounds; round++) {
        times.ours.push(await measure(ours, replicas));
        times.peer.push(await measure(peer, replicas));
      }
      for (const metric of ['create', 'remove'] as const)
        figures.push({
          bench: 'rollout',
          case: String(replicas),
          metric,
          unit: 's',
          ours: median(times.ours.map((one) => one[metric])),
          peer: median(times.peer.map((one) => one[metric])),
        });
    }
    return figures;
  } finally {
    await cleanup.run();
  }
}

interface Swarm {
  create(name: string, replicas: number): Promise<string>;
  running(serviceId: string): Promise<number>;
  remove(serviceId: string): Promise<unknown>;
  /** Tasks and containers that are left. */
  left(serviceId: string): Promise<number>;
}

interface Times {
  readonly create: number;
  readonly remove: number;
}

let made = 0;

async function measure(swarm: Swarm, replicas: number): Promise<Times> {
  const created = performance.now();
  const id = await swarm.create(`bench-${++made}`, replicas);
  await until(
    `${replicas} replicas run`,
    async () => (await swarm.running(id)) === replicas,
    120_000,
  );
  const removed = performance.now();
  await swarm.remove(id);
  await until('everything is gone', async () => (await swarm.left(id)) === 0, 120_000);
  const gone = performance.now();
  return { create: (removed - created) / 1000, remove: (gone - removed) / 1000 };
}

const command = ['sleep', '100000'];

async function startOurs(cleanup: Cleanup): Promise<Swarm> {
  const containerd = await ContainerdFixture.start();
  cleanup.add('containerd', () => containerd.stop());
  await importBusybox(containerd.address);
  const daemon = new Daemon(
    {
      stateDir: path.join(cleanup.folder(), 'state'),
      executor: 'containerd',
      containerdAddr: containerd.address,
      args: ['-l', 'warn'],
    },
    cleanup,
  );
  await daemon.start();
  const control = connectControl(daemon.socket);
  cleanup.add('control connection', () => control.close());
  await nodeReady(control);
  const plain = credentials.createInsecure();
  const runtime = openConnection(`unix:${containerd.address}`, () => plain);
  cleanup.add('containerd connection', () => runtime.close());
  const tasksOf = async (serviceId: string) =>
    (
      await control.listTasks(
        ListTasksRequest.fromPartial({ filters: { serviceIds: [serviceId] } }),
      )
    ).tasks;
  return {
    async create(name, replicas) {
      const { service } = await control.createService(
        CreateServiceRequest.create({ spec: spec(name, replicas) }),
      );
      return service?.id ?? '';
    },
    running: async (id) =>
      (await tasksOf(id)).filter((task) => task.status?.state === TaskState.RUNNING).length,
    remove: (serviceId) => control.removeService(RemoveServiceRequest.create({ serviceId })),
    async left(id) {
      const tasks = await tasksOf(id);
      if (tasks.length > 0) return tasks.length;
      const { containers } = await runtime.unary(
        ContainersService.list,
        ListContainersRequest.create(),
        { metadata: { 'containerd-namespace': 'swarmkit' } },
      );
      return containers.length;
    },
  };
}

const nodeReady = (control: ControlClient): Promise<unknown> =>
  until('the node is READY', async () => {
    const { nodes } = await control.listNodes(ListNodesRequest.create());
    return nodes.some((node) => node.status?.state === NodeStatus_State.READY);
  });

const spec = (name: string, replicas: number): ServiceSpec =>
  ServiceSpec.fromPartial({
    annotations: { name },
    mode: { $case: 'replicated', value: { replicas: BigInt(replicas) } },
    task: {
      runtime: {
        $case: 'container',
        value: {
          image: BUSYBOX_REFERENCE,
          args: command,
          stopGracePeriod: durationFromMs(1_000),
        },
      },
    },
  });

async function startPeer(cleanup: Cleanup): Promise<Swarm> {
  const peer: DockerPeer = await startDockerd(cleanup);
  await loadImage(peer, buildBusyboxArchive());
  await initSwarm(peer);
  const { docker } = peer;
  const tasksOf = async (id: string) =>
    (await docker.listTasks({ filters: JSON.stringify({ service: [id] }) })) as {
      readonly Status: { readonly State: string };
    }[];
  return {
    async create(name, replicas) {
      const service = (await docker.createService({
        Name: name,
        TaskTemplate: {
          ContainerSpec: { Image: BUSYBOX_REFERENCE, Args: command, StopGracePeriod: 1e9 },
        },
        Mode: { Replicated: { Replicas: replicas } },
      } as never)) as unknown as { readonly id?: string; readonly ID?: string };
      return service.id ?? service.ID ?? '';
    },
    running: async (id) =>
      (await tasksOf(id)).filter((task) => task.Status.State === 'running').length,
    remove: (id) => docker.getService(id).remove(),
    async left(id) {
      const tasks = await tasksOf(id).catch(() => []);
      if (tasks.length > 0) return tasks.length;
      return (await docker.listContainers({ all: true })).length;
    },
  };
}
