/**
 * The way to one other member: a connection, what waits to be sent over it, and what is known of the
 * other end. Messages leave in order, or are lost and said to be; nothing is sent twice. A member that
 * has our link gets parcels over one long stream; SwarmKit's gets a call for each message, one after
 * the other. Snapshots travel beside either, because heartbeats must not wait behind them.
 */
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { type Cancel, type Clock, delay } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { LinkService, type Parcel } from '@swarmkit/sdk/wire/gen/raftlink/link';
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  HealthCheckResponse_ServingStatus,
  HealthService,
} from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { RaftService, type StreamRaftMessageRequest } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { cutMessage } from '../core/snapshot-chunks.js';
import { MEMBER_REMOVED_TEXT } from './raft-error.js';

const QUEUE_MESSAGES = 4_096;
/** As SwarmKit: nothing may take longer without progress. */
const SEND_MS = 2_000;
/**
 * A piece of a snapshot is 4 MiB. The last one is answered when the whole was put together and read through, which
 * takes a manager that is busy a second a piece.
 */
const SNAPSHOT_PIECE_MS = 10_000;
const SNAPSHOT_READ_MS = 1_000;
/** Below the 4 MiB that a server takes, with room for the largest single entry. */
const PARCEL_BYTES = 1024 * 1024;
const PARCEL_MESSAGES = 512;
/** How often we look whether the other end is there: over our link, and over SwarmKit's calls. */
const GREET_EVERY_MS = 1_000;
const CHECK_EVERY_MS = 5_000;
const RETRY_MS = { first: 100, most: 1_000 };

/** What SwarmKit's managers understand; anything else never goes to them. */
const SWARMKIT_TYPES: ReadonlySet<MessageType> = new Set([
  MessageType.MsgApp,
  MessageType.MsgAppResp,
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
  MessageType.MsgSnap,
  MessageType.MsgHeartbeat,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgTimeoutNow,
]);

export interface PeerOptions {
  readonly raftId: bigint;
  readonly address: string;
  readonly connect: (address: string) => RpcConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who we are, for the other end's information. */
  readonly greeting: () => { readonly raftId: bigint; readonly features: number };
  /** The message with the snapshot's data in it. */
  readonly fillSnapshot: (message: Message) => Promise<Message>;
  /** Messages were lost. */
  readonly lost: () => void;
  readonly snapshotSent: (arrived: boolean) => void;
  /** `reachable` or `features` changed. */
  readonly changed: () => void;
  /** It was there, and now nobody answers. */
  readonly refused: () => void;
  /** The other end says that we were removed from the group. */
  readonly expelled: () => void;
}

export class Peer {
  reachable = false;
  /** Bits of what it can; undefined before it was asked, 0 for SwarmKit's own. */
  features: number | undefined;
  private address: string;
  private queue: Message[] = [];
  private wake: () => void = () => {};
  private connection: RpcConnection | undefined;
  private lastSent = 0;
  /** How to end the snapshot that is on its way. */
  private sending = new AbortController();
  private readonly over = new AbortController();
  private session = new AbortController();

  constructor(private readonly options: PeerOptions) {
    this.address = options.address;
    void this.run();
  }

  send(message: Message): void {
    if (message.type === MessageType.MsgSnap) {
      void this.sendSnapshot(message);
    } else if (this.queue.length >= QUEUE_MESSAGES || this.over.signal.aborted) {
      this.options.lost();
    } else {
      this.queue.push(message);
      this.wake();
    }
  }

  /** Where it is from now on. */
  moveTo(address: string): void {
    if (address === this.address) return;
    this.address = address;
    this.session.abort();
  }

  /** Whether we reach it and it serves Raft. */
  async isServing(): Promise<boolean> {
    try {
      return await this.checkHealth(this.connection);
    } catch {
      return false;
    }
  }

  /** Where `raftId` is, as far as it knows. */
  async resolve(raftId: bigint): Promise<string | undefined> {
    return this.connection
      ?.unary(RaftService.resolveAddress, { raftId }, { timeoutMs: SEND_MS })
      .then(
        ({ addr }) => addr,
        () => undefined,
      );
  }

