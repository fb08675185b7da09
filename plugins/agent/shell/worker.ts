import { setMaxListeners } from 'node:events';
import type { Dependencies, Executor } from '@swarmkit/sdk/contracts/executor';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AssignmentPlan, Changes } from '../core/assignment-set.js';
import type { ExecutorSet } from './executors.js';
import type { Reporter } from './reporter.js';
import type { TaskDatabase } from './task-database.js';
import { TaskDriver } from './task-driver.js';
import type { VerbSlots } from './verb-slots.js';

/**
 * What this node has to run, and a driver for each of it. At start it goes on with what the database
 * holds (nothing that runs is touched), and when it was told everything that is assigned, whatever else
 * the runtimes hold is removed. Without a manager everything goes on as it was last wanted.
 */

export interface WorkerParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeId: string;
  readonly executors: ExecutorSet;
  readonly database: TaskDatabase;
  readonly reporter: Reporter;
  readonly slots: VerbSlots;
  run(where: string, work: () => Promise<void>): void;
}

const retryMs = 1_000;

export class Worker {
  /** What is assigned. */
  private readonly drivers = new Map<string, TaskDriver>();
  /** Those, and those that are still removing what they hold. */
  private readonly live = new Set<TaskDriver>();
  /** Drivers and removals that have not ended, by task. A new driver of the same task comes after. */
  private readonly busy = new Map<string, Promise<void>>();
  private readonly secrets = new Map<string, Secret>();
  private readonly configs = new Map<string, Config>();
  private readonly listeners = new Set<() => void>();
  private readonly stopping = new AbortController();
  private readonly told: Promise<void>;
  private toldAll: (() => void) | undefined;

  constructor(private readonly parts: WorkerParts) {
    // As many may wait to try again as there are tasks.
    setMaxListeners(0, this.stopping.signal);
    this.told = new Promise((resolve) => {
      this.toldAll = resolve;
    });
  }

  /** Goes on with the tasks of the time before. */
  async resume(): Promise<void> {
    const { database, nodeId } = this.parts;
    for (const { task, assigned } of await database.load()) {
      // A node that was given another identity has none of the old one's tasks.
      if (assigned && task.nodeId === nodeId) this.drive(task);
      else
        this.occupy(task.id, async () => {
          await this.discard(task.id, this.parts.executors.all);
          await database.forget(task.id);
        });
    }
  }

  /** What is assigned to this node. */
  get tasks(): readonly Task[] {
    return [...this.drivers.values()].map((driver) => driver.assigned);
  }

  /** Calls back when a task was added; returns how to end that. */
  onTask(heard: () => void): () => void {
    this.listeners.add(heard);
    return () => this.listeners.delete(heard);
  }

  apply(plan: AssignmentPlan): void {
    change(this.secrets, plan.secrets, plan.complete);
    change(this.configs, plan.configs, plan.complete);
    for (const task of plan.tasks.put) this.assign(task);
    for (const id of plan.tasks.remove) this.release(id);
    if (!plan.complete) return;
    const named = new Set(plan.tasks.put.map((task) => task.id));
    for (const id of this.drivers.keys()) if (!named.has(id)) this.release(id);
    if (this.toldAll === undefined) return;
    this.toldAll();
    this.toldAll = undefined;
    for (const executor of this.parts.executors.all)
      this.parts.run('leftovers', () => this.removeLeftovers(executor));
  }

  reportAll(): void {
    for (const driver of this.drivers.values()) driver.reportAgain();
  }

  /** A runtime is back. */
  recovered(): void {
    for (const driver of this.drivers.values())
      this.parts.run('recovery', () => driver.recovered());
  }

