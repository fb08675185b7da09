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
  /** Besides a mounted service, or instead of one. One a service and endpoint. */
  mountStandIn(standIn: StandIn): Unmount;
  /** Endpoints in use: `unix:/path`, `0.0.0.0:4242`. Empty before start. */
  endpoints(): readonly Endpoint[];
  /**
   * The remote port in numbers: connections open now (`newcomers` without a certificate, `known` with
   * one), and how many were refused so far, by reason (`plain-http`, `bad-certificate`, …).
   */
  counters(): Readonly<Record<string, number>>;
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

/** Answers for a service that lives elsewhere: on a follower, for what the leader serves. */
export interface StandIn {
  readonly definition: ServiceDefinition;
  readonly expose: readonly Exposure[];
  /** Asked before each call: true lets the mounted service answer, when one is mounted. */
  readonly defers: () => boolean;
  /**
   * Where this call is answered; `undefined`: by the service that is mounted here. May take its time.
   * A throw is the answer.
   */
  route(call: Call, way: StandInWay): Promise<Forward | undefined>;
}

export interface StandInWay {
  readonly method: MethodDefinition<unknown, unknown>;
  /** Is the service mounted here now? */
  readonly isMounted: () => boolean;
}

/**
 * Carries one call, its messages as bytes: they are neither decoded nor changed. Of a method with one
 * answer only the first message sent counts, and none counts as an empty one. A throw is the answer.
 */
export type Forward = (
  requests: AsyncIterable<Uint8Array>,
  send: (message: Uint8Array) => Promise<void>,
) => Promise<void>;

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
  /**
   * Id of the manager that passed the call on; everything else then is what that manager says of its
   * caller. Only a manager of this cluster is believed. Whoever removes nodes checks this one instead.
   */
  readonly forwardedBy?: string;
  readonly clusterId: string;
  readonly role: 'manager' | 'worker' | 'none';
  /** `ip:port` of the caller, also of one that was passed on; empty on the socket. */
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
  /** An answer that never came counts as an empty message: some of SwarmKit's services give none. */
  clientStream<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options?: CallOptions,
  ): Promise<S>;
  /** Begins with the first step of the answer. A `requests` that throws cancels the call with that error. */
  bidi<Q, S>(
    method: MethodDefinition<Q, S>,
    requests: AsyncIterable<Q>,
    options?: CallOptions,
  ): AsyncIterable<S>;
  close(): void;
}

export interface CallOptions {
  /** Span, ms. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Keys that end in `-bin` have their value in base64. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export const RpcClient = token<RpcClient>('swarmkit.rpc-client.v1');
