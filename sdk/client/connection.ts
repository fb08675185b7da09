// One connection to a manager: gRPC's callbacks and streams as promises and async iterables, its
// status codes as SwarmError. Used by the rpc plugin between nodes and by client programs on the
// control socket. It must never let an error event of gRPC go unheard: that would end the process.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Client as GrpcClient,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type { CallOptions, RpcConnection } from '../contracts/rpc.js';
import { SwarmError } from '../plugin/errors.js';
import { serverProblem } from './peer-chain.js';
import { kindOfStatus } from './status.js';

/**
 * Names that every manager's certificate carries, whatever address it is reached at. `swarm-ca` is what
 * nodes look for before they have joined.
 */
export type ServerName = 'swarm-manager' | 'swarm-ca';

/** Small ones take about 20 µs each. */
const MESSAGES_A_TURN = 100;

const OPTIONS: ClientOptions = {
  // As SwarmKit's clients: a manager may send more than it accepts.
  'grpc.max_receive_message_length': 2 ** 31 - 1,
  // A connection is this object's own, so that `close` closes it.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // Callers retry by the error's kind; hidden retries would hold every message in memory.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
};

/** For the control socket: TLS without verification, as file permissions decide who may connect. */
export const controlSocketCredentials = (): ChannelCredentials =>
  credentials.createFromSecureContext(createSecureContext(), { rejectUnauthorized: false });

/**
 * Mutual TLS: who we are, and the roots that the manager's certificate must chain to. `now` is the wall
 * clock, ms.
 */
export function nodeCredentials(
  identity: {
    readonly certificatePem: string;
    readonly keyPem: string;
    readonly rootsPem: string;
  },
  now: () => number = Date.now,
): ChannelCredentials {
  return verifying(
    createSecureContext({
      cert: identity.certificatePem,
      key: identity.keyPem,
      ca: identity.rootsPem,
      minVersion: 'TLSv1.2',
    }),
    identity.rootsPem,
    now,
  );
}

/**
 * For a node that has no certificate yet: none is shown. Without `rootsPem` the manager is not verified
 * either, which is only good for fetching the roots: their digest is in the join token.
 */
export const newcomerCredentials = (
  rootsPem?: string,
  now: () => number = Date.now,
): ChannelCredentials =>
  rootsPem === undefined
    ? credentials.createFromSecureContext(createSecureContext({ minVersion: 'TLSv1.2' }), {
        rejectUnauthorized: false,
      })
    : verifying(createSecureContext({ ca: rootsPem, minVersion: 'TLSv1.2' }), rootsPem, now);

/**
 * gRPC's credentials, with one more look at the server's certificate where OpenSSL's was not enough (see
 * peer-chain.ts). The connector is gRPC's own way of making a secure connection; it has no other place for this.
 */
function verifying(
  context: SecureContext,
  rootsPem: string,
  now: () => number,
): ChannelCredentials {
  const trust = credentials.createFromSecureContext(context, { rejectUnauthorized: false });
  const connectorOf = trust._createSecureConnector.bind(trust);
  trust._createSecureConnector = (target, options, calls) => {
    const connector = connectorOf(target, options, calls);
    const connect = connector.connect.bind(connector);
    connector.connect = async (socket) => {
      const connected = await connect(socket);
      const secure = connected.socket as TLSSocket;
      const name = String(options['grpc.ssl_target_name_override'] ?? '');
      const problem = serverProblem(secure, name, rootsPem, now());
      if (problem === undefined) return connected;
      secure.destroy();
      throw problem;
    };
    return connector;
  };
  return trust;
}

/** The control socket's connection in one call. `path` is a file path. */
export const connectControlSocket = (path: string): RpcConnection => {
  const trust = controlSocketCredentials();
  return openConnection(`unix:${path}`, () => trust);
};

/**
 * Connects on the first call, and again whenever needed.
 * `address`: `unix:/path` or `host:port`.
 * `current` is asked before every call; when it answers another object than the last time, this call and
 * later ones go over a new connection, and calls in progress end on the old one.
 * `now` is the wall clock that deadlines are counted from; `serverName` is verified against `current`'s roots.
 * Errors of calls: the peer's kind and text (RPC_REMOTE), RPC_UNREACHABLE, RPC_CANCELLED, RPC_DEADLINE.
 */
export function openConnection(
  address: string,
  current: () => ChannelCredentials,
  now: () => number = Date.now,
  serverName: ServerName = 'swarm-manager',
): RpcConnection {
  return new Connection(address, current, now, serverName);
}

interface Cancellable {
  cancel(): void;
}

class Connection implements RpcConnection {
  private client: GrpcClient | undefined;
  private trust: ChannelCredentials | undefined;
  private closed = false;
  private readonly calls = new Set<Cancellable>();

  constructor(
    private readonly address: string,
    private readonly current: () => ChannelCredentials,
    private readonly now: () => number,
    private readonly serverName: ServerName,
  ) {}

