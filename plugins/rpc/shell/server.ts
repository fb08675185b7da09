// The RpcServer: one gRPC server an endpoint, all known services registered from the start, and the
// way of a call through authorizers and routes to its handler.
import {
  Server as GrpcServer,
  type MethodDefinition,
  ServerCredentials,
  type ServiceDefinition,
  type ServerOptions as ServerOptionsOfGrpc,
} from '@grpc/grpc-js';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Authorizer } from '@swarmkit/sdk/contracts/authorizer';
import type {
  Endpoint,
  Exposure,
  MountedService,
  Peer,
  RpcServer,
  StandIn,
  Unmount,
} from '@swarmkit/sdk/contracts/rpc';
import { callerOf } from '@swarmkit/sdk/model/forwarded-call';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { invariant, isInvariantError, isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { rolesOf } from '@swarmkit/sdk/wire/method-roles';
import { DEFAULT_LIMITS, type Limits } from '../core/crowd.js';
import { peerOf } from '../core/peer.js';
import { Routes, serviceNameOf, type Standing } from '../core/routes.js';
import { ActiveCall } from './active-call.js';
import { adapt, kindOf, type Start, type Started, type WireCall } from './adapter.js';
import { firstOf, type Work, workOf } from './codec.js';
import { Doorkeeper } from './doorkeeper.js';
import { healthService } from './health.js';
import { Http2Server } from './http2-server.js';
import { unreadableMessages } from './unreadable-messages.js';
import { type Listener, listenOnPort, listenOnSocket } from './listener.js';
import { WIRE_SERVICES } from './wire-services.js';

const MAX_RECEIVE_BYTES = 4 * 1024 * 1024;
/** How long `stop` waits for calls to send their last words. */
const GRACE_MS = 2_000;

/** What one connection of a caller that is no manager may make gRPC hold. */
const OTHERS_MEMORY_MB = 32;

/**
 * Streams of a manager that have not said yet what they want. Who has more calls than it may is told so in words;
 * who has more of these is refused by HTTP/2.
 */
const SPEECHLESS_STREAMS = 1_024;

const GRPC_KINDS = ['managers', 'others'] as const;
type GrpcKind = (typeof GRPC_KINDS)[number];

export interface ServerOptions {
  readonly limits?: Partial<Limits> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** For a handler that broke an invariant. */
  readonly fault: (where: string, error: unknown) => void;
}

export interface ListenOptions {
  readonly controlSocket: string;
  readonly remoteAddress?: string | undefined;
  readonly identity: Identity;
  readonly authorizers: readonly Authorizer[];
}

/** Runs the listeners, so that `plugin.ts` only wires. */
export class Server implements RpcServer {
  private readonly routes = new Routes<Work, ActiveCall>();
  /** For the control socket. */
  private readonly own: Http2Server;
  /** For the port. */
  private readonly grpc: { readonly [K in GrpcKind]: GrpcServer };
  private readonly door: Doorkeeper;
  private readonly known = new Set<string>();
  private readonly peers = new Map<string, Peer>();
  private listeners: readonly Listener[] = [];
  private authorizers: readonly Authorizer[] = [];
  private self: Peer = peerOf(undefined, '');

  constructor(private readonly options: ServerOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.door = new Doorkeeper(limits, options.clock, options.log);
    const interceptors = [
      unreadableMessages((reason, peer) => this.door.refused(reason, { peer })),
    ];
    const { clock, log } = options;
    this.own = new Http2Server({ maxBytes: MAX_RECEIVE_BYTES, clock, log });
    this.grpc = {
      // A manager passes on the calls of all its agents over one connection.
      managers: newGrpcServer({
        interceptors,
        'grpc.max_concurrent_streams': limits.callsPerManager + SPEECHLESS_STREAMS,
      }),
      others: newGrpcServer({
        interceptors,
        'grpc.max_concurrent_streams': limits.callsPerConnection,
        'grpc-node.max_session_memory': OTHERS_MEMORY_MB,
      }),
    };
    for (const service of WIRE_SERVICES) this.know(service);
    this.mount(healthService((exposure, service) => this.routes.isMounted(exposure, service)));
  }

  mount(service: MountedService): Unmount {
    for (const [method, handler] of Object.entries(service.handlers)) {
      const definition = service.definition[method];
      invariant(definition !== undefined && kindOf(definition) in handler, 'RPC_HANDLER_KIND', {
        method,
      });
    }
    this.know(service.definition);
    const mount = this.routes.mount(service, this.worksOf(service));
    return (afterwards) => {
      if (!this.routes.unmount(mount, afterwards)) return;
      const reason = afterwards ?? stopped(mount.name);
      for (const call of [...mount.calls]) call.abort(reason);
    };
  }

  guard(authorizer: Authorizer): () => void {
    this.authorizers = [...this.authorizers, authorizer];
    return () => {
      this.authorizers = this.authorizers.filter((one) => one !== authorizer);
    };
  }

  mountStandIn(standIn: StandIn): Unmount {
    this.know(standIn.definition);
    const standing = this.routes.stand(standIn);
    return (afterwards) => {
      this.routes.leave(standing);
      const reason = afterwards ?? stopped(standing.name);
      for (const call of [...standing.calls]) call.abort(reason);
    };
  }

  endpoints(): readonly Endpoint[] {
    return this.listeners.map((listener) => listener.endpoint);
  }

  counters(): Readonly<Record<string, number>> {
    return this.door.counters();
  }

  async listen(options: ListenOptions): Promise<void> {
    this.authorizers = [...options.authorizers, ...this.authorizers];
    this.self = selfOf(options.identity);
    const { log } = this.options;
    const injected = (kind: GrpcKind) =>
      this.grpc[kind].createConnectionInjector(ServerCredentials.createInsecure());
    const { identity } = options;
    this.listeners = [
      await listenOnSocket(options.controlSocket, {
        identity,
        log,
        accept: (socket) => this.own.serve(socket),
      }),
    ];
    if (options.remoteAddress !== undefined) {
      const managers = injected('managers');
      const others = injected('others');
      const remote = await listenOnPort(options.remoteAddress, this.peers, {
        identity,
        log,
        door: this.door,
        now: () => this.options.clock.now(),
        accept: (socket, { role }) =>
          (role === 'manager' ? managers : others).injectConnection(socket),
      });
      this.listeners = [...this.listeners, remote];
      this.door.start();
    }
    for (const { endpoint } of this.listeners) log.info(endpoint, 'listening');
  }

  /** New connections see the new certificate and roots; open streams go on. */
  use(identity: Identity): void {
    this.self = selfOf(identity);
    for (const listener of this.listeners) listener.use(identity);
  }

  /** Ends every call in words, waits a little for them to be sent, then closes what is left. */
  async stop(): Promise<void> {
    const { listeners } = this;
    this.listeners = [];
    this.door.stop();
    for (const listener of listeners) listener.close();
    for (const mount of this.routes.all()) {
      for (const call of [...mount.calls]) call.abort(stopped(mount.name));
    }
    const servers = [this.own, ...Object.values(this.grpc)];
    await Promise.all(servers.map((server) => this.shutDown(server)));
    for (const listener of listeners) listener.destroy();
  }

  private shutDown(server: Pick<GrpcServer, 'tryShutdown'>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(GRACE_MS, resolve);
      server.tryShutdown(() => {
        cancel();
        resolve();
      });
    });
  }

  private know(service: ServiceDefinition): void {
    for (const [method, definition] of Object.entries(service)) {
      const { path } = definition;
      if (this.known.has(path)) continue;
      this.known.add(path);
      const kind = kindOf(definition);
      const startAt =
        (exposure: Exposure): Start =>
        (wire) =>
          this.begin(wire, exposure, definition, method);
      this.own.register(path, kind, startAt('control'));
      for (const server of GRPC_KINDS)
        this.grpc[server].register(path, adapt(kind, startAt('remote')), asIs, asIs, kind);
    }
  }

  private begin(
    wire: WireCall,
    exposure: Exposure,
    definition: MethodDefinition<unknown, unknown>,
    method: string,
  ): Started {
    const { path } = definition;
    const open = rolesOf(path) === 'insecure';
    const call = new ActiveCall(path, exposure, this.callerOf(wire, exposure, open), wire);
    for (const authorizer of this.authorizers) authorizer.authorize(call);
    // Holds without any authorizer too: a caller without a certificate gets nothing but what it may have.
    if (call.peer.role === 'none' && !open) throw nobody(path);
    const name = serviceNameOf(path);
    const standing = this.routes.standInFor(exposure, name);
    const { calls, work } =
      standing === undefined
        ? this.mounted(exposure, name, method)
        : { calls: standing.calls, work: this.standIn(standing, exposure, definition, method) };
    const at = exposure === 'remote' ? wire.getPeer() : undefined;
    if (at !== undefined) this.door.began(at, path);
    calls.add(call);
    return {
      work,
      call,
      ended: () => {
        calls.delete(call);
        if (at !== undefined) this.door.ended(at);
      },
      failed: (error) => {
        if (!isSwarmError(error)) this.report(path, error);
        else if (error.code === 'RPC_BAD_MESSAGE' && exposure === 'remote')
          this.door.refused('bad-message', { peer: wire.getPeer(), path });
      },
    };
  }

  private mounted(exposure: Exposure, name: string, method: string) {
    const { mount, work } = this.routes.find(exposure, name, method);
    return { calls: mount.calls, work };
  }

  /** Asks the stand-in where to; the service that is mounted by then answers what comes back. */
  private standIn(
    { standIn, name }: Standing<ActiveCall>,
    exposure: Exposure,
    definition: MethodDefinition<unknown, unknown>,
    method: string,
  ): Work {
    const isMounted = (): boolean => this.routes.isMounted(exposure, name);
    return {
      many: async (requests, call, send) => {
        const forward = await standIn.route(call, { method: definition, isMounted });
        if (forward !== undefined) return forward(requests, send);
        const { calls, work } = this.mounted(exposure, name, method);
        calls.add(call);
        try {
          if ('one' in work) await send(await work.one(await firstOf(requests), call));
          else await work.many(requests, call, send);
        } finally {
          calls.delete(call);
        }
      },
    };
  }

  private worksOf({ definition, handlers }: MountedService): ReadonlyMap<string, Work> {
    const broken = (path: string, error: unknown): void => this.report(path, error);
    return new Map(
      Object.entries(handlers).map(([method, handler]) => [
        method,
        workOf(definition[method] as MethodDefinition<unknown, unknown>, handler, broken),
      ]),
    );
  }

  private callerOf(wire: WireCall, exposure: Exposure, open: boolean): Peer {
    if (exposure === 'control') return this.self;
    const direct = this.peers.get(wire.getPeer()) ?? NOBODY;
    const header = (key: string) => wire.metadata.get(key).map(String);
    return callerOf(direct, header, this.self.clusterId, open);
  }

  private report(path: string, error: unknown): void {
    if (isInvariantError(error)) this.options.fault(path, error);
    else
      this.options.log.error(
        { err: error, path },
        'a call failed in a way its handler did not expect',
      );
  }
}

/** Messages pass gRPC as bytes. */
const asIs = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const NOBODY = peerOf(undefined, '');

const newGrpcServer = (options: ServerOptionsOfGrpc = {}): GrpcServer =>
  new GrpcServer({
    ...options,
    'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
    'grpc.enable_channelz': 0,
  });

/** Who may open the control socket acts as this node. */
const selfOf = ({ nodeId, clusterId, role }: Identity): Peer => ({
  nodeId,
  clusterId,
  role,
  address: '',
});

const stopped = (name: string): SwarmError =>
  new SwarmError('unavailable', 'RPC_SERVICE_STOPPED', `the service ${name} stopped on this node`);

const nobody = (path: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'RPC_NO_CERTIFICATE',
    `${path} needs a node's certificate and the caller showed none`,
  );
