// Who is at the remote port, who has to leave, and how often that happened. A flood is counted in full and
// logged in few lines.
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { Crowd, type Evicted, type Limits } from '../core/crowd.js';

export type Refusal =
  | Evicted['because']
  | 'plain-http'
  | 'not-tls'
  | 'old-tls'
  | 'slow-handshake'
  | 'failed-handshake'
  | 'no-h2'
  | 'bad-certificate'
  | 'bad-http2'
  | 'silent'
  | 'too-many-calls'
  | BadMessage;

/** Of a call, not of a connection: others on it go on. */
export type BadMessage = 'oversize-message' | 'bad-message';

interface Closable {
  destroy(): unknown;
}

/** One log line a reason and this long. */
const LOG_EVERY_MS = 60_000;
const SWEEP_MS = 5_000;

export class Doorkeeper {
  private readonly crowd: Crowd;
  private readonly open = new Map<string, Closable>();
  private readonly counts = new Map<Refusal, number>();
  private readonly logged = new Map<Refusal, { at: number; count: number }>();
  private cancelSweep: () => void = () => undefined;

  constructor(
    readonly limits: Limits,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {
    this.crowd = new Crowd(limits);
  }

  /** A connection was accepted, and nothing is known of it but its address. */
  entered(key: string, address: string, connection: Closable): void {
    this.open.set(key, connection);
    this.evict(this.crowd.enter(key, address, this.clock.monotonic()));
  }

  known(key: string, nodeId: string): void {
    this.evict(this.crowd.known(key, nodeId));
  }

  left(key: string): void {
    this.open.delete(key);
    this.crowd.leave(key);
  }

  /** Throws when the connection has as many calls in progress as it may. */
  began(key: string, path: string): void {
    if (this.crowd.began(key, this.clock.monotonic())) return;
    this.refused('too-many-calls', { peer: key, path });
    throw tooManyCalls(this.limits.callsPerManager);
  }

  ended(key: string): void {
    this.crowd.ended(key, this.clock.monotonic());
  }

  /** Counts it, and says so from time to time. */
  refused(reason: Refusal, fields: object = {}): void {
    const count = (this.counts.get(reason) ?? 0) + 1;
    this.counts.set(reason, count);
    const last = this.logged.get(reason);
    const now = this.clock.monotonic();
    if (last !== undefined && now - last.at < LOG_EVERY_MS) return;
    this.logged.set(reason, { at: now, count });
    const since = count - (last?.count ?? 0);
    const what = /-(message|calls)$/.test(reason) ? 'call refused' : 'connection refused';
    this.log.warn({ ...fields, reason, times: since }, what);
  }

  counters(): Readonly<Record<string, number>> {
    const { newcomers, known } = this.crowd.size;
    return { newcomers, known, ...Object.fromEntries(this.counts) };
  }

  start(): void {
    this.cancelSweep = this.clock.after(SWEEP_MS, () => {
      for (const key of this.crowd.silent(this.clock.monotonic())) this.send(key, 'silent');
      this.start();
    });
  }

  stop(): void {
    this.cancelSweep();
  }

  private evict(evicted: Evicted | undefined): void {
    if (evicted !== undefined) this.send(evicted.key, evicted.because);
  }

  private send(key: string, because: Refusal): void {
    this.refused(because, { peer: key });
    this.close(key);
  }

  close(key: string): void {
    const connection = this.open.get(key);
    this.left(key);
    connection?.destroy();
  }
}

const tooManyCalls = (most: number): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'RPC_TOO_MANY_CALLS',
    `this connection has ${most} calls in progress, and no more are taken before some of them have ended`,
  );

const BY_CODE: Readonly<Record<string, Refusal>> = {
  ERR_SSL_HTTP_REQUEST: 'plain-http',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'plain-http',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'old-tls',
  ERR_SSL_VERSION_TOO_LOW: 'old-tls',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'slow-handshake',
};

export const handshakeRefusal = (code: string | undefined): Refusal =>
  BY_CODE[code ?? ''] ?? 'failed-handshake';
