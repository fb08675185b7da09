// Finds the leader for a call, and carries the call to it. Messages pass as bytes, one at a time: a slow
// reader at either end slows the other one and nobody else. It decides nothing about who may call what:
// the leader does, by the identity that is sent along.
import type { Consensus, Leadership } from '@swarmkit/sdk/contracts/consensus';
import type {
  Call,
  Forward,
  RpcClient,
  RpcConnection,
  StandInWay,
} from '@swarmkit/sdk/contracts/rpc';
import { isStaleRead } from '@swarmkit/sdk/model/stale-read';
import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthService,
} from '@swarmkit/sdk/wire/gen/swarmkit/health';
import {
  isConnectionError,
  isSelf,
  type Leader,
  leaderOf,
  NO_LEADER_MS,
  noLeader,
} from '../core/leader.js';
import { outgoingMetadata, refuseSecondHop } from '../core/metadata.js';
import { type RawMethod, rawMethod } from './raw-method.js';

/** How often a waiting call looks again, besides at each change of leadership. */
const LOOK_MS = 1_000;
/** How often a call that lost its leader asks whether the next one serves. */
const RETRY_LOOK_MS = 500;
const HEALTH_MS = 5_000;
/** How long the services of a manager that has just won may take to start, and how often to look. */
const STARTING_MS = 2_000;
const STARTING_LOOK_MS = 20;
/** What a leader that has lost may take for the answers it still owes. */
const LAST_WORDS_MS = 2_000;

type OtherLeader = Extract<Leader, { kind: 'other' }>;

/** A call on its way to a leader. */
interface Passing {
  readonly raftId: bigint;
  readonly unary: boolean;
  end(reason: Error): void;
}

export interface ProxyParts {
  readonly consensus: Consensus;
  readonly client: RpcClient;
  readonly clock: Clock;
}

export class LeaderProxy {
  private connection: { readonly address: string; readonly to: RpcConnection } | undefined;
  /** Since when no leader is known, and since when this manager leads; monotonic ms. */
  private leaderlessSince: number | undefined;
  private leadingSince: number | undefined;
  private readonly waiting = new Set<() => void>();
  private readonly passing = new Set<Passing>();
  private stopped = false;

  constructor(private readonly parts: ProxyParts) {
    this.leaderlessSince = parts.clock.monotonic();
  }

  /** To be told of every change of leadership. */
  saw({ leaderId, leading }: Leadership): void {
    const { clock } = this.parts;
    if (leaderId !== 0n) this.leaderlessSince = undefined;
    else this.leaderlessSince ??= clock.monotonic();
    if (!leading) this.leadingSince = undefined;
    else this.leadingSince ??= clock.monotonic();
    if (leaderId !== 0n) this.leave((raftId) => raftId !== leaderId);
    this.wake();
  }

  /** This manager leads: its own services answer. */
  leads(): boolean {
    const { consensus } = this.parts;
    return isSelf(consensus.leadership(), consensus.raftId);
  }

  async route(call: Call, { method, isMounted }: StandInWay): Promise<Forward | undefined> {
    if (isMounted() && isStaleRead(call)) return undefined;
    if (!this.leads()) refuseSecondHop(call);
    const leader = await this.find(call.signal, isMounted);
    if (leader === undefined) return undefined;
    refuseSecondHop(call);
    const raw = rawMethod(method);
    const unary = !method.requestStream && !method.responseStream;
    return unary
      ? (requests, send) => this.passUnary(raw, call, leader, requests, send)
      : (requests, send) => this.passStream(raw, call, leader, requests, send);
  }

  stop(): void {
    this.stopped = true;
    this.wake();
    this.connection?.to.close();
    this.connection = undefined;
  }

  private leader() {
    const { consensus } = this.parts;
    return leaderOf(consensus.leadership(), consensus.members(), consensus.raftId);
  }

  /** What an old leader still streams is out of date, and a dead one never ends anything. */
  private leave(isOld: (raftId: bigint) => boolean): void {
    for (const call of [...this.passing]) {
      if (!isOld(call.raftId)) continue;
      if (call.unary) this.parts.clock.after(LAST_WORDS_MS, () => call.end(unanswered()));
      else call.end(moved());
    }
  }

