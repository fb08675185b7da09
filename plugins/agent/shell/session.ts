import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { DispatcherService, type SessionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AssignmentChain, type AssignmentPlan } from '../core/assignment-set.js';
import type { LogPublisher } from './log-publisher.js';
import type { Reporter } from './reporter.js';

/**
 * One session with one manager: registration, then heartbeats, session messages, assignments and
 * reports side by side. The first of them to fail ends all; the caller begins the next session.
 */

export interface SessionParts {
  readonly clock: Clock;
  readonly connection: RpcConnection;
  readonly reporter: Reporter;
  /** Undefined where this node keeps no output of tasks. */
  readonly logs: LogPublisher | undefined;
  readonly description: NodeDescription;
  /** Of the session before; empty at first. The manager may let it go on. */
  readonly sessionId: string;
  onRegistered(sessionId: string): void;
  onMessage(message: SessionMessage): void;
  onAssignments(plan: AssignmentPlan): void;
}

/** For an answer to a heartbeat or a registration. */
const answerMs = 5_000;
const defaultPeriodMs = 5_000;
/** Whatever a manager says: no heartbeat without a pause, and none that is not due this day. */
const shortestPeriodMs = 100;
const longestPeriodMs = 24 * 60 * 60 * 1_000;

/** Ends by throwing why; returns when `stop` aborts. */
export async function runSession(parts: SessionParts, stop: AbortSignal): Promise<void> {
  const end = new AbortController();
  const signal = AbortSignal.any([stop, end.signal]);
  const { connection, description, sessionId } = parts;
  const messages = connection
    .serverStream(DispatcherService.session, { description, sessionId }, { signal })
    [Symbol.asyncIterator]();
  const works: Promise<void>[] = [];
  try {
    const first = await registration(messages.next(), parts.clock, signal);
    parts.onRegistered(first.sessionId);
    parts.onMessage(first);
    const session = new Session(parts, first.sessionId, signal);
    // A further stream beside these is one more line.
    works.push(
      session.messages(messages),
      session.heartbeats(),
      session.assignments(),
      session.reports(),
    );
    if (parts.logs !== undefined) works.push(parts.logs.serve(connection, signal));
    await Promise.race(works);
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    end.abort();
    await Promise.allSettled(works);
    await messages.return?.().catch(() => undefined);
  }
}

class Session {
  constructor(
    private readonly parts: SessionParts,
    private readonly sessionId: string,
    private readonly signal: AbortSignal,
  ) {}

  async messages(messages: AsyncIterator<SessionMessage>): Promise<void> {
    for (;;) {
      const { done, value } = await messages.next();
      if (done) throw ended('session');
      this.parts.onMessage(value);
    }
  }

  /** The period is the manager's to say, with each answer. */
  async heartbeats(): Promise<void> {
    const { clock, connection } = this.parts;
    while (!this.signal.aborted) {
      const { period } = await connection.unary(
        DispatcherService.heartbeat,
        { sessionId: this.sessionId },
        { timeoutMs: answerMs, signal: this.signal },
      );
      const periodMs = durationToMs(period) || defaultPeriodMs;
      await delay(
        clock,
        Math.min(Math.max(periodMs, shortestPeriodMs), longestPeriodMs),
        this.signal,
      );
    }
  }

  /**
   * A message that does not follow on the one before means that one was lost: everything is asked for
   * again. A manager that cannot even begin a stream is asked no more in this session.
   */
  async assignments(): Promise<void> {
    for (;;) {
      let plans = 0;
      const chain = new AssignmentChain();
      const stream = this.parts.connection.serverStream(
        DispatcherService.assignments,
        { sessionId: this.sessionId },
        { signal: this.signal },
      );
      let gap = false;
      for await (const message of stream) {
        const plan = chain.accept(message);
        gap = plan === 'gap';
        if (plan === 'gap') break;
        plans++;
        this.parts.onAssignments(plan);
        await this.unpublish(plan);
      }
      if (!gap || plans === 0) throw ended('assignments');
    }
  }

  async reports(): Promise<void> {
    const { connection, reporter } = this.parts;
    await reporter.serve(async (reports) => {
      await connection.unary(
        DispatcherService.updateTaskStatus,
        {
          sessionId: this.sessionId,
          updates: reports.map(([taskId, status]) => ({ taskId, status })),
        },
        { signal: this.signal },
      );
    }, this.signal);
  }

  /** No executor takes cluster volumes yet, so a volume that is taken back is not in use here. */
  private async unpublish({ volumes }: AssignmentPlan): Promise<void> {
    if (volumes.remove.length === 0) return;
    await this.parts.connection.unary(
      DispatcherService.updateVolumeStatus,
      {
        sessionId: this.sessionId,
        updates: volumes.remove.map((id) => ({ id, unpublished: true })),
      },
      { timeoutMs: answerMs, signal: this.signal },
    );
  }
}

async function registration(
  answer: Promise<IteratorResult<SessionMessage>>,
  clock: Clock,
  signal: AbortSignal,
): Promise<SessionMessage> {
  const answered = new AbortController();
  const late = async (): Promise<never> => {
    await delay(clock, answerMs, AbortSignal.any([answered.signal, signal]));
    throw new SwarmError(
      'deadline-exceeded',
      'AGENT_REGISTRATION',
      `the manager did not answer the registration within ${answerMs / 1000} s`,
    );
  };
  try {
    const { done, value } = await Promise.race([answer, late()]);
    if (done) throw ended('session');
    return value;
  } finally {
    answered.abort();
    answer.catch(() => undefined);
  }
}

const ended = (stream: string): SwarmError =>
  new SwarmError('unavailable', 'AGENT_STREAM_ENDED', `the manager ended the ${stream} stream`);
