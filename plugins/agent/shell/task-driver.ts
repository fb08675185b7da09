import type { Dependencies, TaskController } from '@swarmkit/sdk/contracts/executor';
import { drainDelayMs, taskName } from '@swarmkit/sdk/model/task';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { invariant, isRetryable, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import {
  afterVerb,
  higherDesired,
  nextStep,
  type Outcome,
  type Verb,
  type Verdict,
  withoutController,
} from '../core/task-line.js';
import type { ExecutorSet } from './executors.js';
import { isArrival, type Reporter } from './reporter.js';
import type { TaskDatabase } from './task-database.js';
import type { VerbSlots } from './verb-slots.js';
import { Wakeup } from './wakeup.js';

/**
 * Drives one task along core/task-line: calls the controller, writes down and reports what came of it.
 * Verbs of one task never overlap. Only what is wanted next may cut a verb short: a stop aborts prepare,
 * start and wait; any other change waits for prepare and start to end.
 */

export interface DriverParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly executors: ExecutorSet;
  readonly database: TaskDatabase;
  readonly reporter: Reporter;
  readonly slots: VerbSlots;
  readonly dependencies: Dependencies;
  /** Resolves when this node was told all secrets and configs of its tasks. */
  readonly dependenciesKnown: Promise<void>;
}

const retryMs = 1_000;
const removeRetryMs = 1_000;
const removeRetryCapMs = 60_000;

const { STARTING, RUNNING, COMPLETE, SHUTDOWN } = TaskState;

export class TaskDriver {
  private status: TaskStatus;
  private told: TaskStatus | undefined;
  private controller: TaskController | undefined;
  /** The controller was not told of the latest `task` yet. */
  private stale = false;
  private verb: { readonly name: Verb; readonly abort: AbortController } | undefined;
  private end: 'leave' | 'close' | undefined;
  private readonly wakeup: Wakeup;
  private readonly closing = new AbortController();

  /** `task.status` is where it goes on from. */
  constructor(
    private task: Task,
    private readonly parts: DriverParts,
  ) {
    this.status = { ...(task.status ?? TaskStatus.create()), appliedBy: '', appliedAt: undefined };
    this.wakeup = new Wakeup(parts.clock);
  }

  get state(): TaskState {
    return this.status.state;
  }

  get assigned(): Task {
    return this.task;
  }

  /** Tells the manager again how far the task is. */
  reportAgain(): void {
    if (this.told !== undefined && this.end === undefined)
      this.parts.reporter.add(this.task.id, this.told, true);
  }

  /** The manager's word on the task: what is wanted. Its status is our own to say. */
  update(assigned: Task): void {
    if (this.end !== undefined) return;
    // What the manager has buried is not kept alive, whatever else it says.
    const buried = (assigned.status?.state ?? 0) >= COMPLETE && this.status.state < COMPLETE;
    const wanted = buried ? higherDesired(SHUTDOWN, assigned.desiredState) : assigned.desiredState;
    const desiredState = higherDesired(this.task.desiredState, wanted);
    const next: Task = { ...assigned, desiredState };
    if (wireEqual(withoutStatus(next), withoutStatus(this.task))) return;
    this.task = next;
    this.stale = true;
    this.parts.database.data(next);
    const running = this.verb?.name;
    if (running === 'wait' || (desiredState >= SHUTDOWN && running !== 'shutdown'))
      this.verb?.abort.abort();
    this.wakeup.wake();
  }

  /** The runtime is back: what waits for its next try need not wait longer. */
  async recovered(): Promise<void> {
    this.wakeup.wake();
    if (this.status.state === RUNNING && this.status.err !== '') await this.become({ err: '' });
  }

  /** The task is no longer this node's: `run` removes what it holds and ends. */
  leave(): void {
    if (this.end !== undefined) return;
    this.end = 'leave';
    this.parts.database.unassign(this.task.id);
    this.parts.reporter.forget(this.task.id);
    if (this.verb?.name !== 'shutdown') this.verb?.abort.abort();
    this.wakeup.wake();
  }

  /** Lets go of the task; what runs goes on. `run` ends. */
  close(): void {
    this.end = 'close';
    this.closing.abort();
    this.verb?.abort.abort();
    this.wakeup.wake();
  }

  /** Resolves after `leave` or `close`. Rejects only with a broken invariant. */
  async run(): Promise<void> {
    try {
      this.tell();
      while (this.end === undefined) await this.step();
      if (this.end === 'leave') await this.remove();
    } finally {
      this.controller?.close();
    }
  }

  private async step(): Promise<void> {
    const step = nextStep(this.task.desiredState, this.status.state, this.drainLeftMs());
    if (step.kind === 'wait') return this.wakeup.wait();
    const controller = await this.control();
    if (controller === undefined) return;
    if (step.kind === 'move')
      return this.become({ state: step.to, message: step.message, err: '' });
    if (step.kind === 'drain') return this.drain(controller, step.forMs);
    await this.call(controller, step.verb);
  }

  /** All of its delay until the drain has begun; also after a restart of the agent, and whatever the clock did. */
  private drainLeftMs(): number {
    const delay = drainDelayMs(this.task);
    const until = timestampToMs(this.status.drainUntil);
    if (delay === 0 || until === undefined) return delay;
    return Math.min(delay, Math.max(0, until - this.parts.clock.now()));
  }

  private async drain(controller: TaskController, forMs: number): Promise<void> {
    if (this.status.drainUntil === undefined)
      await this.become({
        message: 'draining',
        err: '',
        drainUntil: timestampFromMs(this.parts.clock.now() + forMs),
      });
    await this.call(controller, 'wait', forMs);
  }

