/**
 * MsgVote, MsgVoteResp, MsgTimeoutNow: how a term gets at most one leader.
 * A member votes once a term and only for a log as long as its own, and its vote is on disk before the
 * candidate hears of it. Our own vote counts when it is on disk, see `ownVoteSaved`.
 */
import { EntryType, type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { appendOwn } from './append.js';
import { NOBODY, type RaftState } from './state.js';

/** Context of a vote request that a leader asked for: it is answered although that leader is alive. */
const TRANSFER = 'CampaignTransfer';

export const isTransfer = (message: Message): boolean =>
  message.context.length === TRANSFER.length && message.context.toString('latin1') === TRANSFER;

export function campaign(state: RaftState, transfer = false): void {
  if (!state.isVoter || state.role === 'leader' || hasUnappliedChange(state)) return;
  state.enter('candidate', state.term + 1n);
  state.vote = state.id;
  const { index, term: logTerm } = state.log.last;
  const context = Buffer.from(transfer ? TRANSFER : '', 'latin1');
  for (const to of state.others())
    state.send({ type: MessageType.MsgVote, to, index, logTerm, context });
}

/** Who wins an election must know who the voters are. */
function hasUnappliedChange({ log, applied }: RaftState): boolean {
  if (applied >= log.committed || log.incoming !== undefined) return false;
  return log
    .slice(applied + 1n, Number.POSITIVE_INFINITY, log.committed)
    .some((entry) => entry.Type !== EntryType.EntryNormal);
}

export function handleVote(state: RaftState, message: Message): void {
  const free = state.vote === message.from || (state.vote === NOBODY && state.leader === NOBODY);
  const granted = free && state.log.isUpToDate({ index: message.index, term: message.logTerm });
  if (granted) {
    state.vote = message.from;
    state.electionElapsed = 0;
  }
  state.send({ type: MessageType.MsgVoteResp, to: message.from, reject: !granted });
}

export function handleVoteResponse(state: RaftState, message: Message): void {
  if (state.role === 'candidate') count(state, message.from, !message.reject);
}

/** Called when our vote of this term is on disk. */
export function ownVoteSaved(state: RaftState): void {
  if (state.role === 'candidate') count(state, state.id, true);
}

function count(state: RaftState, from: bigint, granted: boolean): void {
  if (!state.members.has(from) || state.votes.has(from)) return;
  state.votes.set(from, granted);
  const yes = [...state.votes.values()].filter(Boolean).length;
  const no = state.votes.size - yes;
  if (yes >= state.quorum) lead(state);
  else if (no >= state.quorum) state.becomeFollower(state.term, NOBODY);
}

function lead(state: RaftState): void {
  state.enter('leader', state.term);
  state.leader = state.id;
  for (const progress of state.members.values()) progress.active = true;
  // Entries of earlier terms may hold a change that is not applied yet; so none may be proposed until then.
  state.pendingChange = state.log.lastIndex;
  // Entries of earlier terms commit only behind one of our own (section 5.4.2 of the paper).
  appendOwn(state, EntryType.EntryNormal, Buffer.alloc(0));
}
