import { connectControl, type ControlClient } from '@swarmkit/sdk/client/control';
import { isRetryable } from '@swarmkit/sdk/plugin/errors';
import {
  CreateServiceRequest,
  GetServiceRequest,
  ListClustersRequest,
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
  RemoveServiceRequest,
  UpdateClusterRequest,
  UpdateNodeRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster, Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NodeSpec, ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { SubscribeLogsRequest } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { until } from './until.js';

/** A single node's Control API in the words of tests. Every call has a deadline. */
export class Swarm {
  readonly control: ControlClient;

  constructor(socket: string) {
    this.control = connectControl(socket);
  }

  close(): void {
    this.control.close();
  }

  /** The manager leads, and its own node is READY. */
  ready(deadlineMs = 60_000): Promise<Node> {
    return until(
      'the node is READY',
      async () => {
        const node = (await this.nodes())[0];
        return node?.status?.state === NodeStatus_State.READY ? node : undefined;
      },
      deadlineMs,
    );
  }

  async nodes(): Promise<readonly Node[]> {
    return (await this.control.listNodes(ListNodesRequest.create(), brief)).nodes;
  }

  async cluster(): Promise<Cluster> {
    return defined(
      (await this.control.listClusters(ListClustersRequest.create(), brief)).clusters[0],
    );
  }

  /** Asks for a new root certificate. */
  async rotateRoot(): Promise<void> {
    const cluster = await this.cluster();
    const spec = defined(cluster.spec);
    const caConfig = defined(spec.caConfig);
    await this.control.updateCluster(
      UpdateClusterRequest.create({
        clusterId: cluster.id,
        clusterVersion: cluster.meta?.version,
        spec: { ...spec, caConfig: { ...caConfig, forceRotate: caConfig.forceRotate + 1n } },
      }),
      brief,
    );
  }

  /** Waits for a node of this hostname in this state. */
  node(hostname: string, state: NodeStatus_State, deadlineMs = 60_000): Promise<Node> {
    return until(
      `${hostname} is ${NodeStatus_State[state]}`,
      async () =>
        (await this.nodes()).find(
          (node) => node.description?.hostname === hostname && node.status?.state === state,
        ),
      deadlineMs,
    );
  }

  /** What is kept of a service's output, as text lines; the reader's own problems are thrown. */
  async logs(serviceId: string): Promise<readonly string[]> {
    const lines: string[] = [];
    const request = SubscribeLogsRequest.fromPartial({
      selector: { serviceIds: [serviceId] },
      options: { follow: false },
    });
    for await (const { messages } of this.control.logs(request, brief))
      for (const { data } of messages) lines.push(data.toString().trimEnd());
    return lines;
  }

  async updateNode(node: Node, change: (spec: NodeSpec) => NodeSpec): Promise<void> {
    await this.control.updateNode(
      UpdateNodeRequest.create({
        nodeId: node.id,
        nodeVersion: node.meta?.version,
        spec: change(defined(node.spec)),
      }),
      brief,
    );
  }

  async services(): Promise<readonly Service[]> {
    return (await this.control.listServices(ListServicesRequest.create(), brief)).services;
  }

  async service(serviceId: string): Promise<Service> {
    return defined(
      (await this.control.getService(GetServiceRequest.create({ serviceId }), brief)).service,
    );
  }

  /** All tasks, or those of one service. */
  async tasks(serviceId?: string): Promise<readonly Task[]> {
    const filters = serviceId === undefined ? undefined : { serviceIds: [serviceId] };
    const request = ListTasksRequest.fromPartial(filters === undefined ? {} : { filters });
    return (await this.control.listTasks(request, brief)).tasks;
  }

  async create(spec: ServiceSpec): Promise<Service> {
    return defined(
      (await this.control.createService(CreateServiceRequest.create({ spec }), brief)).service,
    );
  }

  /** From what was read; fails when somebody changed it since. */
  async update(service: Service, spec: ServiceSpec): Promise<Service> {
    const request = UpdateServiceRequest.create({
      serviceId: service.id,
      serviceVersion: service.meta?.version,
      spec,
    });
    return defined((await this.control.updateService(request, brief)).service);
  }

  /** Reads, changes and writes, again when somebody else came first. */
  async change(serviceId: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<Service> {
    return until('the service can be updated', async () => {
      const service = await this.service(serviceId);
      return this.update(service, change(defined(service.spec))).catch((error: unknown) => {
        if (isRetryable(error) || /out of sequence/.test(String(error))) return undefined;
        throw error;
      });
    });
  }

  async remove(serviceId: string): Promise<void> {
    await this.control.removeService(RemoveServiceRequest.create({ serviceId }), brief);
  }

  /** Waits until exactly `count` tasks of the service are wanted, and all of them run. */
  running(serviceId: string, count: number, deadlineMs = 60_000): Promise<readonly Task[]> {
    return until(
      `${count} tasks of ${serviceId} run`,
      async () => {
        const live = (await this.tasks(serviceId)).filter(isLive);
        const up = live.filter(
          (task) => isWanted(task) && task.status?.state === TaskState.RUNNING,
        );
        return live.length === count && up.length === count ? up : undefined;
      },
      deadlineMs,
    );
  }

  /** Waits for a task that is as asked. */
  task(
    what: string,
    serviceId: string,
    fits: (task: Task) => boolean,
    deadlineMs = 60_000,
  ): Promise<Task> {
    return until(what, async () => (await this.tasks(serviceId)).find(fits), deadlineMs);
  }

  /** Removes every service and waits until no task is left. */
  async empty(deadlineMs = 60_000): Promise<void> {
    for (const { id } of await this.services()) await this.remove(id);
    await until('all tasks are gone', async () => (await this.tasks()).length === 0, deadlineMs);
  }
}

const brief = { timeoutMs: 20_000 };

const isWanted = (task: Task): boolean => task.desiredState <= TaskState.RUNNING;

/** Wanted, or on its way out. */
const isLive = (task: Task): boolean =>
  isWanted(task) ||
  ((task.status?.state ?? 0) >= TaskState.ASSIGNED &&
    (task.status?.state ?? 0) <= TaskState.RUNNING);

export function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the answer lacks what was asked for');
  return value;
}
