/** containerd's gRPC statuses as the errors of this house. */
import { type ServiceError, status } from '@grpc/grpc-js';
import { isSwarmError, type Kind, SwarmError } from '@swarmkit/sdk/plugin/errors';

const kinds: Readonly<Record<number, Kind>> = {
  [status.CANCELLED]: 'cancelled',
  [status.UNKNOWN]: 'unknown',
  [status.INVALID_ARGUMENT]: 'invalid-argument',
  [status.DEADLINE_EXCEEDED]: 'deadline-exceeded',
  [status.NOT_FOUND]: 'not-found',
  [status.ALREADY_EXISTS]: 'already-exists',
  [status.PERMISSION_DENIED]: 'permission-denied',
  [status.RESOURCE_EXHAUSTED]: 'resource-exhausted',
  [status.FAILED_PRECONDITION]: 'failed-precondition',
  [status.ABORTED]: 'aborted',
  [status.OUT_OF_RANGE]: 'out-of-range',
  [status.UNIMPLEMENTED]: 'unimplemented',
  [status.INTERNAL]: 'internal',
  [status.UNAVAILABLE]: 'unavailable',
  [status.DATA_LOSS]: 'data-loss',
  [status.UNAUTHENTICATED]: 'unauthenticated',
};

export function translate(error: ServiceError, address: string): SwarmError {
  if (isGone(error))
    return new SwarmError(
      'unavailable',
      'CONTAINERD_UNAVAILABLE',
      `containerd at ${address} does not answer; start it, or set executor-containerd.address to its socket`,
      { cause: error, detail: { address, reason: error.details } },
    );
  if (error.code === status.DEADLINE_EXCEEDED)
    return new SwarmError(
      'deadline-exceeded',
      'CONTAINERD_TIMEOUT',
      `containerd at ${address} did not answer in time; the machine or containerd is overloaded or hangs`,
      { cause: error, detail: { address } },
    );
  return new SwarmError(
    kinds[error.code] ?? 'unknown',
    'CONTAINERD_REFUSED',
    // Only the details: grpc-js's message repeats the code as a number and a name.
    withoutSuffix(error.details),
    { cause: error },
  );
}

/**
 * True when the connection failed. A connection that broke under a call shows up as cancelled or
 * internal too; and containerd itself says unavailable of a content reference that is locked.
 */
const isGone = (error: ServiceError): boolean =>
  (error.code === status.UNAVAILABLE ||
    error.code === status.INTERNAL ||
    error.code === status.CANCELLED) &&
  /connection|ECONN|EPIPE|ENOENT|RST_STREAM|GOAWAY|session|socket|shutting down/i.test(
    error.details,
  );

/** containerd ends a wrapped error with the name of its class: `…: not found`, `…: unknown`. */
const withoutSuffix = (details: string): string => details.replace(/: unknown$/, '');

export const connectionClosed = (address: string): SwarmError =>
  new SwarmError(
    'unavailable',
    'CONTAINERD_UNAVAILABLE',
    `the connection to containerd at ${address} is closed; this node's agent is stopping`,
  );

export const isKind = (error: unknown, kind: Kind): boolean =>
  isSwarmError(error) && error.kind === kind;
