/**
 * One HTTP/2 connection to containerd, and the only place that knows gRPC: every call carries the
 * namespace, has a deadline, and fails as a SwarmError.
 * Calls are not cancelled by the caller's signal: a half-done create would leave the container to
 * containerd's clean-up, which races with the next verb. Callers look at their signal between calls.
 */
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
} from '@grpc/grpc-js';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { connectionClosed, isKind, translate } from './status.js';

export interface ConnectionOptions {
  /** Path of the unix socket. */
  readonly address: string;
  readonly namespace: string;
  readonly clock: Clock;
}

export interface CallOptions {
  /** Everything made by the call is held by this lease against containerd's garbage collector. */
  readonly lease?: string;
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 60_000;

export class ContainerdConnection {
  readonly address: string;
  readonly namespace: string;
  private readonly clock: Clock;
  private readonly client: Client;
  private closed = false;

  constructor(options: ConnectionOptions) {
    this.address = options.address;
    this.namespace = options.namespace;
    this.clock = options.clock;
    this.client = new Client(`unix:${options.address}`, credentials.createInsecure(), {
      // Manifests and listings may pass the default of 4 MiB.
      'grpc.max_receive_message_length': -1,
      // A restarted containerd is found again within a second.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.enable_retries': 0,
    });
  }

  unary<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.closed) {
        reject(connectionClosed(this.address));
        return;
      }
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.metadata(options),
        { deadline: this.clock.now() + (options.timeoutMs ?? CALL_TIMEOUT_MS) },
        (error, response) => {
          if (error !== null) reject(translate(error, this.address));
          else if (response === undefined) reject(connectionClosed(this.address));
          else resolve(response);
        },
      );
    });
  }

  /** As `unary`, with undefined for "there is no such thing". */
  async find<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response | undefined> {
    try {
      return await this.unary(method, request, options);
    } catch (error) {
      if (isKind(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** No deadline: for event streams and reading content. Errors reach the reader untranslated. */
  stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): ClientReadableStream<Response> {
    return this.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.metadata(options),
    );
  }

  duplex<Request, Response>(
    method: MethodDefinition<Request, Response>,
    options: CallOptions = {},
  ): ClientDuplexStream<Request, Response> {
    return this.client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      this.metadata(options),
    );
  }

  close(): void {
    this.closed = true;
    this.client.close();
  }

  private metadata(options: CallOptions): Metadata {
    const metadata = new Metadata();
    metadata.set('containerd-namespace', this.namespace);
    if (options.lease !== undefined) metadata.set('containerd-lease', options.lease);
    return metadata;
  }
}
