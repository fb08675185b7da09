/** The errors of consensus, each made in one place. Texts in front of `raft:` are SwarmKit's own. */
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { Refusal } from '../core/state.js';

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

/** SwarmKit's text: whoever reads it stops being a manager. Never said to a member. */
export const MEMBER_REMOVED_TEXT = 'raft: member was removed from the cluster';

export const memberRemoved = (): SwarmError =>
  new SwarmError('not-found', 'RAFT_MEMBER_REMOVED', MEMBER_REMOVED_TEXT);

export const memberUnknown = (raftId: bigint): SwarmError =>
  new SwarmError('not-found', 'RAFT_MEMBER_UNKNOWN', `member ${raftId.toString(16)} not found`);

export const notYetMember = (): SwarmError =>
  new SwarmError('unknown', 'RAFT_NOT_MEMBER', 'raft: node is not yet part of a raft cluster');

export const badAddress = (address: string): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RAFT_MEMBER_ADDRESS',
    `invalid address ${address} in raft join request`,
  );

export const badOwnAddress = (address: string): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RAFT_MEMBER_ADDRESS',
    `advertiseAddress is ${address}, where no manager can be reached: it must be host:port`,
  );

export const wouldLoseQuorum = (): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RAFT_MEMBER_QUORUM',
    'raft: member cannot be removed, because removing it may result in loss of quorum',
  );

export const memberLeads = (): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RAFT_MEMBER_LEADS',
    'this manager leads the group and cannot remove itself: hand the leadership over first',
  );

export const changeOvertaken = (): SwarmError =>
  new SwarmError(
    'aborted',
    'RAFT_CHANGE_OVERTAKEN',
    'other changes of the members came first: look at the members and try again',
  );

/** `why` is the core's word for it. */
export const changeRefused = (why: Refusal): SwarmError =>
  why === 'not-leader' || why === 'transferring'
    ? notLeader()
    : new SwarmError(
        'failed-precondition',
        'RAFT_CHANGE_REFUSED',
        `the members cannot be changed in this way: ${why}`,
      );

/** SwarmKit's text. */
export const onlySnapshotsHavePieces = (): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RAFT_CHUNK',
    `Raft message chunk is not of type ${MessageType.MsgSnap}`,
  );

export const snapshotUnreadable = (index: bigint): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'RAFT_CHUNK',
    `the snapshot at entry ${index} cannot be read, nothing of it was taken`,
  );

export const snapshotStalled = (): SwarmError =>
  new SwarmError(
    'deadline-exceeded',
    'RAFT_SNAPSHOT_STALLED',
    'the next piece of the snapshot did not come in time, nothing of it was taken',
  );

export const snapshotOvertaken = (): SwarmError =>
  new SwarmError(
    'aborted',
    'RAFT_SNAPSHOT_OVERTAKEN',
    'the same node began to send another snapshot, nothing of this one was taken',
  );

export const notTaken = (to: bigint): SwarmError =>
  new SwarmError(
    'unavailable',
    'RAFT_NOT_TAKEN',
    `manager ${to.toString(16)} did not take over the leadership in time: look whether it is up, or name another`,
  );

export const noReadIndex = (why: string): SwarmError =>
  new SwarmError(
    'unavailable',
    'RAFT_NO_READ_INDEX',
    `it cannot be confirmed that what is read is the newest: ${why}`,
  );
