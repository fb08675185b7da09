import type { MethodDefinition } from '@grpc/grpc-js';
import type { CallOptions, RpcConnection } from '../contracts/rpc.js';
import {
  type ExplainPlacementRequest,
  type ExplainPlacementResponse,
  PlacementService,
} from '../wire/gen/node/placement.js';
import {
  CAService,
  type GetUnlockKeyRequest,
  type GetUnlockKeyResponse,
} from '../wire/gen/swarmkit/ca.js';
import { ControlService } from '../wire/gen/swarmkit/control.js';
import {
  LogsService,
  type SubscribeLogsMessage,
  type SubscribeLogsRequest,
} from '../wire/gen/swarmkit/logbroker.js';
import { connectControlSocket } from './connection.js';

/**
 * The Control API as methods: `client.createService({ spec })`.
 * One method a RPC, named as in the wire's service with a small first letter. Requests are full
 * messages (`CreateServiceRequest.create({ … })` fills the rest); errors are SwarmError with the
 * manager's kind and text.
 */
export type ControlMethods = {
  readonly [K in keyof ControlService]: (
    request: Parameters<ControlService[K]['requestSerialize']>[0],
    options?: CallOptions,
  ) => Promise<ReturnType<ControlService[K]['responseDeserialize']>>;
};

export interface ControlClient extends ControlMethods {
  /** Output of tasks, as it comes. Ends with the log; with `follow` only when `signal` aborts or the leader goes. */
  logs(request: SubscribeLogsRequest, options?: CallOptions): AsyncIterable<SubscribeLogsMessage>;
  /** The managers' unlock key: empty while they are not locked. Of the CA service, which the socket offers too. */
  unlockKey(request: GetUnlockKeyRequest, options?: CallOptions): Promise<GetUnlockKeyResponse>;
  /** What filters that plugins gave the scheduler say; unimplemented where the leader is not one of ours. */
  explainPlacement(
    request: ExplainPlacementRequest,
    options?: CallOptions,
  ): Promise<ExplainPlacementResponse>;
  close(): void;
}

/** `path` is the control socket's file path. Connects at the first call. */
export const connectControl = (path: string): ControlClient =>
  controlClient(connectControlSocket(path));

export function controlClient(connection: RpcConnection): ControlClient {
  const methods: Record<string, unknown> = {
    close: () => connection.close(),
    unlockKey: (request: GetUnlockKeyRequest, options?: CallOptions) =>
      connection.unary(CAService.getUnlockKey, request, options),
    explainPlacement: (request: ExplainPlacementRequest, options?: CallOptions) =>
      connection.unary(PlacementService.explain, request, options),
    logs: (request: SubscribeLogsRequest, options?: CallOptions) =>
      connection.serverStream(LogsService.subscribeLogs, request, options),
  };
  for (const [name, definition] of Object.entries(ControlService))
    methods[name] = (request: unknown, options?: CallOptions) =>
      connection.unary(
        definition as unknown as MethodDefinition<unknown, unknown>,
        request,
        options,
      );
  return methods as unknown as ControlClient;
}
