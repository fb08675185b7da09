/**
 * Membership changes: SwarmKit's, one member at a time, and joint ones where all members can. A change
 * counts from the moment it is applied; a second one is not proposed before that.
 */
import { ConfChangeType, EntryType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { commit } from './append.js';
import { appendOwn } from './replicate.js';
import {
  type Change,
  describedMembers,
  encodeChange,
  isJointChange,
  isLeave,
  isV2,
  singleChanges,
} from './change.js';
import { changed, isJoint } from './configuration.js';
import { campaign } from './election.js';
import { Feature, OUR_FEATURES } from './features.js';
import type { Position } from './log.js';
import { NOBODY, type RaftState, type Refusal } from './state.js';
import { abdicate, answerSummons } from './transfer.js';

/** While another change is not applied yet, an empty entry is appended in its place, as etcd does. */
export function proposeChange(state: RaftState, change: Change): Position | Refusal {
  const refusal = refusalOf(state, change);
  if (refusal !== undefined) return refusal;
  const joint = isJoint(state.configuration);
  if (state.pendingChange > state.applied || joint !== isLeave(change))
    return appendOwn(state, EntryType.EntryNormal, Buffer.alloc(0));
  if (changed(state.configuration, change) === undefined) return 'impossible';
  const { type, data } = encodeChange(change);
  const position = appendOwn(state, type, data);
  state.pendingChange = position.index;
  return position;
}

function refusalOf(state: RaftState, change: Change): Refusal | undefined {
  if (state.role !== 'leader') return 'not-leader';
  if (state.transferee !== NOBODY) return 'transferring';
  if (isV2(change) && !state.everyoneHas(Feature.joint)) return 'unsupported';
  const learner = singleChanges(change).some(
    ({ type }) => type === ConfChangeType.ConfChangeAddLearnerNode,
  );
  if (learner && !state.everyoneHas(Feature.learners)) return 'unsupported';
  return undefined;
}

/** An entry was applied, and `applied` says so; `change` is what it changes, if anything. */
export function entryApplied(state: RaftState, change: Change | undefined, index: bigint): void {
  if (change !== undefined) applyChange(state, change, index);
  leaveJointChange(state);
  answerSummons(state);
}

/** An automatic joint change is left as soon as that can be proposed. */
export function leaveJointChange(state: RaftState): void {
  const { configuration, role, pendingChange, applied, transferee } = state;
  if (role !== 'leader' || !configuration.autoLeave) return;
  if (applied < pendingChange || transferee !== NOBODY) return;
  state.pendingChange = appendOwn(state, EntryType.EntryConfChangeV2, Buffer.alloc(0)).index;
}

function applyChange(state: RaftState, change: Change, index: bigint): void {
  state.know(describedMembers(change));
  const next = changed(state.configuration, change);
  if (next === undefined) {
    state.refuse('change that does not fit the group');
    return;
  }
  if (isJointChange(change) || isLeave(change)) state.jointChange = index;
  const ledByMember = state.members.has(state.leader);
  state.configure(next);
  if (state.role === 'leader') leadOn(state);
  else if (ledByMember && !state.members.has(state.leader)) leaderWasRemoved(state);
}

function leadOn(state: RaftState): void {
  if (!state.configuration.voters.includes(state.transferee)) state.transferee = NOBODY;
  // A smaller group may have a majority already; a new member wants to hear from us.
  commit(state);
  state.appendDue = true;
  abdicateIfRemoved(state);
}

/**
 * SwarmKit's leader goes on until its manager stops. Ours hands over, again and again until somebody
 * took over: had it gone at once, nobody might know that it is not needed for a majority any more.
 */
export function abdicateIfRemoved(state: RaftState): void {
  if (state.role !== 'leader' || state.isVoter || !state.everyoneHas(OUR_FEATURES)) return;
  abdicate(state);
}

/** SwarmKit's followers stand for election at once. Among us the leader has named its heir. */
function leaderWasRemoved(state: RaftState): void {
  if (state.everyoneHas(OUR_FEATURES)) state.leader = NOBODY;
  else campaign(state);
}
