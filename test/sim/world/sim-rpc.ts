/**
 * RpcServer and RpcClient over the false network. Each call has a connection of its own. Messages are
 * encoded and decoded, errors travel as kind and text alone, as over the wire.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
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
} from '@swarmkit/sdk/contracts/rpc';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, type Kind, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Life, never } from '../engine/life.js';
import type { Network, Wire } from './network.js';

/** Messages under way on a stream before the sender has to wait. Scarce on purpose. */
const WINDOW = 4;

/** Requests that real transports may deliver twice, so that receivers must bear it. */
const REPEATABLE = new Set(['/docker.swarmkit.v1.Raft/ProcessRaftMessage']);

export interface HostPort {
  /** Of the machine, for links. */
  readonly host: string;
  readonly life: Life;
  readonly clock: Clock;
  readonly peer: Peer;
}

/** Who listens where in the whole cluster. */
export class Exchange {
  private readonly servers = new Map<string, SimServer>();

  constructor(readonly network: Network) {}

  server(at: HostPort, ...addresses: string[]): SimServer {
    const server = new SimServer(at, addresses);
    for (const address of addresses) this.servers.set(address, server);
    return server;
  }

  find(address: string): SimServer | undefined {
    return this.servers.get(address);
  }

  client(from: HostPort): RpcClient {
    return { connect: (address) => new SimConnection(this, from, address) };
  }
}

export class SimServer implements RpcServer {
  private readonly mounts = new Map<string, MountedService>();
  private readonly absences = new Map<string, Error>();
  private readonly calls = new Set<ServerCall>();

  constructor(
    readonly at: HostPort,
    private readonly addresses: readonly string[],
  ) {}

  mount(service: MountedService): Unmount {
    const name = serviceName(Object.values(service.definition)[0]?.path ?? '');
    this.mounts.set(name, service);
    return (afterwards) => {
      if (this.mounts.get(name) !== service) return;
      this.mounts.delete(name);
      if (afterwards !== undefined) this.absences.set(name, afterwards);
      for (const call of [...this.calls])
        if (serviceName(call.path) === name) call.abort(unavailable(`${name} is stopped`));
    };
  }

  endpoints(): readonly Endpoint[] {
    return this.addresses.map((address) => ({
      exposure: address.startsWith('unix:') ? 'control' : 'remote',
      address,
    }));
  }

  track(call: ServerCall): () => void {
    this.calls.add(call);
    return () => this.calls.delete(call);
  }

  find(path: string, exposure: Exposure): { handler: Handler; method: AnyMethod } {
    const name = serviceName(path);
    const service = this.mounts.get(name);
    if (service === undefined || !service.expose.includes(exposure))
      throw this.absences.get(name) ?? unimplemented(`${name} is not served here`);
    const found = Object.entries(service.definition).find(([, one]) => one.path === path);
    const handler = found === undefined ? undefined : service.handlers[found[0]];
    if (found === undefined || handler === undefined)
      throw unimplemented(`${path} is not implemented`);
    return { handler, method: found[1] as AnyMethod };
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the definition of each method checks its messages.
type AnyMethod = MethodDefinition<any, any>;

interface Failure {
  readonly kind: Kind;
  readonly message: string;
}

class SimConnection implements RpcConnection {
  private readonly calls = new Set<ClientCall>();
  private closed = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly from: HostPort,
    private readonly address: string,
  ) {}

  async unary<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): Promise<S> {
    const call = this.begin(method as AnyMethod, options);
    call.request(request);
    call.endRequests();
    return (await call.single()) as S;
  }

  async *serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.begin(method as AnyMethod, options);
    call.request(request);
    call.endRequests();
    try {
      yield* call.answers as AsyncIterable<S>;
    } finally {
      call.cancel();
    }
  }

  async clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): Promise<S> {
    const call = this.begin(method as AnyMethod, options);
    const pump = call.pump(requests);
    pump.catch(() => undefined);
    return (await call.single()) as S;
  }

  async *bidi<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.begin(method as AnyMethod, options);
    call.pump(requests).catch(() => undefined);
    try {
      yield* call.answers as AsyncIterable<S>;
    } finally {
      call.cancel();
    }
  }

  close(): void {
    this.closed = true;
    for (const call of [...this.calls]) call.abort(cancelled('connection'));
  }

  private begin(method: AnyMethod, options: CallOptions): ClientCall {
    if (this.closed || options.signal?.aborted) throw cancelled(method.path);
    const { exchange, from, address } = this;
    return new ClientCall(exchange, from, address, method, options, this.calls);
  }
}

/** The caller's half of a call. */
class ClientCall {
  readonly answers: MessageQueue<unknown>;
  private readonly wire: Wire | undefined;
  private readonly server: ServerCall | undefined;
  private repeat = false;
  private over = false;
  private room = WINDOW;
  private waiting: (() => void)[] = [];
  private readonly release: () => void;