  /** The controller, told of the latest task; undefined when there is none to be had. */
  private async control(): Promise<TaskController | undefined> {
    try {
      if (this.controller === undefined) this.controller = this.makeController();
      else if (this.stale) {
        const { task } = this;
        await this.controller.update(task);
        this.stale = task !== this.task;
      }
      return this.controller;
    } catch (error) {
      await this.settle(
        this.controller === undefined
          ? withoutController(this.status, error)
          : afterVerb('prepare', this.status, { kind: 'failed', error }),
      );
      return undefined;
    }
  }

  /** No longer than `forMs`, where that is given. */
  private async call(controller: TaskController, name: Verb, forMs?: number): Promise<void> {
    const abort = new AbortController();
    this.verb = { name, abort };
    const cancel =
      forMs === undefined ? undefined : this.parts.clock.after(forMs, () => abort.abort());
    let outcome: Outcome;
    try {
      const exit = await this.perform(controller, name, abort.signal);
      outcome = exit === undefined ? { kind: 'done' } : { kind: 'done', exit };
    } catch (error) {
      outcome = { kind: 'failed', error };
    } finally {
      cancel?.();
    }
    this.verb = undefined;
    // Cut short by ourselves: nothing was learned about the task. An end that came first still counts.
    if (abort.signal.aborted && outcome.kind === 'failed') return;
    await this.settle(afterVerb(name, this.status, outcome, this.task.restartBackoff));
  }

  private async perform(controller: TaskController, verb: Verb, signal: AbortSignal) {
    const { slots, dependenciesKnown } = this.parts;
    switch (verb) {
      case 'prepare':
      case 'start':
        if (needsDependencies(this.task)) await unlessAborted(dependenciesKnown, signal);
        await slots.run(verb, signal, () => controller[verb](signal));
        return undefined;
      case 'wait':
        return controller.wait(signal);
      case 'shutdown':
        return controller.shutdown(signal).then(() => undefined);
    }
  }

  private async settle(verdict: Verdict): Promise<void> {
    const { state, message, err, retry } = verdict;
    await this.become({ state, message, err, ...(retry ? {} : await this.runtimeStatus(verdict)) });
    if (retry) await this.wakeup.wait(retryMs);
  }

  /** Container and ports as of now; what cannot be told stays as it was. */
  private async runtimeStatus(verdict: Verdict): Promise<Partial<TaskStatus>> {
    const { controller } = this;
    if (controller === undefined) return {};
    const [container, portStatus] = await Promise.all([
      controller.containerStatus().catch(() => undefined),
      controller.portStatus().catch(() => undefined),
    ]);
    const value = container ?? this.status.runtimeStatus?.value;
    if (value === undefined) return {};
    const exitCode = verdict.exitCode || value.exitCode;
    return {
      runtimeStatus: { $case: 'container', value: { ...value, exitCode } },
      portStatus: container === undefined ? this.status.portStatus : portStatus,
    };
  }

  private async become(change: Partial<TaskStatus>): Promise<void> {
    const before = this.status;
    const next: TaskStatus = { ...before, ...change };
    if (wireEqual(next, before)) return;
    invariant(next.state >= before.state, 'AGENT_STATE_BACK', {
      task: this.task.id,
      from: TaskState[before.state],
      to: TaskState[next.state],
    });
    this.status = { ...next, timestamp: timestampFromMs(this.parts.clock.now()) };
    const saved = this.parts.database.status(this.task.id, this.status);
    if (next.state >= COMPLETE) {
      this.logEnd();
      await saved;
    }
    this.tell();
  }

  private tell(): void {
    if (this.end !== undefined) return;
    const { state } = this.status;
    // Up to here it is the managers' word.
    if (state <= TaskState.ASSIGNED) return;
    this.told = this.status;
    this.parts.reporter.add(this.task.id, this.status, isArrival(state, this.task.desiredState));
  }

  private async remove(): Promise<void> {
    const { database, log } = this.parts;
    const signal = this.closing.signal;
    for (let waitMs = removeRetryMs; ; waitMs = Math.min(2 * waitMs, removeRetryCapMs)) {
      try {
        const controller = await this.leaving();
        const mayRun = this.status.state >= STARTING && this.status.state <= RUNNING;
        if (mayRun) await controller?.shutdown(signal);
        await controller?.remove(signal);
        break;
      } catch (error) {
        if (signal.aborted) return;
        log.warn(
          { err: error, task: this.task.id },
          `${this.name} is not removed yet: ${messageOf(error)}`,
        );
        await this.wakeup.wait(waitMs);
        if (signal.aborted) return;
      }
    }
    await database.forget(this.task.id);
  }

  /** A task that no executor takes holds nothing. */
  private async leaving(): Promise<TaskController | undefined> {
    try {
      this.controller ??= this.makeController();
    } catch (error) {
      if (isRetryable(error)) throw error;
    }
    return this.controller;
  }

  private makeController(): TaskController {
    const { executors, dependencies } = this.parts;
    this.stale = false;
    return executors.controller(this.task, dependencies);
  }

  private logEnd(): void {
    const { state, err } = this.status;
    const { log } = this.parts;
    const fields = { task: this.task.id, state: TaskState[state] };
    if (err === '') log.debug(fields, `${this.name} ended`);
    else log.info(fields, `${this.name} ended: ${err}`);
  }

  private get name(): string {
    return `task ${taskName(this.task)}`;
  }
}

const withoutStatus = (task: Task): Task => ({ ...task, status: undefined, meta: undefined });

function needsDependencies({ spec }: Task): boolean {
  const runtime = spec?.runtime;
  if ((spec?.resourceReferences.length ?? 0) > 0) return true;
  return (
    runtime?.$case === 'container' &&
    runtime.value.secrets.length + runtime.value.configs.length > 0
  );
}

function unlessAborted(fact: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    void fact.then(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
  });
}
