import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  AssignmentsRequest,
  DispatcherService,
  HeartbeatRequest,
  type SessionMessage,
  SessionRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { NodeDescription } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AssignmentChain, type AssignmentPlan } from '../core/assignment-set.js';
import type { Reporter } from './reporter.js';

export interface SessionOptions {
  readonly clock: Clock;
  readonly connection: RpcConnection;
  readonly reporter: Reporter;
  describe(): Promise<NodeDescription>;
  /** The first message was taken: this node is registered. */
  onRegistered(sessionId: string): void;
  onMessage(message: SessionMessage): void;
  onAssignments(plan: AssignmentPlan): void;
}

const rpcTimeoutMs = 5_000;
const describeMs = 20_000;

/** One registration with one manager. Runs until something of it fails or `signal` aborts. */
export async function runSession(
  options: SessionOptions,
  previousId: string,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const all = AbortSignal.any([signal, over.signal]);
  const { connection, clock } = options;
  const description = await options.describe();
  const messages = connection
    .serverStream(
      DispatcherService.session,
      SessionRequest.create({ description, sessionId: previousId }),
      { signal: all },
    )
    [Symbol.asyncIterator]();
  try {
    const first = await withinTime(clock, messages.next());
    if (first.done) throw ended('session');
    const { sessionId } = first.value;
    options.onRegistered(sessionId);
    options.onMessage(first.value);
    await Promise.race([
      heartbeats(options, sessionId, all),
      assignments(options, sessionId, all),
      listen(options, messages),
      options.reporter.deliver(connection, sessionId, all),
      watchDescription(options, description, all),
    ]);
  } finally {
    over.abort();
  }
}

async function heartbeats(
  { clock, connection }: SessionOptions,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { period } = await connection.unary(
      DispatcherService.heartbeat,
      HeartbeatRequest.create({ sessionId }),
      { signal, timeoutMs: rpcTimeoutMs },
    );
    await delay(clock, durationToMs(period) ?? rpcTimeoutMs, signal);
  }
}

/** Opens the stream again after a gap; every stream begins with everything. */
async function assignments(
  { connection, onAssignments }: SessionOptions,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const stream = new AbortController();
    const either = AbortSignal.any([signal, stream.signal]);
    const chain = new AssignmentChain();
    let gap = false;
    for await (const message of connection.serverStream(
      DispatcherService.assignments,
      AssignmentsRequest.create({ sessionId }),
      { signal: either },
    )) {
      const plan = chain.accept(message);
      if (plan === 'gap') {
        gap = true;
        break;
      }
      onAssignments(plan);
    }
    stream.abort();
    if (!gap) throw ended('assignments');
  }
}

async function listen(
  { onMessage }: SessionOptions,
  messages: AsyncIterator<SessionMessage>,
): Promise<void> {
  for (let next = await messages.next(); !next.done; next = await messages.next())
    onMessage(next.value);
  throw ended('session');
}

/** A machine that changed (a label, its memory, its certificate's issuer) registers anew. */
async function watchDescription(
  { clock, describe }: SessionOptions,
  told: NodeDescription,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await delay(clock, describeMs, signal);
    if (signal.aborted) return;
    const now = await describe().catch(() => told);
    if (!wireEqual(now, told))
      throw new SwarmError(
        'aborted',
        'AGENT_CHANGED',
        'this node describes itself differently now',
      );
  }
}

async function withinTime<T>(clock: Clock, answer: Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(rpcTimeoutMs, () =>
      reject(
        new SwarmError(
          'deadline-exceeded',
          'AGENT_NO_ANSWER',
          'the manager did not answer in time',
        ),
      ),
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    cancel();
  }
}

const ended = (what: string): SwarmError =>
  new SwarmError('unavailable', 'AGENT_STREAM_ENDED', `the manager ended the ${what} stream`);
