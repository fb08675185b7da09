import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { token } from '../plugin/token.js';
import type { Authorizer } from './authorizer.js';

/**
 * gRPC in and out: the control socket, the remote port, and connections to other nodes.
 *
 * Server: plugins mount services while they live; a call to a known service that is not mounted is
 * answered UNIMPLEMENTED, or with the text that `mount` left for its absence.
 * Every call passes all authorizers before its handler sees it. A handler throws SwarmError; the kind
 * becomes the status code and the message its text; anything else becomes UNKNOWN with its text and a
 * log line. Messages over 4 MiB are refused.
 * Errors: RPC_ADDRESS_IN_USE, RPC_SOCKET_IN_USE (failed-precondition), RPC_BAD_ADDRESS.
 */
export interface RpcServer {
  mount(service: MountedService): Unmount;
  /**
   * One more authorizer, asked after the contributed ones until what is returned is called: for plugins
   * of scopes that come and go.
   */
  guard(authorizer: Authorizer): () => void;
  /** Endpoints in use: `unix:/path`, `0.0.0.0:4242`. Empty before start. */
  endpoints(): readonly Endpoint[];
}

/** After it, calls are answered with `afterwards` (default UNIMPLEMENTED). Calls in progress are aborted. */
export type Unmount = (afterwards?: Error) => void;

/** `control`: the local socket, whose callers act as this node. `remote`: mutual TLS on a port. */
export type Exposure = 'control' | 'remote';

export interface Endpoint {
  readonly exposure: Exposure;
  readonly address: string;
}

export interface MountedService {
  readonly definition: ServiceDefinition;
  readonly expose: readonly Exposure[];
  /** By the definition's method key (`createService`). Missing ones answer UNIMPLEMENTED. */
  readonly handlers: Readonly<Record<string, Handler>>;
}

// biome-ignore lint/suspicious/noExplicitAny: message types differ a method; the definition checks them at run time.
type Message = any;

export type Handler = UnaryHandler | ServerStreamHandler | ClientStreamHandler | BidiHandler;
export interface UnaryHandler {
  readonly unary: (request: Message, call: Call) => Promise<Message> | Message;
}
export interface ServerStreamHandler {
  /** `send` resolves when the peer may be sent more; it rejects when the call has ended. */
  readonly serverStream: (
    request: Message,
    call: Call,
    send: (message: Message) => Promise<void>,
  ) => Promise<void>;
}
export interface ClientStreamHandler {
  readonly clientStream: (requests: AsyncIterable<Message>, call: Call) => Promise<Message>;
}
export interface BidiHandler {
  readonly bidi: (
    requests: AsyncIterable<Message>,
    call: Call,
    send: (message: Message) => Promise<void>,
  ) => Promise<void>;
}

export interface Call {
  /** `/docker.swarmkit.v1.Control/CreateService`. */
  readonly path: string;
  readonly exposure: Exposure;
  readonly peer: Peer;
  /** Aborts when the caller is gone, the deadline has passed, or the service was unmounted. */
  readonly signal: AbortSignal;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Who calls. On the control socket it is this node itself. */
export interface Peer {
  /** Empty without a verified certificate. */
  readonly nodeId: string;
  readonly clusterId: string;
  readonly role: 'manager' | 'worker' | 'none';
  /** `ip:port`; empty on the socket. */
  readonly address: string;
}

export const RpcServer = token<RpcServer>('swarmkit.rpc-server.v1');

/** Connections to managers. One provider. */
export interface RpcClient {
  /** `unix:/path` (TLS without client certificate, server not verified) or `host:port` (mutual TLS, server must be `swarm-manager`). */
  connect(address: string): RpcConnection;
}

export interface RpcConnection {
  unary<Q, S>(method: MethodDefinition<Q, S>, request: Q, options?: CallOptions): Promise<S>;
  /** Ends normally, or throws SwarmError with the peer's kind and text. */
  serverStream<Q, S>(
    method: MethodDefinition<Q, S>,
    request: Q,
    options?: CallOptions,
  ): AsyncIterable<S>;
  clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options?: CallOptions,
  ): Promise<S>;
  close(): void;
}

export interface CallOptions {
  /** Span, ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

export const RpcClient = token<RpcClient>('swarmkit.rpc-client.v1');
