import type { Dependencies, Executor } from '@swarmkit/sdk/contracts/executor';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, type TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AssignmentPlan, Changes } from '../core/assignment-set.js';
import type { TaskDatabase } from './task-database.js';
import { TaskLine } from './task-line.js';

export interface WorkerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeId: string;
  readonly executors: readonly Executor[];
  readonly database: TaskDatabase;
  /** Every new status, on its way to a manager. */
  report(taskId: string, status: TaskStatus): void;
  run(where: string, work: () => Promise<void>): void;
}

/**
 * The tasks of this node. Survives sessions: what runs goes on while no manager can be reached, and
 * after a restart it takes up what it finds in its database and in the runtime, restarting nothing.
 */
export class Worker {
  private readonly lines = new Map<string, TaskLine>();
  /** Tasks that were taken back and are being removed. */
  private readonly leaving = new Map<string, Promise<void>>();
  /** In memory only. */
  private readonly secrets = new Map<string, Secret>();
  private readonly configs = new Map<string, Config>();
  private readonly stopping = new AbortController();
  private swept = false;

  constructor(private readonly options: WorkerOptions) {}

  /** Takes up the tasks of the database. */
  async start(): Promise<void> {
    for (const { task, status } of await this.options.database.load()) this.drive(task, status);
  }

  /** Lets go of everything without touching what runs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all([...this.lines.values()].map((line) => line.close()));
    await Promise.all(this.leaving.values());
  }

  /** For a manager that knows nothing yet: all that is known here. */
  statuses(): readonly (readonly [taskId: string, status: TaskStatus])[] {
    return [...this.lines].map(([id, line]) => [id, line.lastStatus] as const);
  }

  apply(plan: AssignmentPlan): void {
    keep(this.secrets, plan.secrets, plan.complete);
    keep(this.configs, plan.configs, plan.complete);
    for (const task of plan.tasks.put) this.assign(task);
    const removed = plan.complete
      ? [...this.lines.keys()].filter((id) => !plan.tasks.put.some((task) => task.id === id))
      : plan.tasks.remove;
    for (const id of removed) this.release(id);
    if (plan.complete && !this.swept) this.options.run('sweep', () => this.sweep());
  }

  private assign(task: Task): void {
    const known = this.lines.get(task.id);
    if (known !== undefined) known.update(task);
    else if (this.leaving.has(task.id)) return;
    else this.drive(task, undefined);
    this.save(this.options.database.putTask(task));
  }

  private drive(task: Task, status: TaskStatus | undefined): void {
    const { clock, database, log } = this.options;
    const line = new TaskLine(task, status, {
      clock,
      controllerFor: (one) => this.executorOf(one).controller(one, this.dependencies()),
      onStatus: async (id, next) => {
        const written = database.putStatus(id, next);
        // An end is told once it is on disk; the rest at once.
        if (isEnd(next)) await written;
        this.options.report(id, next);
        await written;
      },
      onFault: (error) => log.warn({ task: task.id, err: error }, 'task could not be driven'),
    });
    this.lines.set(task.id, line);
    line.start();
  }

  private release(id: string): void {
    const line = this.lines.get(id);
    if (line === undefined) return;
    this.lines.delete(id);
    const gone = line
      .remove(this.stopping.signal)
      .then(() => (this.stopping.signal.aborted ? undefined : this.options.database.remove(id)))
      .finally(() => this.leaving.delete(id));
    this.leaving.set(id, gone);
    this.options.run('remove', () => gone);
  }

  /** Removes what the runtimes hold of tasks that nobody assigns to this node any more. Once a start. */
  private async sweep(): Promise<void> {
    this.swept = true;
    for (const executor of this.options.executors)
      try {
        for (const id of await executor.existing(this.options.nodeId))
          if (!this.lines.has(id) && !this.leaving.has(id)) {
            this.options.log.info(
              { task: id },
              'removing what is left of a task that is not assigned here',
            );
            await executor.discard(id);
          }
      } catch (error) {
        // The runtime is not there: the next complete assignment tries again.
        this.swept = false;
        this.options.log.warn({ err: error }, `${executor.id} cannot list what it holds`);
      }
  }

  private executorOf(task: Task): Executor {
    const found = this.options.executors.find((executor) => executor.accepts(task));
    if (found === undefined)
      throw new SwarmError('unimplemented', 'AGENT_NO_EXECUTOR', 'exec: unsupported runtime');
    return found;
  }

  private dependencies(): Dependencies {
    return { secret: (id) => this.secrets.get(id), config: (id) => this.configs.get(id) };
  }

  private save(written: Promise<void>): void {
    // A full disk must not stop tasks: what is not written is assigned again after a restart.
    written.catch((error) =>
      this.options.log.warn({ err: error }, 'the task database cannot be written'),
    );
  }
}

const isEnd = (status: TaskStatus): boolean => status.state >= TaskState.COMPLETE;

function keep<T extends { readonly id: string }>(
  into: Map<string, T>,
  changes: Changes<T>,
  complete: boolean,
): void {
  if (complete) into.clear();
  for (const item of changes.put) into.set(item.id, item);
  for (const id of changes.remove) into.delete(id);
}