  constructor(
    exchange: Exchange,
    private readonly from: HostPort,
    address: string,
    private readonly method: AnyMethod,
    options: CallOptions,
    others: Set<ClientCall>,
  ) {
    const { network } = exchange;
    this.answers = new MessageQueue(() => this.consumed());
    others.add(this);
    const abort = (): void => this.abort(cancelled(method.path));
    const { signal, timeoutMs } = options;
    signal?.addEventListener('abort', abort, { once: true });
    const cancelDeadline =
      timeoutMs === undefined
        ? undefined
        : from.clock.after(timeoutMs, () =>
            this.abort(new SwarmError('deadline-exceeded', 'RPC_DEADLINE', 'too late')),
          );
    this.release = () => {
      others.delete(this);
      signal?.removeEventListener('abort', abort);
      cancelDeadline?.();
    };
    const found = exchange.find(address);
    const mine = {
      host: from.host,
      owner: from.life,
      broken: () => this.ended({ kind: 'unavailable', message: 'the connection is broken' }),
    };
    if (found === undefined || !found.at.life.alive) {
      const host = hostOf(address);
      // Refused, or the machine is gone and nobody answers.
      const silent = network.isCut(from.host, host) || network.random.int(4) === 0;
      const ms = silent ? 5_000 : 1;
      from.life.later(ms, 'refused', () =>
        this.ended({ kind: 'unavailable', message: `${address} cannot be reached` }),
      );
      return;
    }
    const exposure = address.startsWith('unix:') ? 'control' : 'remote';
    const peer = exposure === 'control' ? { ...found.at.peer, address: '' } : from.peer;
    const server = new ServerCall(found, method, exposure, peer, options, this);
    this.server = server;
    this.wire = network.open(mine, {
      host: found.at.host,
      owner: found.at.life,
      broken: () => server.gone(),
    });
    server.wire = this.wire;
    this.send('open', () => server.open());
    const { twice } = network.weather;
    if (twice > 0 && REPEATABLE.has(method.path) && network.random.next() < twice) {
      network.counts.twice++;
      this.repeat = true;
    }
  }

  request(message: unknown): void {
    const bytes = this.method.requestSerialize(message);
    const { server } = this;
    this.send('request', () => server?.request(bytes));
    if (!this.repeat || server === undefined) return;
    const { life } = server.at;
    life.later(20, 'request again', () => server.again(bytes));
  }

  endRequests(): void {
    this.send('end of requests', () => this.server?.requests.end());
  }

  async pump(requests: AsyncIterable<unknown>): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    try {
      while (!this.over) {
        const { done, value } = await iterator.next();
        if (done) break;
        this.room--;
        this.request(value);
        if (this.room <= 0 && !this.over)
          await new Promise<void>((resolve) => {
            this.waiting.push(resolve);
          });
      }
      if (!this.over) this.endRequests();
    } catch (error) {
      this.abort(isSwarmError(error) ? error : cancelled(messageOf(error)));
    } finally {
      await iterator.return?.();
    }
  }

  /** The server has taken a message of ours up. */
  moreRoom(): void {
    this.room++;
    this.wake();
  }

  async single(): Promise<unknown> {
    const first = await this.answers.next();
    if (first.done) throw new SwarmError('internal', 'RPC_REMOTE', 'no answer');
    return first.value;
  }

  arrived(bytes: Buffer): void {
    this.answers.push(this.method.responseDeserialize(bytes));
  }

  ended(failure?: Failure): void {
    if (this.over) return;
    this.finish();
    this.answers.end(failure && new SwarmError(failure.kind, 'RPC_REMOTE', failure.message));
  }

  abort(error: Error): void {
    if (this.over) return;
    const { server } = this;
    this.send('cancel', () => server?.gone());
    this.finish();
    this.answers.end(error);
  }

  cancel(): void {
    this.abort(cancelled(this.method.path));
  }

  private consumed(): void {
    if (!this.over) this.send('window', () => this.server?.moreRoom());
  }

  private finish(): void {
    this.over = true;
    this.wire?.done('a');
    this.release();
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  private send(what: string, arrive: () => void): void {
    if (this.from.life.act()) this.wire?.send('a', `${what} ${this.method.path}`, arrive);
  }
}

/** The server's half of a call. */
class ServerCall {
  wire: Wire | undefined;
  readonly requests: MessageQueue<unknown>;
  private readonly gonePeer = new AbortController();
  private over = false;
  private room = WINDOW;
  private waiting: (() => void)[] = [];
  private untrack: () => void = () => undefined;

  constructor(
    private readonly server: SimServer,
    private readonly method: AnyMethod,
    private readonly exposure: Exposure,
    private readonly peer: Peer,
    private readonly options: CallOptions,
    private readonly client: ClientCall,
  ) {
    this.requests = new MessageQueue(() => {
      if (!this.over) this.send('window', () => this.client.moreRoom());
    });
  }

