/**
 * Everything the control API refuses, one function a reason. Texts are SwarmKit's own where it has one:
 * its tools, and Docker's, match on them.
 */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

/** A required id, version or spec is missing. */
export const missingArgument = (): SwarmError =>
  new SwarmError('invalid-argument', 'API_ARGUMENT', 'invalid argument');

/** The spec or the request breaks a rule; the message says which. */
export const invalid = (message: string): SwarmError =>
  new SwarmError('invalid-argument', 'API_INVALID', message);

/** SwarmKit answers these without a status code, so they arrive as unknown. */
export const malformedDuration = (message: string): SwarmError =>
  new SwarmError('unknown', 'API_DURATION', message);

export const notFound = (kind: string, id: string): SwarmError =>
  new SwarmError('not-found', 'API_NOT_FOUND', `${kind} ${id} not found`);

/** SwarmKit words it so when a secret or config is to be removed. */
export const couldNotFind = (kind: string, id: string): SwarmError =>
  new SwarmError('not-found', 'API_NOT_FOUND', `could not find ${kind} ${id}`);

export const nameTaken = (message: string): SwarmError =>
  new SwarmError('already-exists', 'API_NAME_TAKEN', message);

export const portInUse = (message: string): SwarmError =>
  new SwarmError('invalid-argument', 'API_PORT_IN_USE', message);

/** More tasks than the manager is set up to keep in memory. */
export const tooManyTasks = (wanted: bigint, limit: number): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'API_TOO_MANY_TASKS',
    `all services together would want ${wanted} tasks, and this cluster is set up for at most ${limit} (control-api.maxTasks)`,
  );

/** Secrets, configs or networks that a spec names and that do not exist. */
export const missingReference = (message: string): SwarmError =>
  new SwarmError('invalid-argument', 'API_REFERENCE', message);

/** Something else still refers to it. Secrets and configs say so with another kind than networks. */
export const inUse = (
  message: string,
  kind: 'invalid-argument' | 'failed-precondition',
): SwarmError => new SwarmError(kind, 'API_IN_USE', message);

/** What an update cannot change. */
export const immutable = (message: string): SwarmError =>
  new SwarmError('unimplemented', 'API_IMMUTABLE', message);

/** Part of SwarmKit's API, and not (or not yet) of this one. */
export const unsupported = (message: string): SwarmError =>
  new SwarmError('unimplemented', 'API_UNSUPPORTED', message);

/** Right now, in this state of the cluster, it would do harm. */
export const precondition = (message: string): SwarmError =>
  new SwarmError('failed-precondition', 'API_PRECONDITION', message);

export const notAMember = (): SwarmError =>
  new SwarmError('not-found', 'API_NOT_A_MEMBER', "can't find manager in raft memberlist");

/** Reserved for what the cluster makes by itself. */
export const forbidden = (message: string): SwarmError =>
  new SwarmError('permission-denied', 'API_FORBIDDEN', message);
