/**
 * The two errors of the house. SwarmError is for callers, who act on its `kind`; InvariantError says
 * that our own code broke a promise, and stops the node. Never `instanceof` across a plugin boundary:
 * use `isSwarmError`, since a plugin may carry its own copy of this file.
 */

/** gRPC status names. The kind alone decides about retry, see `isRetryable`. */
export type Kind =
  | 'cancelled'
  | 'unknown'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'out-of-range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data-loss'
  | 'unauthenticated';

export interface SwarmErrorOptions {
  /** Facts for logs and tools: ids, paths, sizes. Never secrets. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * An error that a caller can act on.
 * `code` (`SCHED_NO_NODE`) is for people and for docs/errors.md; `message` is one sentence that names
 * the thing and, where there is something to do, what to do. On the wire only kind and message travel.
 */
export class SwarmError extends Error {
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    readonly kind: Kind,
    readonly code: string,
    message: string,
    options: SwarmErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SwarmError';
    this.detail = options.detail ?? {};
  }
}

/** Structural on purpose, see the top of the file. */
export const isSwarmError = (error: unknown): error is SwarmError =>
  error instanceof Error && error.name === 'SwarmError' && 'kind' in error && 'code' in error;

/** True where the same call may succeed later: unavailable, aborted, deadline-exceeded, resource-exhausted. */
export const isRetryable = (error: unknown): boolean =>
  isSwarmError(error) &&
  (error.kind === 'unavailable' ||
    error.kind === 'aborted' ||
    error.kind === 'deadline-exceeded' ||
    error.kind === 'resource-exhausted');

/** A broken promise of our own code. Never caught and carried on from: the kernel stops the node. */
export class InvariantError extends Error {
  constructor(
    readonly code: string,
    readonly detail: Readonly<Record<string, unknown>> = {},
  ) {
    super(`invariant ${code} is broken: ${describe(detail)}`);
    this.name = 'InvariantError';
  }
}

export const isInvariantError = (error: unknown): error is InvariantError =>
  error instanceof Error && error.name === 'InvariantError';

/** Stays on in production. Put one at every door: message in, entry applied, plan out. */
export function invariant(
  ok: unknown,
  code: string,
  detail?: Readonly<Record<string, unknown>>,
): asserts ok {
  if (!ok) throw new InvariantError(code, detail);
}

/** The one sentence of anything thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function describe(detail: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(detail, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
