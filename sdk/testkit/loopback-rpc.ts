/**
 * RpcServer and RpcClient in memory, for tests and simulation: managers at addresses, clients that call
 * them as a given node. Messages are really encoded and decoded, errors travel as kind and text alone,
 * and a call ends as a real one does when either side goes. No TLS, no time of its own,
 * and no authorizers but those that stand guard.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
import type { Authorizer } from '../contracts/authorizer.js';
import type {
  Call,
  CallOptions,
  Endpoint,
  Exposure,
  Handler,
  MountedService,
  Peer,
  RpcClient,
  RpcConnection,
  RpcServer,
  Unmount,
} from '../contracts/rpc.js';
import type { Clock } from '../plugin/env.js';
import { isSwarmError, messageOf, SwarmError } from '../plugin/errors.js';
import {
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from '../wire/gen/swarmkit/health.js';

/** Messages that a stream holds for a reader that does not read. */
const window = 16;
const maxRequestBytes = 4 << 20;

export class LoopbackNetwork {
  private readonly servers = new Map<string, LoopbackServer>();

  /** Deadlines count on `clock`. */
  constructor(private readonly clock: Clock) {}

  /** A server that is reached at these addresses: `unix:/path` is its control socket. */
  server(...addresses: string[]): LoopbackServer {
    const server = new LoopbackServer(addresses);
    for (const address of addresses) this.servers.set(address, server);
    return server;
  }

  /** Connections as this node. */
  client(peer: Pick<Peer, 'nodeId'> & Partial<Peer>): RpcClient {
    return {
      connect: (address) =>
        new LoopbackConnection(address, () => this.servers.get(address), peer, this.clock),
    };
  }
}

export class LoopbackServer implements RpcServer {
  /** While false nobody reaches it. */
  up = true;

  constructor(private readonly addresses: readonly string[] = []) {
    this.mount(health((service) => this.mounts.has(service)));
  }

  private readonly mounts = new Map<string, MountedService>();
  private readonly absences = new Map<string, Error>();
  /** @internal */
  readonly guards = new Set<Authorizer>();
  private readonly calls = new Set<{ readonly name: string; end(error: Error): void }>();

  mount(service: MountedService): Unmount {
    const name = serviceName(Object.values(service.definition)[0]?.path ?? '');
    this.mounts.set(name, service);
    return (afterwards) => {
      if (this.mounts.get(name) !== service) return;
      this.mounts.delete(name);
      if (afterwards !== undefined) this.absences.set(name, afterwards);
      for (const call of this.calls)
        if (call.name === name) call.end(unavailable(`${name} is stopped`));
    };
  }

  guard(authorizer: Authorizer): () => void {
    this.guards.add(authorizer);
    return () => this.guards.delete(authorizer);
  }

  endpoints(): readonly Endpoint[] {
    return this.addresses.map((address) => ({ exposure: exposureOf(address), address }));
  }

  /** Ends every call in progress, as a broken connection does. */
  cut(): void {
    for (const call of this.calls) call.end(unavailable('the connection is broken'));
  }

  /** Calls in progress, by method name, for tests that look for leaks. */
  get inProgress(): number {
    return this.calls.size;
  }

  /** @internal */
  handler(path: string, exposure: Exposure): Handler {
    const name = serviceName(path);
    const service = this.mounts.get(name);
    if (service === undefined || !service.expose.includes(exposure))
      throw this.absences.get(name) ?? unimplemented(`${name} is not served here`);
    const method = Object.entries(service.definition).find(([, one]) => one.path === path)?.[0];
    const handler = method === undefined ? undefined : service.handlers[method];
    if (handler === undefined) throw unimplemented(`${path} is not implemented`);
    return handler;
  }

  /** @internal */
  track(path: string, end: (error: Error) => void): () => void {
    const call = { name: serviceName(path), end };
    this.calls.add(call);
    return () => this.calls.delete(call);
  }
}

class LoopbackConnection implements RpcConnection {
  private readonly calls = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly address: string,
    private readonly find: () => LoopbackServer | undefined,
    private readonly peer: Partial<Peer>,
    private readonly clock: Clock,
  ) {}

  async unary<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): Promise<S> {
    const call = this.begin(method.path, options);
    const sent = received(method, request);
    return call.outcome(async (handler) => {
      if (!('unary' in handler)) throw unimplemented(`${method.path} is not unary`);
      return answered(method, (await handler.unary(sent(), call.call)) as S);
    });
  }

  async *serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.begin(method.path, options);
    const sent = received(method, request);
    const queue = new MessageQueue<S>();
    const work = call.outcome(async (handler) => {
      if (!('serverStream' in handler)) throw unimplemented(`${method.path} is not a stream`);
      await handler.serverStream(sent(), call.call, (message: S) =>
        queue.push(answered(method, message)),
      );
    });
    work.then(
      () => queue.end(),
      (error: unknown) => queue.end(error),
    );
    try {
      yield* queue;
    } finally {
      call.cancel();
    }
  }

  async clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): Promise<S> {
    const call = this.begin(method.path, options);
    async function* sent(): AsyncGenerator<Q> {
      for await (const request of requests) yield received(method, request)();
    }
    return call.outcome(async (handler) => {
      if (!('clientStream' in handler)) throw unimplemented(`${method.path} is not a stream`);
      return answered(method, (await handler.clientStream(sent(), call.call)) as S);
    });
  }

  close(): void {
    this.closed = true;
    for (const abort of this.calls) abort();
  }

  private begin(path: string, options: CallOptions): LoopbackCall {
    const server = this.find();
    if (server === undefined || !server.up) throw unavailable(`${this.address} cannot be reached`);
    if (this.closed || options.signal?.aborted) throw cancelled(path);
    const exposure = exposureOf(this.address);
    const peer: Peer = {
      nodeId: '',
      clusterId: '',
      role: 'manager',
      address: exposure === 'control' ? '' : '127.0.0.1:1',
      ...this.peer,
    };
    return new LoopbackCall(server, path, exposure, peer, options, this.calls, this.clock);
  }
}

