/** What a watcher is told, with SwarmKit's texts where it has one. */
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

export const badRequest = (text: string): SwarmError =>
  new SwarmError('invalid-argument', 'WATCH_REQUEST', text);

/** SwarmKit answers UNKNOWN for whatever its log does not hold. */
export const compacted = (): SwarmError =>
  new SwarmError(
    'unknown',
    'WATCH_COMPACTED',
    'changes since that version are not kept any more: list the objects again and watch from there',
  );

export const ahead = (): SwarmError =>
  new SwarmError(
    'unknown',
    'WATCH_AHEAD',
    'that version is ahead of this manager: watch from it again later, or ask another manager',
  );

export const tooSlow = (): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'WATCH_SLOW',
    'this watcher reads more slowly than the cluster changes: list the objects again and watch from there',
  );

export const stopped = (): SwarmError =>
  new SwarmError('unavailable', 'WATCH_STOPPED', 'this manager stops: watch at another one');
