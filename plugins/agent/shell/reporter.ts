import { setImmediate } from 'node:timers/promises';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { TaskState, type TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { PendingReports } from '../core/pending-reports.js';
import { Wakeup } from './wakeup.js';

/**
 * Brings statuses to the manager: one call at a time with all that wait, the next when it was answered
 * (the dispatcher answers when the statuses are committed). A status is kept until it was taken.
 * Arrivals (RUNNING, READY where the task is to rest, every end) go at once; steps on the way may wait
 * a moment, since the next one mostly comes before anybody looks.
 */

export type Report = readonly [taskId: string, status: TaskStatus];
export type SendReports = (reports: readonly Report[]) => Promise<void>;

/** How long a step on the way may wait. SwarmKit's dispatcher writes every 100 ms. */
const stepMs = 100;
const fullRetryMs = 1_000;
/** Reports in one call: far below the 4 MiB of a message. */
const batchSize = 1_000;

export class Reporter {
  private readonly pending = new PendingReports();
  private readonly wakeup: Wakeup;
  private urgent = false;

  constructor(private readonly clock: Clock) {
    this.wakeup = new Wakeup(clock);
  }

  add(taskId: string, status: TaskStatus, arrived: boolean): void {
    this.pending.add(taskId, status);
    if (arrived) this.urgent = true;
    this.wakeup.wake();
  }

  forget(taskId: string): void {
    this.pending.forget(taskId);
  }

  /** Delivers until `signal` aborts; throws when the session is of no use any more. */
  async serve(send: SendReports, signal: AbortSignal): Promise<void> {
    const stop = (): void => this.wakeup.wake();
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        if (this.pending.size === 0) {
          await this.wakeup.wait();
          continue;
        }
        if (!this.urgent) await this.gather(signal);
        // What arrives in the same turn of the event loop travels in the same call.
        await setImmediate();
        this.urgent = false;
        if (!signal.aborted) await this.deliver(send, this.pending.take(batchSize), signal);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Lets steps collect for a while; the first arrival ends it. */
  private async gather(signal: AbortSignal): Promise<void> {
    const until = this.clock.monotonic() + stepMs;
    while (!this.urgent && !signal.aborted) {
      const left = until - this.clock.monotonic();
      if (left <= 0) return;
      await this.wakeup.wait(left);
    }
  }

  private async deliver(
    send: SendReports,
    reports: readonly Report[],
    signal: AbortSignal,
  ): Promise<void> {
    if (reports.length === 0) return;
    try {
      await send(reports);
    } catch (error) {
      const kind = isSwarmError(error) ? error.kind : 'unknown';
      // Nobody there wants to know. If it is the node that is unknown, the heartbeat will say so, and
      // everything is reported again after the next registration.
      if (kind === 'not-found') return;
      // One task of another node spoils the whole call: find it.
      if (kind === 'permission-denied') {
        if (reports.length === 1) return;
        const half = reports.length >>> 1;
        await this.deliver(send, reports.slice(0, half), signal);
        await this.deliver(send, reports.slice(half), signal);
        return;
      }
      this.pending.giveBack(reports);
      // It is full there: a new session, which reports everything again, would make it worse.
      if (kind !== 'resource-exhausted') throw error;
      await delay(this.clock, fullRetryMs, signal);
    }
  }
}

/** Whether somebody waits for this status: it is where the task was to get, or its end. */
export const isArrival = (state: TaskState, desired: TaskState): boolean =>
  state >= TaskState.RUNNING || state >= desired;
