// The RpcServer: one gRPC server an endpoint, all known services registered from the start, and the
// way of a call through authorizers and routes to its handler.
import {
  Server as GrpcServer,
  type MethodDefinition,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import type { Authorizer } from '@swarmkit/sdk/contracts/authorizer';
import type {
  Endpoint,
  Exposure,
  MountedService,
  Peer,
  RpcServer,
  Unmount,
} from '@swarmkit/sdk/contracts/rpc';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { invariant, isInvariantError, isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { rolesOf } from '@swarmkit/sdk/wire/method-roles';
import { peerOf } from '../core/peer.js';
import { Routes, serviceNameOf } from '../core/routes.js';
import { ActiveCall } from './active-call.js';
import { adapt, kindOf, type Started, type WireCall } from './adapter.js';
import { healthService } from './health.js';
import { type Listener, listenOnPort, listenOnSocket } from './listener.js';
import { WIRE_SERVICES } from './wire-services.js';

const MAX_RECEIVE_BYTES = 4 * 1024 * 1024;
/** How long `stop` waits for calls to send their last words. */
const GRACE_MS = 2_000;

export interface ServerOptions {
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
  private readonly routes = new Routes<ActiveCall>();
  private readonly grpc: { readonly [E in Exposure]: GrpcServer };
  private readonly known = new Set<string>();
  private readonly peers = new Map<string, Peer>();
  private listeners: readonly Listener[] = [];
  private authorizers: readonly Authorizer[] = [];
  private self: Peer = peerOf(undefined, '');

  constructor(private readonly options: ServerOptions) {
    this.grpc = { control: newGrpcServer(), remote: newGrpcServer() };
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
    const mount = this.routes.mount(service);
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

  endpoints(): readonly Endpoint[] {
    return this.listeners.map((listener) => listener.endpoint);
  }

  async listen(options: ListenOptions): Promise<void> {
    this.authorizers = [...options.authorizers, ...this.authorizers];
    this.self = selfOf(options.identity);
    const { log } = this.options;
    const into = (exposure: Exposure) => {
      const injector = this.grpc[exposure].createConnectionInjector(
        ServerCredentials.createInsecure(),
      );
      return { identity: options.identity, log, accept: injector.injectConnection };
    };
    this.listeners = [await listenOnSocket(options.controlSocket, into('control'))];
    if (options.remoteAddress !== undefined) {
      const remote = await listenOnPort(options.remoteAddress, this.peers, into('remote'));
      this.listeners = [...this.listeners, remote];
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
    for (const listener of listeners) listener.close();
    for (const mount of this.routes.all()) {
      for (const call of [...mount.calls]) call.abort(stopped(mount.name));
    }
    await Promise.all(Object.values(this.grpc).map((server) => this.shutDown(server)));
    for (const listener of listeners) listener.destroy();
  }

  private shutDown(server: GrpcServer): Promise<void> {
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
      for (const exposure of ['control', 'remote'] as const) {
        this.grpc[exposure].register(
          path,
          adapt(kind, (wire) => this.begin(wire, exposure, path, method)),
          (message: unknown) => this.serialize(definition, message),
          definition.requestDeserialize,
          kind,
        );
      }
    }
  }

  private begin(wire: WireCall, exposure: Exposure, path: string, method: string): Started {
    const call = new ActiveCall(path, exposure, this.peerOf(wire, exposure), wire.metadata);
    for (const authorizer of this.authorizers) authorizer.authorize(call);
    // Holds without any authorizer too: a caller without a certificate gets nothing but what it may have.
    if (call.peer.role === 'none' && rolesOf(path) !== 'insecure') throw nobody(path);
    const { mount, handler } = this.routes.find(exposure, serviceNameOf(path), method);
    mount.calls.add(call);
    return {
      handler,
      call,
      ended: () => mount.calls.delete(call),
      failed: (error) => {
        if (!isSwarmError(error)) this.report(path, error);
      },
    };
  }

  /** A handler's answer that does not fit its type is our bug: gRPC tells the caller, we tell the log. */
  private serialize(definition: MethodDefinition<unknown, unknown>, message: unknown): Buffer {
    try {
      return definition.responseSerialize(message);
    } catch (error) {
      this.report(definition.path, error);
      throw error;
    }
  }

  private peerOf(wire: WireCall, exposure: Exposure): Peer {
    return exposure === 'control' ? this.self : (this.peers.get(wire.getPeer()) ?? NOBODY);
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

const NOBODY = peerOf(undefined, '');

const newGrpcServer = (): GrpcServer =>
  new GrpcServer({
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