  /**
   * Shuts every task down and removes what the runtimes hold, also of tasks that nobody knows any more.
   * False when `signal` came before all was gone.
   */
  async endAll(signal: AbortSignal): Promise<boolean> {
    for (const id of this.drivers.keys()) this.release(id);
    const gone = async (): Promise<boolean> => {
      await Promise.all(this.busy.values());
      await Promise.all(this.parts.executors.all.map((one) => this.removeLeftovers(one)));
      await Promise.all(this.busy.values());
      return true;
    };
    const given = new Promise<boolean>((resolve) => {
      if (signal.aborted) resolve(false);
      else signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    return Promise.race([gone(), given]);
  }

  /** Lets go of every task; what runs goes on. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const driver of this.live) driver.close();
    await Promise.all(this.busy.values());
    this.drivers.clear();
  }

  private assign(task: Task): void {
    const driver = this.drivers.get(task.id);
    if (driver !== undefined) {
      driver.update(task);
      return;
    }
    const seeded = {
      ...task,
      status: { ...(task.status ?? noStatus), appliedBy: '', appliedAt: undefined },
    };
    this.drive(seeded, () => this.parts.database.assign(seeded));
    for (const heard of this.listeners) heard();
  }

  private release(id: string): void {
    this.drivers.get(id)?.leave();
    this.drivers.delete(id);
  }

  private drive(task: Task, begin?: () => void): void {
    const { told, parts, secrets, configs } = this;
    // A secret whose driver gives each task its own value comes under both ids.
    const dependencies: Dependencies = {
      secret: (id) => secrets.get(`${id}.${task.id}`) ?? secrets.get(id),
      config: (id) => configs.get(id),
    };
    const driver = new TaskDriver(task, { ...parts, dependencies, dependenciesKnown: told });
    this.drivers.set(task.id, driver);
    this.live.add(driver);
    this.occupy(task.id, () => {
      begin?.();
      return driver.run().finally(() => this.live.delete(driver));
    });
  }

  /** Work for a task, after what is still being done for the same id. */
  private occupy(taskId: string, work: () => Promise<void>): void {
    const before = this.busy.get(taskId);
    const run = async (): Promise<void> => {
      await before;
      await work();
    };
    const done = before === undefined ? work() : run();
    const ended = done
      .catch(() => undefined)
      .then(() => {
        if (this.busy.get(taskId) === ended) this.busy.delete(taskId);
      });
    this.busy.set(taskId, ended);
    this.parts.run(`task ${taskId}`, () => done);
  }

  /** What a crash left behind: made for a task that neither we nor the manager know any more. */
  private async removeLeftovers(executor: Executor): Promise<void> {
    const found = await this.untilDone(`${executor.id} cannot say what it holds`, () =>
      executor.existing(this.parts.nodeId),
    );
    for (const id of found ?? []) {
      if (this.drivers.has(id) || this.busy.has(id)) continue;
      this.parts.log.info(
        { task: id, executor: executor.id },
        `task ${id} is no longer assigned and is removed`,
      );
      this.occupy(id, () => this.discard(id, [executor]));
    }
  }

  private async discard(taskId: string, executors: readonly Executor[]): Promise<void> {
    await Promise.all(
      executors.map((executor) =>
        this.untilDone(`task ${taskId} is not removed yet`, () => executor.discard(taskId)),
      ),
    );
  }

  /** Tries until it works or the agent stops (undefined). */
  private async untilDone<T>(complaint: string, work: () => Promise<T>): Promise<T | undefined> {
    let said = '';
    while (!this.stopping.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (messageOf(error) !== said)
          this.parts.log.warn({ err: error }, `${complaint}: ${messageOf(error)}`);
        said = messageOf(error);
        await delay(this.parts.clock, retryMs, this.stopping.signal);
      }
    }
    return undefined;
  }
}

const noStatus = TaskStatus.create();

function change<T extends { readonly id: string }>(
  known: Map<string, T>,
  { put, remove }: Changes<T>,
  complete: boolean,
): void {
  if (complete) known.clear();
  for (const item of put) known.set(item.id, item);
  for (const id of remove) known.delete(id);
}