  unary<Q, S>(method: MethodDefinition<Q, S>, request: Q, options: CallOptions = {}): Promise<S> {
    return new Promise((resolve, reject) => {
      const client = this.open(method.path, options);
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadataOf(options),
        this.deadlineOf(options),
        (error, response) => {
          done();
          if (error !== null) reject(this.translate(error, method.path));
          else resolve(response as S);
        },
      );
      const done = this.track(call, options.signal);
    });
  }

  async *serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.open(method.path, options).makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadataOf(options),
      this.deadlineOf(options),
    );
    // The iterator reports the error; this keeps one that arrives between two steps from being unheard.
    call.on('error', () => undefined);
    const done = this.track(call, options.signal);
    try {
      yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<S>;
    } catch (error) {
      throw this.translate(error, method.path);
    } finally {
      done();
      call.cancel();
    }
  }

  async clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): Promise<S> {
    // On the wire the same as a stream both ways. gRPC's own client takes an OK without a message for an
    // error, and SwarmKit's PublishLogs ends so.
    let answer: { readonly message: S } | undefined;
    for await (const message of this.bidi(method, requests, options)) answer ??= { message };
    return answer === undefined ? method.responseDeserialize(Buffer.alloc(0)) : answer.message;
  }

  async *bidi<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.open(method.path, options).makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      metadataOf(options),
      this.deadlineOf(options),
    );
    call.on('error', () => undefined);
    const done = this.track(call, options.signal);
    let failure: { readonly error: unknown } | undefined;
    const pump = pumpInto(call, requests, (error) => {
      // The source failed: the caller is told that, and the peer that the call is off.
      failure = { error };
      call.cancel();
    });
    try {
      yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<S>;
    } catch (error) {
      if (failure !== undefined) throw failure.error;
      throw this.translate(error, method.path);
    } finally {
      pump.stop();
      done();
      call.cancel();
    }
  }

  close(): void {
    this.closed = true;
    for (const call of this.calls) call.cancel();
    this.client?.close();
    this.client = undefined;
  }

  private open(path: string, options: CallOptions): GrpcClient {
    if (this.closed || options.signal?.aborted) throw cancelled(path, this.address);
    const trust = this.current();
    if (this.client === undefined || trust !== this.trust) {
      this.client?.close();
      this.client = new GrpcClient(target(this.address), trust, {
        ...OPTIONS,
        'grpc.ssl_target_name_override': this.serverName,
      });
      this.trust = trust;
    }
    return this.client;
  }

  /** Cancels the call with its signal and with the connection; the answer ends both. */
  private track(call: Cancellable, signal: AbortSignal | undefined): () => void {
    this.calls.add(call);
    const abort = (): void => call.cancel();
    signal?.addEventListener('abort', abort, { once: true });
    return () => {
      this.calls.delete(call);
      signal?.removeEventListener('abort', abort);
    };
  }

  private deadlineOf({ timeoutMs }: CallOptions): { deadline?: number } {
    return timeoutMs === undefined ? {} : { deadline: this.now() + timeoutMs };
  }

  private translate(error: unknown, path: string): unknown {
    if (!isServiceError(error)) {
      // A stream that was destroyed without a status: only `close` and aborts do that.
      return cancelled(path, this.address, error);
    }
    const { code, details } = error;
    const options = { cause: error, detail: { path, address: this.address } };
    if (code === 14 && details.startsWith(NO_CONNECTION)) {
      const reason = /Last error: (?:Error: )?(.*?)(?:\. Resolution note: .*)?$/s.exec(
        details,
      )?.[1];
      return new SwarmError(
        'unavailable',
        'RPC_UNREACHABLE',
        `${this.address} cannot be reached: ${reason ?? details}`,
        options,
      );
    }
    return new SwarmError(kindOfStatus(code), CODES[code] ?? 'RPC_REMOTE', details, options);
  }
}

/** Writes what the source gives, no faster than the peer takes it. `stop` leaves the source. */
function pumpInto<Q>(
  call: ClientDuplexStream<Q, unknown>,
  requests: AsyncIterable<Q>,
  failed: (error: unknown) => void,
): { stop(): void } {
  const source = requests[Symbol.asyncIterator]();
  let stopped = false;
  let resume = (): void => undefined;
  call.on('drain', () => resume());
  const pump = async (): Promise<void> => {
    for (let sent = 1; ; sent++) {
      const next = await source.next();
      if (stopped) return;
      if (next.done === true) break;
      if (!call.write(next.value)) {
        await new Promise<void>((drained) => {
          resume = drained;
        });
      }
      // A source that never waits would otherwise keep the process from everything else.
      if (sent % MESSAGES_A_TURN === 0) await nextTurn();
      if (stopped) return;
    }
    call.end();
  };
  pump().catch((error: unknown) => {
    if (!stopped) failed(error);
  });
  return {
    stop: () => {
      stopped = true;
      resume();
      // Not awaited: the source may be waiting for something that never comes.
      source.return?.().catch(() => undefined);
    },
  };
}

/** How grpc-js begins the text of a call that never reached a peer. */
const NO_CONNECTION = 'No connection established';

const CODES: { readonly [status: number]: string } = { 1: 'RPC_CANCELLED', 4: 'RPC_DEADLINE' };

const cancelled = (path: string, address: string, cause?: unknown): SwarmError =>
  new SwarmError('cancelled', 'RPC_CANCELLED', `the call of ${path} at ${address} was cancelled`, {
    cause,
    detail: { path, address },
  });

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'details' in error && 'code' in error && typeof error.code === 'number';

const target = (address: string): string =>
  address.startsWith('unix:') ? address : `dns:${address}`;

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  if (options.metadata !== undefined) {
    for (const [key, value] of Object.entries(options.metadata))
      metadata.set(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}
