/** Everything that this plugin refuses, with SwarmKit's texts, on some of which its nodes act. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export const invalidArgument = (): SwarmError =>
  new SwarmError('invalid-argument', 'CASERVER_ARGUMENT', 'InvalidArgument');

export const csrTooLong = (limit: number): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'CASERVER_CSR_SIZE',
    `the certificate signing request is longer than ${limit} bytes`,
  );

export const noToken = (): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'CASERVER_TOKEN',
    'A valid join token is necessary to join this cluster',
  );

export const renewalOfNobody = (nodeId: string): SwarmError =>
  new SwarmError(
    'not-found',
    'CASERVER_NODE_GONE',
    `node ${nodeId} not found when attempting to renew certificate`,
  );

export const unknownNode = (): SwarmError =>
  new SwarmError('not-found', 'CASERVER_NODE_UNKNOWN', 'NotFound');

export const starting = (): SwarmError =>
  new SwarmError('aborted', 'CASERVER_STARTING', 'CA signer is still starting');

export const stopped = (): SwarmError =>
  new SwarmError('aborted', 'CASERVER_STOPPED', 'CA signer is stopped');

export const tooManyPolls = (limit: number): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'CASERVER_POLLS',
    `more than ${limit} callers wait for a certificate: ask again later`,
  );

/** `reason` completes the sentence. */
export const formerRefused = (nodeId: string, reason: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'CASERVER_FORMER',
    `the certificate of node ${nodeId} ran out and cannot be renewed: ${reason}; join the cluster anew with a token`,
  );