  /** Sends what waits for at most `graceMs`, then ends. */
  close(graceMs: number): void {
    if (graceMs === 0) this.end();
    else this.options.clock.after(graceMs, () => this.end());
  }

  private end(): void {
    this.over.abort();
    this.session.abort();
    this.loseQueue();
  }

  private async run(): Promise<void> {
    const { clock, log } = this.options;
    let waitMs = RETRY_MS.first;
    while (!this.over.signal.aborted) {
      this.session = new AbortController();
      const { signal } = this.session;
      try {
        await this.hold(signal);
      } catch (error) {
        if (this.over.signal.aborted) break;
        if (!signal.aborted) {
          const wasReachable = this.reachable;
          if (wasReachable) waitMs = RETRY_MS.first;
          log[wasReachable ? 'info' : 'debug'](
            { member: this.options.raftId.toString(16), address: this.address },
            `the way to a manager is broken: ${messageOf(error)}`,
          );
          if (isExpulsion(error)) this.options.expelled();
        }
      }
      const broke = this.reachable;
      this.setReachable(false);
      this.loseQueue();
      if (broke && !this.over.signal.aborted) void this.lookAfter();
      await delay(clock, waitMs, this.over.signal);
      waitMs = Math.min(waitMs * 2, RETRY_MS.most);
    }
  }

  /** A process that died refuses connections at once; one that is slow, or cut off, does not. */
  private async lookAfter(): Promise<void> {
    try {
      await this.checkHealth(undefined);
    } catch (error) {
      const isRefused = isSwarmError(error) && error.code === 'RPC_UNREACHABLE';
      if (isRefused && !this.over.signal.aborted) this.options.refused();
    }
  }

  /** Over a connection of its own where there is none. Its address may be one that leads nowhere. */
  private async checkHealth(open: RpcConnection | undefined): Promise<boolean> {
    const connection = open ?? this.options.connect(this.address);
    try {
      return await checkHealth(connection, SEND_MS);
    } finally {
      if (connection !== open) connection.close();
    }
  }

