/** Ours on containerd, and dockerd in swarm mode, asked alike. Containers ignore SIGTERM; their grace is 1 s. */
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
  GetServiceRequest,
  ListNodesRequest,
  ListTasksRequest,
  RemoveServiceRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Cleanup } from '../harness/cleanup.js';
import { Daemon } from '../harness/daemon.js';
import { type DockerPeer, initSwarm, loadImage, startDockerd } from '../harness/dockerd.js';
import { importBusybox } from '../harness/images.js';
import { until } from '../harness/until.js';

export interface Swarm {
  /** Updates it `parallelism` at a time; all at once when nothing is said. */
  create(name: string, replicas: number, parallelism?: number): Promise<string>;
  /** Replaces all tasks; answers what counts the new ones that run. */
  update(serviceId: string): Promise<() => Promise<number>>;
  running(serviceId: string): Promise<number>;
  remove(serviceId: string): Promise<unknown>;
  /** Tasks and containers that are left. */
  left(serviceId: string): Promise<number>;
}

const command = ['sleep', '100000'];

export async function startOurs(cleanup: Cleanup): Promise<Swarm> {
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
    async create(name, replicas, parallelism = 0) {
      const { service } = await control.createService(
        CreateServiceRequest.create({ spec: spec(name, replicas, parallelism) }),
      );
      return service?.id ?? '';
    },
    async update(serviceId) {
      const { service } = await control.getService(GetServiceRequest.fromPartial({ serviceId }));
      const task = service?.spec?.task;
      const forceUpdate = (task?.forceUpdate ?? 0n) + 1n;
      await control.updateService(
        UpdateServiceRequest.fromPartial({
          serviceId,
          serviceVersion: service?.meta?.version,
          spec: { ...service?.spec, task: { ...task, forceUpdate } } as ServiceSpec,
        }),
      );
      return async () =>
        (await tasksOf(serviceId)).filter(
          (each) =>
            each.status?.state === TaskState.RUNNING && each.spec?.forceUpdate === forceUpdate,
        ).length;
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

const spec = (name: string, replicas: number, parallelism: number): ServiceSpec =>
  ServiceSpec.fromPartial({
    annotations: { name },
    mode: { $case: 'replicated', value: { replicas: BigInt(replicas) } },
    update: { parallelism: BigInt(parallelism) },
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

export async function startPeer(cleanup: Cleanup): Promise<Swarm> {
  const peer: DockerPeer = await startDockerd(cleanup);
  await loadImage(peer, buildBusyboxArchive());
  await initSwarm(peer);
  const { docker } = peer;
  const tasksOf = async (id: string) =>
    (await docker.listTasks({ filters: JSON.stringify({ service: [id] }) })) as {
      readonly Status: { readonly State: string };
      readonly Spec: { readonly ForceUpdate?: number };
    }[];
  return {
    async create(name, replicas, parallelism = 0) {
      const service = (await docker.createService({
        Name: name,
        TaskTemplate: {
          ContainerSpec: { Image: BUSYBOX_REFERENCE, Args: command, StopGracePeriod: 1e9 },
        },
        Mode: { Replicated: { Replicas: replicas } },
        UpdateConfig: { Parallelism: parallelism },
      } as never)) as unknown as { readonly id?: string; readonly ID?: string };
      return service.id ?? service.ID ?? '';
    },
    async update(id) {
      const service = docker.getService(id);
      const { Version, Spec } = await service.inspect();
      const forced = (Spec.TaskTemplate.ForceUpdate ?? 0) + 1;
      await service.update({
        version: Version.Index,
        ...Spec,
        TaskTemplate: { ...Spec.TaskTemplate, ForceUpdate: forced },
      });
      return async () =>
        (await tasksOf(id)).filter(
          ({ Status, Spec }) => Status.State === 'running' && Spec.ForceUpdate === forced,
        ).length;
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
