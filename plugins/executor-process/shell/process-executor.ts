import { mkdirSync } from 'node:fs';
import { availableParallelism, machine, totalmem } from 'node:os';
import type {
  Dependencies,
  Executor,
  ExecutorEvent,
  TaskController,
} from '@swarmkit/sdk/contracts/executor';
import type { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Channel } from '@swarmkit/sdk/plugin/plugin';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Observable } from 'rxjs';
import { DependencyFiles } from '@swarmkit/sdk/executor/dependency-files';
import { isProcessTask, processSpec, type ProcessSpec } from '../core/process-spec.js';
import { ProcessController } from './process-controller.js';
import { tasksIn } from './task-folder.js';

export interface ProcessExecutorOptions {
  /** Holds one folder a task. */
  readonly dir: string;
  /** Secrets and configs; on a tmpfs. */
  readonly memoryDir?: string | undefined;
  readonly clock: Clock;
  readonly logs: TaskLogs;
  readonly events: Channel<ExecutorEvent>;
}

/** Runs tasks as plain child processes. No isolation of any kind. */
export class ProcessExecutor implements Executor {
  readonly id = 'process';
  readonly events$: Observable<ExecutorEvent>;
  private readonly controllers = new Set<ProcessController>();
  private readonly files: DependencyFiles;

  constructor(private readonly options: ProcessExecutorOptions) {
    this.events$ = options.events.facts$;
    this.files = new DependencyFiles(options.memoryDir, 'process', 'this-user');
    mkdirSync(options.dir, { recursive: true, mode: 0o711 });
  }

  accepts(task: Task): boolean {
    return isProcessTask(task);
  }

  async describe(): Promise<NodeDescription> {
    return NodeDescription.fromPartial({
      platform: { architecture: machine(), os: 'linux' },
      resources: {
        nanoCpus: BigInt(availableParallelism()) * 1_000_000_000n,
        memoryBytes: BigInt(totalmem()),
      },
      engine: { engineVersion: 'process', labels: {}, plugins: [] },
    });
  }

  controller(task: Task, dependencies: Dependencies): TaskController {
    return this.control(task, processSpec(task), dependencies);
  }

  async existing(): Promise<readonly string[]> {
    return tasksIn(this.options.dir);
  }

  async discard(taskId: string): Promise<void> {
    const controller = this.control({ id: taskId } as Task, unknownSpec, nothing);
    await controller.remove(new AbortController().signal);
    controller.close();
  }

  /** Lets go of every task; what runs goes on. */
  close(): void {
    for (const controller of this.controllers) controller.close();
  }

  private control(task: Task, spec: ProcessSpec, dependencies: Dependencies): ProcessController {
    const controller: ProcessController = new ProcessController(task, spec, {
      dir: this.options.dir,
      files: this.files,
      dependencies,
      clock: this.options.clock,
      logs: this.options.logs,
      onExit: (taskId) => this.options.events.publish({ what: 'exited', taskId }),
      onClose: () => this.controllers.delete(controller),
    });
    this.controllers.add(controller);
    return controller;
  }
}

const nothing: Dependencies = { secret: () => undefined, config: () => undefined };

/** Enough to stop and remove a task whose spec nobody has any more. */
const unknownSpec: ProcessSpec = {
  argv: [],
  env: {},
  dir: '/',
  user: '',
  stopSignal: 'SIGKILL',
  stopGraceMs: 0,
  memoryBytes: 0n,
  nanoCpus: 0n,
  pidsLimit: 0n,
};
