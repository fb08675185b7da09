import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

/** What went wrong in a call of the engine, told once at this edge. */

interface HttpError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly json?: { readonly message?: string };
  readonly reason?: string;
}

/** Codes of a connection that is not there: the engine is stopped or starting. */
const gone = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EACCES']);

export function engineError(socket: string, cause: unknown): SwarmError {
  const { statusCode, code, json } = cause as HttpError;
  if (statusCode === undefined) {
    if (code !== undefined && gone.has(code))
      return new SwarmError(
        'unavailable',
        'DOCKER_UNREACHABLE',
        `Docker cannot be reached at ${socket} (${code}); start it, or name its socket with --engine-addr`,
        { cause },
      );
    return new SwarmError('unknown', 'DOCKER_ENGINE', messageOf(cause), { cause });
  }
  const message = (json?.message ?? messageOf(cause)).trim();
  if (statusCode === 404)
    return new SwarmError('not-found', 'DOCKER_NOT_FOUND', message, { cause });
  if (statusCode === 409)
    return new SwarmError('already-exists', 'DOCKER_CONFLICT', message, { cause });
  if (statusCode === 503) return new SwarmError('unavailable', 'DOCKER_BUSY', message, { cause });
  return new SwarmError(
    statusCode < 500 ? 'invalid-argument' : 'unknown',
    'DOCKER_ENGINE',
    message,
    { cause },
  );
}