  /** One connection, for as long as it holds. */
  private async hold(signal: AbortSignal): Promise<void> {
    const connection = this.options.connect(this.address);
    const broken = new AbortController();
    const abort = (): void => broken.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const features = await this.greet(connection);
      if (signal.aborted) return;
      this.connection = connection;
      this.features = features;
      this.setReachable(true);
      this.options.changed();
      const speak =
        features === 0
          ? this.call(connection, broken.signal)
          : this.link(connection, broken.signal);
      await Promise.race([speak, this.watch(connection, features, broken.signal), aborted(signal)]);
    } finally {
      signal.removeEventListener('abort', abort);
      broken.abort();
      if (this.connection === connection) this.connection = undefined;
      connection.close();
    }
  }

  /** Asks the other end who it is. Throws when it is not there, or is not who it should be. */
  private async greet(connection: RpcConnection): Promise<number> {
    const { raftId } = this.options;
    try {
      const answer = await connection.unary(LinkService.greet, this.options.greeting(), {
        timeoutMs: SEND_MS,
      });
      if (answer.raftId !== raftId) throw unavailable(`another manager is there`);
      return answer.features;
    } catch (error) {
      if (!isSwarmError(error) || error.kind !== 'unimplemented') throw error;
    }
    if (!(await checkHealth(connection, SEND_MS))) throw unavailable('it does not serve Raft now');
    return 0;
  }

  private async watch(
    connection: RpcConnection,
    features: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.options;
    const everyMs = features === 0 ? CHECK_EVERY_MS : GREET_EVERY_MS;
    for (;;) {
      await delay(clock, everyMs, signal);
      if (signal.aborted) return;
      if (features === 0 && clock.monotonic() - this.lastSent < everyMs) continue;
      const now = await this.greet(connection);
      if (now !== features) throw unavailable('it speaks otherwise than before');
    }
  }

  private async link(connection: RpcConnection, signal: AbortSignal): Promise<void> {
    await connection.clientStream(LinkService.send, this.parcels(signal), { signal });
    throw unavailable('it ended the stream');
  }

  private async *parcels(signal: AbortSignal): AsyncGenerator<Parcel, void, undefined> {
    while (!signal.aborted) {
      if (this.queue.length === 0) await this.work(signal);
      const messages: Message[] = [];
      let bytes = 0;
      for (const message of this.queue) {
        bytes += bytesOf(message);
        if (messages.length > 0 && (bytes > PARCEL_BYTES || messages.length >= PARCEL_MESSAGES))
          break;
        messages.push(message);
      }
      this.queue.splice(0, messages.length);
      if (messages.length > 0) yield { messages };
    }
  }

  private async call(connection: RpcConnection, signal: AbortSignal): Promise<void> {
    let streams = true;
    for (;;) {
      if (this.queue.length === 0) await this.work(signal);
      if (signal.aborted) return;
      const message = this.queue.shift();
      if (message === undefined || !SWARMKIT_TYPES.has(message.type)) continue;
      const options = { timeoutMs: SEND_MS, signal };
      if (streams) {
        try {
          await connection.clientStream(RaftService.streamRaftMessage, one({ message }), options);
          this.lastSent = this.options.clock.monotonic();
          continue;
        } catch (error) {
          if (!isSwarmError(error) || error.kind !== 'unimplemented') throw error;
          streams = false;
        }
      }
      await connection.unary(RaftService.processRaftMessage, { message }, options);
      this.lastSent = this.options.clock.monotonic();
    }
  }

  /**
   * One at a time, and only of the newest it is said how it went: a leader that was elected again sends anew,
   * and what became of the one before would be taken for the end of this one.
   */
  private async sendSnapshot(message: Message): Promise<void> {
    const { clock, log, raftId } = this.options;
    const { connection } = this;
    const watchdog = new AbortController();
    this.sending.abort();
    this.sending = watchdog;
    let disarm: Cancel = () => {};
    let patienceMs = SNAPSHOT_PIECE_MS;
    const arm = (): void => {
      disarm();
      disarm = clock.after(patienceMs, () => watchdog.abort());
      patienceMs += SNAPSHOT_READ_MS;
    };
    async function* requests(whole: Message): AsyncGenerator<StreamRaftMessageRequest> {
      for (const piece of cutMessage(whole)) {
        arm();
        yield { message: piece };
      }
    }
    try {
      if (connection === undefined) throw unavailable('there is no connection');
      const whole = await this.options.fillSnapshot(message);
      const bytes = whole.snapshot?.data.length ?? 0;
      const fields = { member: raftId.toString(16), bytes };
      log.info(fields, 'sending a snapshot to a manager that is far behind');
      await connection.clientStream(RaftService.streamRaftMessage, requests(whole), {
        signal: watchdog.signal,
      });
      if (this.sending === watchdog) this.options.snapshotSent(true);
    } catch (error) {
      if (this.sending !== watchdog) return;
      log.warn({ member: raftId.toString(16) }, `a snapshot did not arrive: ${messageOf(error)}`);
      this.options.snapshotSent(false);
    } finally {
      disarm();
    }
  }

  /** Resolves when there is something to send, or at the end. */
  private work(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.wake = done;
    });
  }

  private loseQueue(): void {
    if (this.queue.length === 0) return;
    this.queue = [];
    this.options.lost();
  }

  private setReachable(reachable: boolean): void {
    if (this.reachable === reachable) return;
    this.reachable = reachable;
    if (!reachable) this.options.lost();
    this.options.changed();
  }
}

/** Asks whether the manager at the other end serves Raft. */
export async function checkHealth(connection: RpcConnection, timeoutMs: number): Promise<boolean> {
  const { status } = await connection.unary(
    HealthService.check,
    { service: 'Raft' },
    { timeoutMs },
  );
  return status === HealthCheckResponse_ServingStatus.SERVING;
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Near enough for a bound: what is around the data of entries is small. */
function bytesOf({ entries }: Message): number {
  let bytes = 64;
  for (const { Data } of entries) bytes += Data.length + 32;
  return bytes;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

const isExpulsion = (error: unknown): boolean =>
  isSwarmError(error) && error.kind === 'not-found' && error.message === MEMBER_REMOVED_TEXT;

const unavailable = (text: string): SwarmError => new SwarmError('unavailable', 'RAFT_PEER', text);
