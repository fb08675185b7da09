/**
 * RpcServer and RpcClient over the false network. Each call has a connection of its own. Messages are
 * encoded and decoded, errors travel as kind and text alone, as over the wire.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
import type {
  Call,
  CallOptions,
  Exposure,
  MountedService,
  Peer,
  RpcClient,
  RpcConnection,
  Unmount,
} from '@swarmkit/sdk/contracts/rpc';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { isSwarmError, type Kind, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type AnyMethod,
  callOf,
  cancelled,
  exposureOf,
  MemoryServer,
  nameOf,
  serviceName,
  single,
} from '@swarmkit/sdk/testkit/memory-server';
import { type Life, never } from '../engine/life.js';
import { asSwarmKitHasIt } from './as-swarmkit.js';
import type { Network, Wire } from './network.js';

/** Messages under way on a stream before the sender has to wait. Scarce on purpose. */
const WINDOW = 4;
/** Taken up so many, the receiver says so. */
const CREDIT = 2;

/** Requests that real transports may deliver twice, so that receivers must bear it. */
const REPEATABLE = new Set([
  '/docker.swarmkit.v1.Raft/ProcessRaftMessage',
  // A manager that passes a call on tries again when it lost its leader.
  '/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus',
  // A stream repeats nothing; but Raft must bear it.
  '/swarmkit.raft.v1.Link/Send',
]);
/** How late the second one may be. */
const REPEAT_MS = 2_000;

export interface HostPort {
  /** Of the machine, for links. */
  readonly host: string;
  readonly life: Life;
  readonly clock: Clock;
  readonly peer: Peer;
  /** Neither serves nor calls what SwarmKit does not have. */
  readonly speaksOnlySwarmKit?: boolean;
}

/** Who listens where in the whole cluster. */
export class Exchange {
  private readonly servers = new Map<string, SimServer>();

  constructor(
    readonly network: Network,
    /** Told of every request that is sent. */
    readonly watch: (from: string, path: string, message: unknown) => void,
  ) {}

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

export class SimServer extends MemoryServer {
  constructor(
    readonly at: HostPort,
    addresses: readonly string[],
  ) {
    super(addresses);
  }

  override mount(service: MountedService): Unmount {
    // Not set yet when the constructor mounts what every server has.
    if (this.at?.speaksOnlySwarmKit && isOurs(nameOf(service))) return () => undefined;
    return super.mount(service);
  }
}

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
    call.ask(request);
    return (await call.single()) as S;
  }

  async *serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options: CallOptions = {},
  ): AsyncGenerator<S, void, undefined> {
    const call = this.begin(method as AnyMethod, options);
    call.ask(request);
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
  private over = false;
  private room = WINDOW;
  private waiting: (() => void)[] = [];
  private readonly release: () => void;

  constructor(
    private readonly exchange: Exchange,
    private readonly from: HostPort,
    address: string,
    private readonly method: AnyMethod,
    options: CallOptions,
    others: Set<ClientCall>,
  ) {
    const { network } = exchange;

    this.answers = new MessageQueue(method.responseStream ? () => this.consumed() : undefined);
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
    if (from.speaksOnlySwarmKit && isOurs(serviceName(method.path))) {
      from.life.later(0, 'not known', () =>
        this.ended({ kind: 'unimplemented', message: `${method.path} is not implemented` }),
      );
      return;
    }
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
    const exposure = exposureOf(address);
    const peer = exposure === 'control' ? { ...found.at.peer, address: '' } : from.peer;
    const server = new ServerCall(found, method, exposure, peer, options, this);
    this.server = server;
    this.wire = network.open(mine, {
      host: found.at.host,
      owner: found.at.life,
      broken: () => server.gone(),
    });
    server.wire = this.wire;
  }

  /** Some arrive once more, later. */
  private twice(again: () => void): void {
    const { network } = this.exchange;
    const { twice } = network.weather;
    if (twice === 0 || !REPEATABLE.has(this.method.path) || network.random.next() >= twice) return;
    network.counts.twice++;
    this.server?.at.life.later(network.random.next() * REPEAT_MS, 'once more', again);
  }

  /** The one request of a call that streams none. */
  ask(message: unknown): void {
    const bytes = this.serialize(message);
    const { server } = this;
    this.send('call', () => {
      server?.open();
      server?.request(bytes);
      server?.requests.end();
    });
    this.exchange.watch(this.from.host, this.method.path, message);
    this.twice(() => server?.again(bytes));
  }

  async pump(requests: AsyncIterable<unknown>): Promise<void> {
    const iterator = requests[Symbol.asyncIterator]();
    this.send('open', () => this.server?.open());
    try {
      while (!this.over) {
        const { done, value } = await iterator.next();
        if (done) break;
        this.room--;
        const bytes = this.serialize(value);
        this.send('request', () => this.server?.request(bytes));
        this.exchange.watch(this.from.host, this.method.path, value);
        this.twice(() => this.server?.request(bytes));
        if (this.room <= 0 && !this.over)
          await new Promise<void>((resolve) => {
            this.waiting.push(resolve);
          });
      }
      if (!this.over) this.send('end of requests', () => this.server?.requests.end());
    } catch (error) {
      this.abort(isSwarmError(error) ? error : cancelled(messageOf(error)));
    } finally {
      await iterator.return?.();
    }
  }

  /** What SwarmKit's managers do not know is lost on its way from them and to them. */
  private serialize(message: unknown): Uint8Array {
    const { from, server, method } = this;
    const known =
      from.speaksOnlySwarmKit || server?.at.speaksOnlySwarmKit
        ? asSwarmKitHasIt(method.path, message)
        : message;
    return method.requestSerialize(known);
  }

  /** The server has taken messages of ours up. */
  moreRoom(): void {
    this.room = Math.min(this.room + CREDIT, WINDOW);
    this.wake();
  }

  /** An answer that never came counts as an empty message; how the call ends is part of the answer. */
  async single(): Promise<unknown> {
    const first = await this.answers.next();
    if (first.done) return this.method.responseDeserialize(Buffer.alloc(0));
    await this.answers.next();
    return first.value;
  }

  arrived(bytes: Uint8Array): void {
    this.answers.push(this.method.responseDeserialize(bytes as Buffer));
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
    if (this.from.life.act()) this.wire?.send('a', eventName(what, this.method.path), arrive);
  }
}

