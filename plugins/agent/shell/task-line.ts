import type { TaskController } from '@swarmkit/sdk/contracts/executor';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
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

export interface TaskLineOptions {
  readonly clock: Clock;
  /** Throws where no executor takes the task. */
  controllerFor(task: Task): TaskController;
  /** A new status, in order; awaited only where it is the last one of the task. */
  onStatus(taskId: string, status: TaskStatus): Promise<void>;
  onFault(error: unknown): void;
}

const retryMs = 1_000;

/**
 * Drives one task: asks the core for the next step, does it, writes down where that led. One verb at a
 * time; a higher desired state aborts the verb that is running and is then looked at.
 */
export class TaskLine {
  private current: Task;
  private status: TaskStatus;
  private controller: TaskController | undefined;
  private verb = new AbortController();
  private changed: (() => void) | undefined;
  private closing = false;
  private finished: Promise<void> = Promise.resolve();

  constructor(
    task: Task,
    status: TaskStatus | undefined,
    private readonly options: TaskLineOptions,
  ) {
    this.current = task;
    this.status = status ?? task.status ?? TaskStatus.create({ state: TaskState.ASSIGNED });
  }

  get task(): Task {
    return this.current;
  }

  get lastStatus(): TaskStatus {
    return this.status;
  }

  start(): void {
    this.finished = this.run().catch((error) => this.options.onFault(error));
  }

  /** The assigned task as the manager has it now. */
  update(task: Task): void {
    const desiredState = higherDesired(this.current.desiredState, task.desiredState);
    const more = desiredState > this.current.desiredState;
    this.current = { ...task, desiredState };
    if (more) this.verb.abort();
    this.wake();
  }

  /** Stops driving and leaves what runs alone. */
  async close(): Promise<void> {
    this.closing = true;
    this.verb.abort();
    this.wake();
    await this.finished;
    this.controller?.close();
  }

  /** Stops driving and removes everything that the task had here, trying until it is gone or `signal` aborts. */
  async remove(signal: AbortSignal): Promise<void> {
    this.closing = true;
    this.verb.abort();
    this.wake();
    await this.finished;
    while (!signal.aborted)
      try {
        const controller = this.controller ?? this.options.controllerFor(this.current);
        this.controller = controller;
        await controller.remove(signal);
        controller.close();
        return;
      } catch (error) {
        if (signal.aborted) return;
        // A task that no executor takes has nothing here.
        if (this.controller === undefined) return;
        this.options.onFault(error);
        await delay(this.options.clock, retryMs, signal);
      }
  }

  private async run(): Promise<void> {
    while (!this.closing) {
      this.verb = new AbortController();
      const step = nextStep(this.current.desiredState, this.status.state);
      if (step.kind === 'wait') await this.untilChanged();
      else if (step.kind === 'move')
        await this.reach({ state: step.to, message: step.message, err: '', retry: false });
      else await this.call(step.verb);
    }
  }

  private async call(verb: Verb): Promise<void> {
    const { signal } = this.verb;
    let controller: TaskController;
    try {
      controller = this.resolve();
    } catch (error) {
      await this.reach(withoutController(this.status, error));
      return;
    }
    let outcome: Outcome;
    try {
      outcome = { kind: 'done', ...(await perform(controller, verb, signal)) };
    } catch (error) {
      outcome = { kind: 'failed', error };
    }
    // An aborted verb says nothing: what is wanted now is looked at again.
    if (outcome.kind === 'failed' && signal.aborted) return;
    const verdict = afterVerb(verb, this.status, outcome);
    await this.reach(verdict, controller);
    if (verdict.retry) await delay(this.options.clock, retryMs, signal);
  }

  private resolve(): TaskController {
    this.controller ??= this.options.controllerFor(this.current);
    return this.controller;
  }

  private async reach(verdict: Verdict, controller?: TaskController): Promise<void> {
    const before = this.status;
    if (verdict.state < before.state)
      throw new SwarmError(
        'internal',
        'AGENT_STATE_WENT_BACK',
        `task ${this.current.id} would go back from ${before.state} to ${verdict.state}`,
      );
    if (
      verdict.state === before.state &&
      verdict.err === before.err &&
      verdict.message === before.message
    )
      return;
    this.status = {
      ...before,
      state: verdict.state,
      message: verdict.message,
      err: verdict.err,
      timestamp: timestampFromMs(this.options.clock.now()),
      appliedBy: '',
      appliedAt: undefined,
      ...(await this.runtimeStatus(verdict, controller)),
    };
    const written = this.options.onStatus(this.current.id, this.status);
    // Only an end has to be on disk before it is told: everything else is found again in the runtime.
    if (verdict.state >= TaskState.COMPLETE) await written;
    else written.catch((error) => this.options.onFault(error));
  }

  /** Container and ports as of now, from STARTING on; what was known before where the runtime cannot tell. */
  private async runtimeStatus(
    verdict: Verdict,
    controller: TaskController | undefined,
  ): Promise<Partial<TaskStatus>> {
    if (controller === undefined || verdict.state < TaskState.RUNNING) return {};
    try {
      const container = await controller.containerStatus();
      const ports = await controller.portStatus();
      return {
        ...(container === undefined
          ? {}
          : {
              runtimeStatus: {
                $case: 'container',
                value: { ...container, exitCode: verdict.exitCode || container.exitCode },
              },
            }),
        ...(ports === undefined ? {} : { portStatus: ports }),
      };
    } catch {
      return {};
    }
  }

  private wake(): void {
    this.changed?.();
  }

  private untilChanged(): Promise<void> {
    const { current } = this;
    return new Promise((resolve) => {
      this.changed = () => {
        this.changed = undefined;
        resolve();
      };
      if (this.closing || this.current !== current) this.changed();
    });
  }
}

async function perform(
  controller: TaskController,
  verb: Verb,
  signal: AbortSignal,
): Promise<{ readonly exit?: Awaited<ReturnType<TaskController['wait']>> }> {
  switch (verb) {
    case 'prepare':
      await controller.prepare(signal);
      return {};
    case 'start':
      await controller.start(signal);
      return {};
    case 'shutdown':
      await controller.shutdown(signal);
      return {};
    case 'wait':
      return { exit: await controller.wait(signal) };
  }
}