  /** Waits for a leader; undefined when it is this manager. */
  private async find(signal: AbortSignal, isMounted: () => boolean) {
    const began = this.parts.clock.monotonic();
    for (let wait = STARTING_LOOK_MS; ; wait = Math.min(2 * wait, LOOK_MS)) {
      if (this.stopped) throw stopping();
      signal.throwIfAborted();
      const leader = this.leader();
      if (leader.kind === 'other') return leader;
      if (leader.kind === 'none') {
        if (this.since(this.leaderlessSince) > NO_LEADER_MS) throw noLeader();
      } else if (leader.ready) {
        // Past that the service is not there to come, and the server says so.
        if (isMounted() || this.since(this.leadingSince) > STARTING_MS) return undefined;
      } else if (isMounted()) return undefined;
      else if (this.since(began) > NO_LEADER_MS) throw noLeader();
      await this.change(leader.kind === 'self' ? wait : LOOK_MS, signal);
    }
  }

  private since(instant: number | undefined): number {
    return instant === undefined ? 0 : this.parts.clock.monotonic() - instant;
  }

  /** Until leadership changes, at most `ms`. */
  private async change(ms: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const wake = (): void => stop.abort();
    this.waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await delay(this.parts.clock, ms, stop.signal);
    signal.removeEventListener('abort', wake);
    this.waiting.delete(wake);
  }

  private wake(): void {
    for (const wake of [...this.waiting]) wake();
  }

  /** One connection, to the leader of the moment. */
  private to(address: string): RpcConnection {
    if (this.stopped) throw stopping();
    if (this.connection?.address !== address) {
      this.connection?.to.close();
      this.connection = { address, to: this.parts.client.connect(address) };
    }
    return this.connection.to;
  }

  private async passUnary(
    method: RawMethod,
    call: Call,
    leader: OtherLeader,
    requests: AsyncIterable<Uint8Array>,
    send: (message: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const request = await first(requests);
    const ask = ({ address, raftId }: OtherLeader): Promise<Uint8Array> =>
      this.pass(call, { raftId, unary: true }, (signal) =>
        this.to(address).unary(method, request, { metadata: outgoingMetadata(call), signal }),
      );
    let answer: Uint8Array;
    try {
      answer = await ask(leader);
    } catch (error) {
      if (!isSwarmError(error) || !isConnectionError(error)) throw error;
      const next = await this.serving(call.signal);
      if (next === undefined) throw error;
      answer = await ask(next);
    }
    await send(answer);
  }

  /** The next leader that serves, for a call that lost its own. Undefined when it is this manager. */
  private async serving(signal: AbortSignal): Promise<OtherLeader | undefined> {
    for (;;) {
      await this.change(RETRY_LOOK_MS, signal);
      const leader = await this.find(signal, () => true);
      if (leader === undefined) return undefined;
      try {
        const { status } = await this.to(leader.address).unary(
          HealthService.check,
          { service: 'Raft' },
          { timeoutMs: HEALTH_MS, signal },
        );
        if (status === Serving.SERVING) return leader;
      } catch (error) {
        if (signal.aborted) throw error;
      }
    }
  }

  private passStream(
    method: RawMethod,
    call: Call,
    { address, raftId }: OtherLeader,
    requests: AsyncIterable<Uint8Array>,
    send: (message: Uint8Array) => Promise<void>,
  ): Promise<void> {
    return this.pass(call, { raftId, unary: false }, async (signal) => {
      const options = { metadata: outgoingMetadata(call), signal };
      for await (const answer of this.to(address).bidi(method, requests, options))
        await send(answer);
    });
  }

  /** Runs `work` until the caller goes, or the leader has changed. */
  private async pass<T>(
    call: Call,
    to: Pick<Passing, 'raftId' | 'unary'>,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const cut = new AbortController();
    let reason: Error | undefined;
    const passing: Passing = {
      ...to,
      end: (why) => {
        reason ??= why;
        cut.abort();
      },
    };
    const gone = (): void => cut.abort(call.signal.reason);
    if (call.signal.aborted) gone();
    call.signal.addEventListener('abort', gone, { once: true });
    this.passing.add(passing);
    try {
      return await work(cut.signal);
    } catch (error) {
      throw reason ?? error;
    } finally {
      this.passing.delete(passing);
      call.signal.removeEventListener('abort', gone);
    }
  }
}

async function first(requests: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const request of requests) return request;
  return new Uint8Array();
}

const moved = (): SwarmError =>
  new SwarmError('unavailable', 'PROXY_LEADER_MOVED', 'another manager leads now: connect again');

const unanswered = (): SwarmError =>
  new SwarmError(
    'unavailable',
    'PROXY_LEADER_GONE',
    'the leader was lost before it answered: the call may have been carried out',
  );

const stopping = (): SwarmError =>
  new SwarmError(
    'unavailable',
    'PROXY_STOPPING',
    'this node stops being a manager: ask another one',
  );