/** The server's half of a call. */
class ServerCall {
  wire: Wire | undefined;
  readonly requests: MessageQueue<Uint8Array>;
  private signal: AbortController | undefined;
  private isGone = false;
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
    const consumed = (): void => {
      if (!this.over) this.send('window', () => this.client.moreRoom());
    };
    this.requests = new MessageQueue(method.requestStream ? consumed : undefined);
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

  request(bytes: Uint8Array): void {
    if (!this.over) this.requests.push(bytes);
  }

  /** The same request once more, as if by another call whose answer nobody hears. */
  again(bytes: Uint8Array): void {
    const work = async (): Promise<void> => {
      const call = this.call();
      await this.server.answers(this.method, this.exposure)(single(bytes), call, async () => {});
    };
    work().catch(() => undefined);
  }

  /** The caller is gone. */
  gone(): void {
    if (this.over) return;
    this.finish();
    this.leave();
  }

  /** We end it, and say why. */
  abort(error: Error): void {
    if (this.over) return;
    this.fail(error);
    this.leave();
  }

  moreRoom(): void {
    this.room += CREDIT;
    this.wake();
  }

  private async serve(): Promise<void> {
    try {
      const call = this.call();
      for (const guard of this.server.guards) guard.authorize(call);
      const answers = this.server.answers(this.method, this.exposure);
      if (this.method.responseStream) {
        await answers(this.requests, call, (message) => this.stream(message));
        this.done();
      } else {
        let answer: Uint8Array | undefined;
        await answers(this.requests, call, async (message) => {
          answer = message;
        });
        this.done(answer);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private call(): Call {
    const { path, exposure, peer, options } = this;
    return callOf(path, exposure, peer, options, () => {
      this.signal ??= new AbortController();
      if (this.isGone) this.signal.abort(GONE);
      return this.signal.signal;
    });
  }

  /** Nobody waits for this call any more. */
  private leave(): void {
    this.isGone = true;
    this.signal?.abort(GONE);
    this.requests.end(cancelled(this.path));
  }

  private async stream(message: Uint8Array): Promise<void> {
    if (this.over) throw cancelled(this.path);
    this.room--;
    this.send('answer', () => this.client.arrived(message));
    if (this.room <= 0)
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    if (!this.at.life.alive) await never();
    if (this.over) throw cancelled(this.path);
  }

  /** How the call ends is part of the only answer. */
  private done(answer?: Uint8Array): void {
    if (this.over) return;
    this.send(answer === undefined ? 'end' : 'answer', () => {
      if (answer !== undefined) this.client.arrived(answer);
      this.client.ended();
    });
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
    if (this.at.life.act()) this.wire?.send('b', eventName(what, this.path), arrive);
  }
}

/** What came and was not read yet. */
class MessageQueue<T> implements AsyncIterable<T>, AsyncIterator<T> {
  private readonly messages: T[] = [];
  private ended: { readonly error?: unknown } | undefined;
  private news: (() => void) | undefined;
  private unsaid = 0;

  /** `taken`: after every CREDIT messages. */
  constructor(private readonly taken: (() => void) | undefined) {}

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
        if (this.taken !== undefined && ++this.unsaid === CREDIT) {
          this.unsaid = 0;
          this.taken();
        }
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

/** One for all: making one costs more than a call. */
const GONE = new DOMException('the caller is gone', 'AbortError');

/** The same few strings for the whole run: each is hashed for the fingerprint at every event. */
function eventName(what: string, path: string): string {
  const names = eventNames.get(what) ?? new Map<string, string>();
  eventNames.set(what, names);
  const name = names.get(path) ?? `${what} ${path}`;
  names.set(path, name);
  return name;
}

const eventNames = new Map<string, Map<string, string>>();

const isOurs = (name: string): boolean => name.startsWith('swarmkit.');
