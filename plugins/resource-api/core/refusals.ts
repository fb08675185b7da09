/** What is refused, in SwarmKit's words: Docker prints them as they are. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export const invalidArgument = (): SwarmError =>
  new SwarmError('invalid-argument', 'ATTACH_ARGUMENT', 'invalid argument');

export const notFound = (kind: 'network' | 'attachment' | 'node', name: string): SwarmError =>
  new SwarmError('not-found', 'ATTACH_NOT_FOUND', `${kind} ${name} not found`);

export const notAttachable = (network: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'ATTACH_NOT_ATTACHABLE',
    `network ${network} not manually attachable`,
  );

export const notYours = (attachment: string): SwarmError =>
  new SwarmError(
    'permission-denied',
    'ATTACH_OTHER_NODE',
    `attachment ${attachment} doesn't belong to this node`,
  );

/** Who calls tries again, and finds the new leader. */
export const stopped = (): SwarmError =>
  new SwarmError('unavailable', 'ATTACH_STOPPED', 'this manager does not lead any more');