  get at(): HostPort {
    return this.server.at;
  }

  get path(): string {
    return this.method.path;
  }

  open(): void {
    this.untrack = this.server.track(this);
    void this.serve();
  }

  request(bytes: Buffer): void {
    if (!this.over) this.requests.push(this.method.requestDeserialize(bytes));
  }

  /** The same request once more, as if by another call whose answer nobody hears. */
  again(bytes: Buffer): void {
    try {
      const { handler } = this.server.find(this.path, this.exposure);
      if (!('unary' in handler)) return;
      const answer = handler.unary(this.method.requestDeserialize(bytes), this.call());
      Promise.resolve(answer).catch(() => undefined);
    } catch {
      // Not served any more.
    }
  }

  /** The caller is gone. */
  gone(): void {
    if (this.over) return;
    this.finish();
    this.gonePeer.abort();
    this.requests.end(cancelled(this.path));
  }

  /** We end it, and say why. */
  abort(error: Error): void {
    if (this.over) return;
    this.fail(error);
    this.gonePeer.abort();
    this.requests.end(cancelled(this.path));
  }

  moreRoom(): void {
    this.room++;
    this.wake();
  }

  private async serve(): Promise<void> {
    try {
      const { handler, method } = this.server.find(this.path, this.exposure);
      const call = this.call();
      if ('unary' in handler) {
        const request = await this.requests.next();
        if (request.done) return;
        this.answer(method, await handler.unary(request.value, call));
      } else if ('serverStream' in handler) {
        const request = await this.requests.next();
        if (request.done) return;
        await handler.serverStream(request.value, call, (message) => this.stream(method, message));
      } else if ('clientStream' in handler)
        this.answer(method, await handler.clientStream(this.requests, call));
      else await handler.bidi(this.requests, call, (message) => this.stream(method, message));
      this.done();
    } catch (error) {
      this.fail(error);
    }
  }

  private call(): Call {
    return {
      path: this.path,
      exposure: this.exposure,
      peer: this.peer,
      signal: this.gonePeer.signal,
      metadata: new Map(Object.entries(this.options.metadata ?? {})),
    };
  }

  private answer(method: AnyMethod, message: unknown): void {
    const bytes = method.responseSerialize(message);
    this.send('answer', () => this.client.arrived(bytes));
  }

  private async stream(method: AnyMethod, message: unknown): Promise<void> {
    if (this.over) throw cancelled(this.path);
    this.room--;
    this.answer(method, message);
    if (this.room <= 0)
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    if (!this.at.life.alive) await never();
    if (this.over) throw cancelled(this.path);
  }

  private done(): void {
    if (this.over) return;
    this.send('end', () => this.client.ended());
    this.finish();
  }

  private fail(error: unknown): void {
    if (this.over) return;
    const failure: Failure = {
      kind: isSwarmError(error) ? error.kind : 'unknown',
      message: messageOf(error),
    };
    this.send('error', () => this.client.ended(failure));
    this.finish();
  }

  private finish(): void {
    this.over = true;
    this.wire?.done('b');
    this.untrack();
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  private send(what: string, arrive: () => void): void {
    if (this.at.life.act()) this.wire?.send('b', `${what} ${this.path}`, arrive);
  }
}

/** What came and was not read yet. */
class MessageQueue<T> implements AsyncIterable<T>, AsyncIterator<T> {
  private readonly messages: T[] = [];
  private ended: { readonly error?: unknown } | undefined;
  private news: (() => void) | undefined;

  constructor(private readonly taken: () => void) {}

  push(message: T): void {
    if (this.ended !== undefined) return;
    this.messages.push(message);
    this.news?.();
  }

  end(error?: unknown): void {
    this.ended ??= error === undefined ? {} : { error };
    this.news?.();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const next = this.messages.shift();
      if (next !== undefined) {
        this.taken();
        return { done: false, value: next };
      }
      if (this.ended !== undefined) {
        if ('error' in this.ended) throw this.ended.error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.news = resolve;
      });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this;
  }
}

/** `unix:/manager-1` and `manager-1:4242` are both on `manager-1`. */
const hostOf = (address: string): string =>
  address.startsWith('unix:/') ? address.slice(6) : (address.split(':')[0] ?? '');

const serviceName = (path: string): string => path.split('/')[1] ?? '';

const unavailable = (message: string): SwarmError =>
  new SwarmError('unavailable', 'RPC_UNREACHABLE', message);
const unimplemented = (message: string): SwarmError =>
  new SwarmError('unimplemented', 'RPC_NOT_SERVED', message);
const cancelled = (what: string): SwarmError =>
  new SwarmError('cancelled', 'RPC_CANCELLED', `the call of ${what} was cancelled`);
