/** The executor itself: one connection, one event subscription, a controller for each task. */
import { join, resolve } from 'node:path';
import type {
  Dependencies,
  Executor,
  ExecutorEvent,
  TaskController,
} from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { DependencyFiles } from '@swarmkit/sdk/executor/dependency-files';
import type { Env } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { VersionService } from '@swarmkit/sdk/wire/gen/containerd/services/version/v1/version';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Observable } from 'rxjs';
import { containerSpec } from '../core/refusals.js';
import { ContainerdConnection } from './containerd/connection.js';
import { RuntimeEvents } from './containerd/runtime-events.js';
import { hostFacts, imagePlatform, machineArchitecture, machineResources } from './host.js';
import { ImageStore } from './images/image-store.js';
import { Limiter } from './limiter.js';
import { ContainerProcess } from './tasks/container-process.js';
import { Containers } from './tasks/containers.js';
import { ContainerdController, type ControllerServices } from './tasks/controller.js';
import { ExitWatch } from './tasks/exit-watch.js';
import { FifoPool } from './tasks/fifo-pool.js';
import { TaskFolder, taskFoldersIn } from './tasks/task-folder.js';

export interface ContainerdConfig {
  /** containerd's socket. */
  readonly address: string;
  readonly namespace: string;
  readonly snapshotter: string;
  /** Pipes, /etc files and volumes. */
  readonly dir: string;
  /** Secrets and configs of tasks; on a tmpfs. */
  readonly memoryDir?: string;
  readonly runtime: string;
}

export interface ExecutorParts {
  readonly logs: TaskLogs;
  readonly env: Env;
  readonly log: Logger;
  readonly events: Channel<ExecutorEvent>;
}

/** containerd's own rule for identifiers, which also makes the id safe in a path. */
const TASK_ID = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

export class ContainerdExecutor implements Executor {
  readonly id = 'containerd';
  readonly events$: Observable<ExecutorEvent>;
  private readonly connection: ContainerdConnection;
  private readonly subscription: RuntimeEvents;
  private readonly services: Omit<ControllerServices, 'onClose'>;
  private readonly tasksDir: string;
  private readonly controllers = new Set<TaskController>();

  constructor(
    config: ContainerdConfig,
    private readonly parts: ExecutorParts,
  ) {
    const { env, log, logs, events } = parts;
    const host = hostFacts();
    // Two for each processor keep both busy; past that they only wait for each other in the kernel.
    const parallel = Math.min(16, Math.max(2, 2 * machineResources().cpus));
    const containerd = new ContainerdConnection({ ...config, clock: env.clock });
    const exits = new ExitWatch(containerd, () => this.subscription.live);
    this.connection = containerd;
    // containerd opens the pipes by their paths, from a working directory of its own.
    const dir = resolve(config.dir);
    this.tasksDir = join(dir, 'tasks');
    this.events$ = events.facts$;
    this.services = {
      containerd,
      images: new ImageStore(containerd, { ...config, platform: imagePlatform(), env, log }),
      containers: new Containers(containerd, {
        ...config,
        volumesDir: join(dir, 'volumes'),
        host,
        env,
        log,
      }),
      exits,
      fifos: new FifoPool(join(dir, 'fifos')),
      files: new DependencyFiles(config.memoryDir, 'containerd'),
      logs,
      env,
      host,
      starting: new Limiter(parallel),
      stopping: new Limiter(parallel),
      probing: new Limiter(parallel),
      onHealth: (taskId, status) => {
        if (status !== 'starting') events.publish({ what: status, taskId });
      },
    };
    this.subscription = new RuntimeEvents(containerd, env, {
      onExit: (containerId, execId, code) => {
        exits.exited({ containerId, execId }, code);
        if (execId === '') events.publish({ what: 'exited', taskId: containerId });
      },
      onConnected: () => {
        exits.lookAgain();
        events.publish({ what: 'available' });
      },
      onLost: (reason) => {
        log.warn(
          { address: config.address },
          `${reason}; containers run on, and this node tries again`,
        );
        events.publish({ what: 'unavailable', detail: reason });
      },
    });
  }

  /** Begins to listen. A dead containerd is an event, not an error. */
  start(): void {
    this.subscription.start();
  }

  /** Lets go of everything; containers run on. */
  stop(): void {
    for (const controller of this.controllers) controller.close();
    this.subscription.close();
    this.services.images.close();
    this.connection.close();
  }

  accepts(task: Task): boolean {
    return task.spec?.runtime?.$case === 'container';
  }

  async describe(): Promise<NodeDescription> {
    const { version } = await this.connection.unary(VersionService.version, {});
    const { cpus, memoryBytes } = machineResources();
    return NodeDescription.fromPartial({
      platform: { architecture: machineArchitecture(), os: 'linux' },
      resources: { nanoCpus: BigInt(cpus) * 1_000_000_000n, memoryBytes: BigInt(memoryBytes) },
      engine: {
        // Debian's version carries a suffix: 1.6.20~ds1.
        engineVersion: `containerd-${version.replace(/^v/, '').replace(/[~+].*$/, '')}`,
        plugins: [
          { type: 'Log', name: 'local' },
          { type: 'Network', name: 'host' },
          { type: 'Volume', name: 'local' },
        ],
      },
    });
  }

  controller(task: Task, dependencies: Dependencies = nothing): TaskController {
    const spec = containerSpec(task);
    if (!TASK_ID.test(task.id))
      throw invalid(
        `task id "${task.id}" cannot be a container's id; it must be letters and digits`,
      );
    if (spec.image === '') throw invalid('image required: the container spec names no image');
    const controller = new ContainerdController(task, spec, this.folder(task.id), dependencies, {
      ...this.services,
      onClose: () => this.controllers.delete(controller),
    });
    this.controllers.add(controller);
    return controller;
  }

  /** A folder without any container is a leftover of ours. */
  async existing(nodeId?: string): Promise<readonly string[]> {
    const { containers } = this.services;
    const [all, folders] = await Promise.all([containers.taskIds(), taskFoldersIn(this.tasksDir)]);
    const known = new Set(all);
    const mine = nodeId === undefined ? all : await containers.taskIds(nodeId);
    return [...mine, ...folders.filter((id) => !known.has(id))];
  }

  async discard(taskId: string): Promise<void> {
    if (!TASK_ID.test(taskId)) return;
    const { containerd, exits, containers, stopping } = this.services;
    const { clock } = this.parts.env;
    await stopping.run(async () => {
      const process = new ContainerProcess(containerd, exits, clock, taskId);
      await process.delete(new AbortController().signal);
      await containers.remove(taskId);
    });
    await this.folder(taskId).remove();
    await this.services.files.remove(taskId);
    await this.parts.logs.drop(taskId);
  }

  private folder(taskId: string): TaskFolder {
    return new TaskFolder(join(this.tasksDir, taskId));
  }
}

const nothing: Dependencies = { secret: () => undefined, config: () => undefined };

const invalid = (sentence: string): SwarmError =>
  new SwarmError('invalid-argument', 'CONTAINERD_SPEC_INVALID', sentence);
