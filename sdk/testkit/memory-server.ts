/**
 * What servers in memory have in common, whatever network their calls come over: which services are
 * mounted, who stands in for them and who guards them, and what answers a call, in bytes. Loopback and
 * the simulation each bring calls of their own, with an end of their own.
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
  RpcServer,
  StandIn,
  Unmount,
} from '../contracts/rpc.js';
import { callerOf } from '../model/forwarded-call.js';
import { SwarmError } from '../plugin/errors.js';
import {
  type HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from '../wire/gen/swarmkit/health.js';
import { rolesOf } from '../wire/method-roles.js';

const maxRequestBytes = 4 << 20;

// biome-ignore lint/suspicious/noExplicitAny: as in the contract.
export type AnyMethod = MethodDefinition<any, any>;
export type Send = (message: Uint8Array) => Promise<void>;
/** A call's server side, its messages as bytes. */
export type Answers = (
  requests: AsyncIterable<Uint8Array>,
  call: Call,
  send: Send,
) => Promise<void>;

/** A call in progress, as the server knows it. */
export interface CallInProgress {
  readonly path: string;
  /** The server ends it, and says why. */
  abort(error: Error): void;
}

interface Mounted {
  readonly service: MountedService;
  /** By path; of methods that have a handler. */
  readonly answers: ReadonlyMap<string, Answers>;
}

export class MemoryServer implements RpcServer {
  readonly guards = new Set<Authorizer>();
  private readonly mounts = new Map<string, Mounted>();
  private readonly standIns = new Map<string, StandIn>();
  private readonly absences = new Map<string, Error>();
  protected readonly calls = new Set<CallInProgress>();

  constructor(private readonly addresses: readonly string[]) {
    this.mount(health((service) => this.mounts.has(service)));
  }

  mount(service: MountedService): Unmount {
    const name = nameOf(service);
    const mounted = { service, answers: answersByPath(service) };
    this.mounts.set(name, mounted);
    return (afterwards) => {
      if (this.mounts.get(name) !== mounted) return;
      this.mounts.delete(name);
      if (afterwards !== undefined) this.absences.set(name, afterwards);
      this.endCalls(name);
    };
  }

  guard(authorizer: Authorizer): () => void {
    this.guards.add(authorizer);
    return () => this.guards.delete(authorizer);
  }

  mountStandIn(standIn: StandIn): Unmount {
    const name = nameOf(standIn);
    this.standIns.set(name, standIn);
    return () => {
      this.standIns.delete(name);
      this.endCalls(name);
    };
  }

  counters(): Readonly<Record<string, number>> {
    return {};
  }

  endpoints(): readonly Endpoint[] {
    return this.addresses.map((address) => ({ exposure: exposureOf(address), address }));
  }

  track(call: CallInProgress): () => void {
    this.calls.add(call);
    return () => this.calls.delete(call);
  }

  /** What answers a call, in bytes, as on the wire. */
  answers(method: AnyMethod, exposure: Exposure): Answers {
    const name = serviceName(method.path);
    const standIn = this.standIns.get(name);
    const isMounted = (): boolean =>
      this.mounts.get(name)?.service.expose.includes(exposure) === true;
    if (!standIn?.expose.includes(exposure) || (standIn.defers() && isMounted()))
      return this.mounted(method.path, exposure);
    return async (requests, call, send) => {
      const forward = await standIn.route(call, { method, isMounted });
      if (forward !== undefined) await forward(requests, send);
      else await this.mounted(method.path, exposure)(requests, call, send);
    };
  }

  private mounted(path: string, exposure: Exposure): Answers {
    const name = serviceName(path);
    const mounted = this.mounts.get(name);
    if (mounted === undefined || !mounted.service.expose.includes(exposure))
      throw this.absences.get(name) ?? unimplemented(`${name} is not served here`);
    const answers = mounted.answers.get(path);
    if (answers === undefined) throw unimplemented(`${path} is not implemented`);
    return answers;
  }

  private endCalls(name: string): void {
    for (const call of [...this.calls])
      if (serviceName(call.path) === name) call.abort(unavailable(`${name} is stopped`));
  }
}

/** The call as its handler sees it. `direct` is who is at the other end of the connection. */
export function callOf(
  path: string,
  exposure: Exposure,
  direct: Peer,
  { metadata: given = {} }: CallOptions,
  signal: () => AbortSignal,
): Call {
  const metadata = new Map(Object.entries(given));
  const header = (key: string) => (metadata.has(key) ? [metadata.get(key) as string] : []);
  const isOpen = rolesOf(path) === 'insecure';
  const peer = exposure === 'control' ? direct : callerOf(direct, header, direct.clusterId, isOpen);
  return {
    path,
    exposure,
    peer,
    metadata,
    // Few handlers ask for it, and a signal costs more than all the rest of a call.
    get signal() {
      return signal();
    },
  };
}

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

function answersByPath({ definition, handlers }: MountedService): ReadonlyMap<string, Answers> {
  const made = new Map<string, Answers>();
  for (const [key, method] of Object.entries(definition)) {
    const handler = handlers[key];
    if (handler !== undefined) made.set(method.path, answersOf(method, handler));
  }
  return made;
}

function answersOf(method: AnyMethod, handler: Handler): Answers {
  const decode = (bytes: Uint8Array): unknown => {
    if (bytes.length > maxRequestBytes)
      throw new SwarmError('resource-exhausted', 'RPC_TOO_LARGE', 'the message is over 4 MiB');
    return method.requestDeserialize(bytes as Buffer);
  };
  const encode = (message: unknown): Uint8Array => method.responseSerialize(message);
  async function* decoded(requests: AsyncIterable<Uint8Array>) {
    for await (const bytes of requests) yield decode(bytes);
  }
  const first = async (requests: AsyncIterable<Uint8Array>): Promise<unknown> => {
    for await (const bytes of requests) return decode(bytes);
    throw cancelled(method.path);
  };
  return async (requests, call, send) => {
    if ('unary' in handler) await send(encode(await handler.unary(await first(requests), call)));
    else if ('clientStream' in handler)
      await send(encode(await handler.clientStream(decoded(requests), call)));
    else if ('serverStream' in handler)
      await handler.serverStream(await first(requests), call, (message) => send(encode(message)));
    else await handler.bidi(decoded(requests), call, (message) => send(encode(message)));
  };
}

export async function* single<T>(value: T): AsyncGenerator<T> {
  yield value;
}

export const exposureOf = (address: string): Exposure =>
  address.startsWith('unix:') ? 'control' : 'remote';

export const nameOf = ({ definition }: Pick<MountedService, 'definition'>): string =>
  serviceName(Object.values(definition)[0]?.path ?? '');

export const serviceName = (path: string): string => path.split('/')[1] ?? '';

export const unavailable = (message: string): SwarmError =>
  new SwarmError('unavailable', 'RPC_UNREACHABLE', message);
const unimplemented = (message: string): SwarmError =>
  new SwarmError('unimplemented', 'RPC_NOT_SERVED', message);
export const cancelled = (what: string): SwarmError =>
  new SwarmError('cancelled', 'RPC_CANCELLED', `the call of ${what} was cancelled`);
