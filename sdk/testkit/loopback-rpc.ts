/**
 * RpcServer and RpcClient in memory, for tests and simulation: managers at addresses, clients that call
 * them as a given node. Messages are really encoded and decoded, errors travel as kind and text alone,
 * and a call ends as a real one does when either side goes. Stand-ins and calls that a manager passes on
 * work as on a real server. No TLS, no time of its own, and no authorizers but those that stand guard.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
import type {
  Call,
  CallOptions,
  Exposure,
  Peer,
  RpcClient,
  RpcConnection,
} from '../contracts/rpc.js';
import type { Clock } from '../plugin/env.js';
import { isSwarmError, messageOf, SwarmError } from '../plugin/errors.js';
import {
  type AnyMethod,
  callOf,
  cancelled,
  exposureOf,
  MemoryServer,
  type Send,
  single,
  unavailable,
} from './memory-server.js';

/** Messages that a stream holds for a reader that does not read. */
const window = 16;

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

export type Weather = 'arrives' | 'late' | 'lost';

export class LoopbackServer extends MemoryServer {
  /** While false nobody reaches it. */
  up = true;
  /** What becomes of each message of its streams; `late` ones come after the next one. Default: all arrive. */
  weather: ((path: string) => Weather) | undefined;

  constructor(addresses: readonly string[] = []) {
    super(addresses);
  }

  /** Ends every call in progress, as a broken connection does. */
  cut(): void {
    for (const call of this.calls) call.abort(unavailable('the connection is broken'));
  }

  /** Calls in progress, for tests that look for leaks. */
  get inProgress(): number {
    return this.calls.size;
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
    const call = this.begin(method, options);
    return one(method, call, single(method.requestSerialize(request)));
  }

  async *serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.begin(method, options);
    yield* many(method, call, single(method.requestSerialize(request)));
  }

  async clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): Promise<S> {
    return one(method, this.begin(method, options), sent(method, requests));
  }

  async *bidi<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    yield* many(method, this.begin(method, options), sent(method, requests));
  }

  close(): void {
    this.closed = true;
    for (const abort of this.calls) abort();
  }

  private begin(method: AnyMethod, options: CallOptions): LoopbackCall {
    const { path } = method;
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
    return new LoopbackCall(server, method, exposure, peer, options, this.calls, this.clock);
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
    private readonly method: AnyMethod,
    exposure: Exposure,
    direct: Peer,
    options: CallOptions,
    others: Set<() => void>,
    clock: Clock,
  ) {
    const { path } = method;
    this.broken = new Promise((_resolve, reject) => {
      this.break = reject;
    });
    this.broken.catch(() => undefined);
    const end = (error: Error): void => {
      this.break(error);
      this.cancel();
    };
    const untrack = server.track({ path, abort: end });
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
    this.call = callOf(path, exposure, direct, options, () => this.gone.signal);
  }

  /** Resolves when the handler has ended; what the peer is told of its errors is kind and text. */
  async run(requests: AsyncIterable<Uint8Array>, send: Send): Promise<void> {
    const work = async (): Promise<void> => {
      for (const guard of this.server.guards) guard.authorize(this.call);
      await this.server.answers(this.method, this.call.exposure)(requests, this.call, send);
    };
    try {
      await Promise.race([this.broken, work().catch(remote)]);
    } finally {
      this.cancel();
    }
  }

  weather(): Weather {
    return this.server.weather?.(this.call.path) ?? 'arrives';
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

async function one<Q, S>(
  method: MethodDefinition<Q, S>,
  call: LoopbackCall,
  requests: AsyncIterable<Uint8Array>,
): Promise<S> {
  let answer: Uint8Array | undefined;
  await call.run(requests, async (message) => {
    answer ??= message;
  });
  return method.responseDeserialize((answer ?? Buffer.alloc(0)) as Buffer);
}

async function* many<Q, S>(
  method: MethodDefinition<Q, S>,
  call: LoopbackCall,
  requests: AsyncGenerator<Uint8Array>,
): AsyncGenerator<S, void, undefined> {
  const queue = new MessageQueue<Uint8Array>();
  const late: Uint8Array[] = [];
  const deliver = (message: Uint8Array): Promise<void> => {
    const weather = call.weather();
    if (weather === 'late') late.push(message);
    if (weather !== 'arrives') return Promise.resolve();
    const pushed = queue.push(message);
    for (const one of late.splice(0)) queue.push(one).catch(() => undefined);
    return pushed;
  };
  call.run(requests, deliver).then(
    () => queue.end(),
    (error: unknown) => queue.end(error),
  );
  try {
    for await (const message of queue) yield method.responseDeserialize(message as Buffer);
  } finally {
    call.cancel();
    // Not awaited: the source may be waiting for something that never comes.
    requests.return(undefined).catch(() => undefined);
  }
}

async function* sent<Q>(
  { requestSerialize }: Pick<MethodDefinition<Q, unknown>, 'requestSerialize'>,
  requests: AsyncIterable<Q>,
): AsyncGenerator<Uint8Array> {
  for await (const request of requests) yield requestSerialize(request);
}

function remote(error: unknown): never {
  throw isSwarmError(error)
    ? new SwarmError(error.kind, 'RPC_REMOTE', error.message)
    : new SwarmError('unknown', 'RPC_REMOTE', messageOf(error));
}