/** One call: ends with its handler, or before it by whoever gives up. */
class LoopbackCall {
  readonly call: Call;
  private readonly gone = new AbortController();
  private readonly broken: Promise<never>;
  private break: (error: Error) => void = () => undefined;
  private readonly release: () => void;

  constructor(
    private readonly server: LoopbackServer,
    path: string,
    exposure: Exposure,
    peer: Peer,
    options: CallOptions,
    others: Set<() => void>,
    clock: Clock,
  ) {
    this.broken = new Promise((_resolve, reject) => {
      this.break = reject;
    });
    this.broken.catch(() => undefined);
    const end = (error: Error): void => {
      this.break(error);
      this.cancel();
    };
    const untrack = server.track(path, end);
    const abort = (): void => end(cancelled(path));
    const { signal, timeoutMs } = options;
    signal?.addEventListener('abort', abort, { once: true });
    others.add(abort);
    const late = (): void => end(new SwarmError('deadline-exceeded', 'RPC_DEADLINE', 'too late'));
    const cancelDeadline = timeoutMs === undefined ? undefined : clock.after(timeoutMs, late);
    this.release = () => {
      untrack();
      signal?.removeEventListener('abort', abort);
      others.delete(abort);
      cancelDeadline?.();
    };
    const metadata = new Map(Object.entries(options.metadata ?? {}));
    this.call = { path, exposure, peer, signal: this.gone.signal, metadata };
  }

  /** What the peer is told of how the handler ended. */
  async outcome<T>(work: (handler: Handler) => Promise<T>): Promise<T> {
    const { path, exposure } = this.call;
    const run = async (): Promise<T> => {
      for (const guard of this.server.guards) guard.authorize(this.call);
      return work(this.server.handler(path, exposure));
    };
    try {
      return await Promise.race([this.broken, run().catch(remote)]);
    } finally {
      this.cancel();
    }
  }

  cancel(): void {
    this.release();
    this.gone.abort();
  }
}

class MessageQueue<T> implements AsyncIterable<T> {
  private readonly messages: T[] = [];
  private ended: { readonly error?: unknown } | undefined;
  private news: (() => void) | undefined;
  private room: (() => void)[] = [];

  async push(message: T): Promise<void> {
    if (this.ended !== undefined) throw cancelled('stream');
    this.messages.push(message);
    this.news?.();
    if (this.messages.length >= window)
      await new Promise<void>((resolve) => {
        this.room.push(resolve);
      });
    if (this.ended !== undefined) throw cancelled('stream');
  }

  end(error?: unknown): void {
    this.ended ??= error === undefined ? {} : { error };
    this.news?.();
    this.makeRoom();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const next = this.messages.shift();
      if (next !== undefined) {
        this.makeRoom();
        yield next;
      } else if (this.ended !== undefined) {
        if ('error' in this.ended) throw this.ended.error;
        return;
      } else
        await new Promise<void>((resolve) => {
          this.news = resolve;
        });
    }
  }

  private makeRoom(): void {
    const waiting = this.room;
    this.room = [];
    for (const resume of waiting) resume();
  }
}

const exposureOf = (address: string): Exposure =>
  address.startsWith('unix:') ? 'control' : 'remote';

/** Who serves Raft says so, as behind a real listener. */
const health = (isMounted: (service: string) => boolean): MountedService => ({
  definition: HealthService,
  expose: ['control', 'remote'],
  handlers: {
    check: {
      unary: ({ service }: HealthCheckRequest) => ({
        status:
          service === '' || isMounted(`docker.swarmkit.v1.${service.replace(/API$/, '')}`)
            ? HealthCheckResponse_ServingStatus.SERVING
            : HealthCheckResponse_ServingStatus.NOT_SERVING,
      }),
    },
  },
});

const serviceName = (path: string): string => path.split('/')[1] ?? '';

/** The request as bytes now, and as the server's message when it is taken up. */
function received<Q, S>(method: MethodDefinition<Q, S>, request: Q): () => Q {
  const bytes = method.requestSerialize(request);
  return () => {
    if (bytes.length > maxRequestBytes)
      throw new SwarmError('resource-exhausted', 'RPC_TOO_LARGE', 'the message is over 4 MiB');
    return method.requestDeserialize(bytes);
  };
}

const answered = <Q, S>(method: MethodDefinition<Q, S>, response: S): S =>
  method.responseDeserialize(method.responseSerialize(response));

function remote(error: unknown): never {
  throw isSwarmError(error)
    ? new SwarmError(error.kind, 'RPC_REMOTE', error.message)
    : new SwarmError('unknown', 'RPC_REMOTE', messageOf(error));
}

const unavailable = (message: string): SwarmError =>
  new SwarmError('unavailable', 'RPC_UNREACHABLE', message);
const unimplemented = (message: string): SwarmError =>
  new SwarmError('unimplemented', 'RPC_NOT_SERVED', message);
const cancelled = (what: string): SwarmError =>
  new SwarmError('cancelled', 'RPC_CANCELLED', `the call of ${what} was cancelled`);
