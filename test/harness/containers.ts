import { readFileSync } from 'node:fs';
import { credentials } from '@grpc/grpc-js';
import { openConnection } from '@swarmkit/sdk/client/connection';
import {
  ContainersService,
  ListContainersRequest,
} from '@swarmkit/sdk/wire/gen/containerd/services/containers/v1/containers';
import {
  KillRequest,
  ListTasksRequest,
  TasksService,
} from '@swarmkit/sdk/wire/gen/containerd/services/tasks/v1/tasks';
import { Status } from '@swarmkit/sdk/wire/gen/containerd/types/task/task';
import type { Cleanup } from './cleanup.js';

/** What containerd itself says of our containers, so that nobody's word but its own is taken for it. */
export class Containers {
  private readonly connection;

  constructor(
    address: string,
    cleanup: Cleanup,
    private readonly namespace = 'swarmkit',
  ) {
    const plain = credentials.createInsecure();
    this.connection = openConnection(`unix:${address}`, () => plain);
    cleanup.add('containerd connection', () => this.connection.close());
  }

  /** Task id -> service id of all containers: running, ended, not yet started. */
  async all(): Promise<ReadonlyMap<string, string>> {
    const { containers } = await this.connection.unary(
      ContainersService.list,
      ListContainersRequest.create(),
      this.options,
    );
    return new Map(
      containers.map(({ id, labels }) => [id, labels['com.docker.swarm.service.id'] ?? '']),
    );
  }

  /** Task id -> the process that runs, named so that a pid that was used again is another name. */
  async running(): Promise<ReadonlyMap<string, string>> {
    const { tasks } = await this.connection.unary(
      TasksService.list,
      ListTasksRequest.create(),
      this.options,
    );
    const found = new Map<string, string>();
    for (const { id, containerId, pid, status } of tasks) {
      const process = status === Status.RUNNING ? processName(pid) : undefined;
      if (process !== undefined) found.set(containerId || id, process);
    }
    return found;
  }

  /** Kills a container's process as the outside world would. */
  async kill(containerId: string, signal = 9): Promise<void> {
    await this.connection.unary(
      TasksService.kill,
      KillRequest.create({ containerId, signal, all: true }),
      this.options,
    );
  }

  private get options() {
    return { metadata: { 'containerd-namespace': this.namespace }, timeoutMs: 20_000 };
  }
}

/** `pid@start time`; undefined when it has ended meanwhile. */
export function processName(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${pid}@${fields[19]}`;
  } catch {
    return undefined;
  }
}

export const pidOf = (process: string): number => Number(process.split('@')[0]);
