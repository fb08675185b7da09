/** The errors of consensus, each made in one place. Texts in front of `raft:` are SwarmKit's own. */
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

export const notLeader = (): SwarmError =>
  new SwarmError(
    'unavailable',
    'RAFT_NOT_LEADER',
    'this node does not lead the cluster, nothing was written: ask the leader, or try again when one is elected',
  );

export const lostLeadership = (): SwarmError =>
  new SwarmError(
    'unknown',
    'RAFT_LOST_LEADERSHIP',
    'raft: failed to process the request: node lost leader status',
  );

export const stopped = (): SwarmError =>
  new SwarmError(
    'unavailable',
    'RAFT_STOPPED',
    'raft: failed to process the request: node is stopped',
  );

export const tooLarge = (bytes: number): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RAFT_TOO_LARGE',
    "raft: raft message is too large and can't be sent",
    { detail: { bytes } },
  );

export const busy = (bytes: number): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'RAFT_BUSY',
    `${bytes} bytes of writes wait to be committed, nothing was written: try again in a moment`,
    { detail: { bytes } },
  );

export const diskFullNothingWritten = (cause: unknown): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'RAFT_DISK_FULL',
    `nothing was written: ${messageOf(cause)}`,
    { cause },
  );

export const diskFullMayBeWritten = (cause: unknown): SwarmError =>
  new SwarmError(
    'resource-exhausted',
    'RAFT_DISK_FULL',
    `the write is held back and happens when there is room again: ${messageOf(cause)}`,
    { cause },
  );

export const corrupt = (what: string, location: string, cause?: unknown): SwarmError =>
  new SwarmError(
    'data-loss',
    'RAFT_CORRUPT',
    `${what} in ${location}: restore that folder from a backup, or move it away and let this node join the cluster again`,
    { cause },
  );

export const foreignLog = (owner: string, nodeId: string, location: string): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RAFT_FOREIGN_LOG',
    `the raft log in ${location} belongs to node ${owner} and this node is ${nodeId}: bring back the certificate of ${owner} or move the log away`,
  );
