import type {
  Dependencies,
  Executor,
  ExecutorEvent,
  TaskController,
} from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { DependencyFiles } from '@swarmkit/sdk/executor/dependency-files';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Channel } from '@swarmkit/sdk/plugin/plugin';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Observable } from 'rxjs';
import { containerOf, isContainerTask } from '../core/create-options.js';
import { DockerController } from './docker-controller.js';
import { Engine } from './engine.js';

export interface DockerExecutorOptions {
  /** Path of the engine's socket. */
  readonly socket: string;
  /** Secrets and configs of tasks; on a tmpfs that the engine sees at the same path. */
  readonly memoryDir?: string | undefined;
  readonly clock: Clock;
  readonly logs: TaskLogs;
  readonly events: Channel<ExecutorEvent>;
}

/** Runs tasks as containers of a Docker engine. */
export class DockerExecutor implements Executor {
  readonly id = 'docker';
  readonly events$: Observable<ExecutorEvent>;
  private readonly engine: Engine;
  private readonly controllers = new Map<string, DockerController>();
  private readonly files: DependencyFiles;
  private reachable: boolean | undefined;

  constructor(private readonly options: DockerExecutorOptions) {
    this.engine = new Engine(options.socket, options.clock);
    this.events$ = options.events.facts$;
    this.files = new DependencyFiles(options.memoryDir, 'docker');
  }

  /** Listens to the engine until `signal` aborts. */
  watch(signal: AbortSignal): Promise<void> {
    return this.engine.events(
      ({ action, taskId }) => {
        if (action === 'die') this.options.events.publish({ what: 'exited', taskId });
        // An error here is one of stopping an unhealthy container; its wait tells how it ended.
        void this.controllers
          .get(taskId)
          ?.onEvent(action)
          .catch(() => undefined);
      },
      (reachable) => {
        if (reachable === this.reachable) return;
        this.reachable = reachable;
        this.options.events.publish({ what: reachable ? 'available' : 'unavailable' });
      },
      signal,
    );
  }

  accepts(task: Task): boolean {
    return isContainerTask(task);
  }

  async describe(): Promise<NodeDescription> {
    const info = (await this.engine.call((docker) => docker.info())) as EngineInfo;
    return NodeDescription.fromPartial({
      platform: { architecture: info.Architecture, os: info.OSType },
      resources: {
        nanoCpus: BigInt(info.NCPU) * 1_000_000_000n,
        memoryBytes: BigInt(info.MemTotal),
      },
      engine: {
        engineVersion: info.ServerVersion,
        labels: Object.fromEntries((info.Labels ?? []).map(pair)),
        plugins: [
          ...(info.Plugins?.Log ?? []).map((name) => ({ type: 'Log', name })),
          // The engine has overlay networks only as a member of a swarm of its own, which it is not.
          ...(info.Plugins?.Network ?? [])
            .filter((name) => name !== 'overlay')
            .map((name) => ({ type: 'Network', name })),
          ...(info.Plugins?.Volume ?? []).map((name) => ({ type: 'Volume', name })),
        ],
      },
    });
  }

  controller(task: Task, dependencies: Dependencies): TaskController {
    const controller: DockerController = new DockerController(task, containerOf(task), {
      engine: this.engine,
      clock: this.options.clock,
      files: this.files,
      dependencies,
      logs: this.options.logs,
      onHealth: (taskId, healthy) =>
        this.options.events.publish({ what: healthy ? 'healthy' : 'unhealthy', taskId }),
      onClose: () => {
        if (this.controllers.get(task.id) === controller) this.controllers.delete(task.id);
      },
    });
    this.controllers.set(task.id, controller);
    return controller;
  }

  async existing(nodeId?: string): Promise<readonly string[]> {
    return [...(await this.engine.list(nodeId)).keys()];
  }

  async discard(taskId: string): Promise<void> {
    const id = (await this.engine.list()).get(taskId);
    if (id !== undefined)
      await this.engine.maybe((docker) => docker.getContainer(id).remove({ force: true, v: true }));
    await this.files.remove(taskId);
    await this.options.logs.drop(taskId);
  }

  /** Lets go of every task; what runs goes on. */
  close(): void {
    for (const controller of [...this.controllers.values()]) controller.close();
  }
}

interface EngineInfo {
  readonly Architecture: string;
  readonly OSType: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly ServerVersion: string;
  readonly Labels?: readonly string[] | null;
  readonly Plugins?: {
    readonly Log?: readonly string[] | null;
    readonly Network?: readonly string[] | null;
    readonly Volume?: readonly string[] | null;
  };
}

const pair = (text: string): readonly [string, string] => {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
};
