/**
 * MsgPreVote, MsgPreVoteResp, MsgVote, MsgVoteResp: how a term gets at most one leader.
 * A member votes once a term and only for a log as long as its own, and its vote is on disk before the
 * candidate hears of it. Our own vote counts when it is on disk, see `ownVoteSaved`. Where all members
 * can, a candidate first asks whether it would win: that changes nobody's term and promises nothing.
 */
import { EntryType, type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { appendOwn } from './replicate.js';
import { Feature } from './features.js';
import type { Position } from './log.js';
import { outcomeOf } from './quorum.js';
import { HIGHEST, NOBODY, type RaftState } from './state.js';

/** Context of a vote request that a leader asked for: it is answered although that leader is alive. */
const TRANSFER = 'CampaignTransfer';

const isTransfer = (message: Message): boolean =>
  message.context.length === TRANSFER.length && message.context.toString('latin1') === TRANSFER;

/** `transfer`: the leader wants us to; we need not ask first. */
export function campaign(state: RaftState, transfer = false): void {
  // Of a joint change also those that go: only they may have what is needed to leave it.
  if (!state.isVoter || state.role === 'leader' || state.term >= HIGHEST) return;
  if (state.log.incoming !== undefined || hasUnappliedChange(state)) return;
  if (!transfer && state.everyoneHas(Feature.preVote)) askFirst(state);
  else stand(state, transfer);
}

/** Who wins an election must know who the voters are. */
function hasUnappliedChange({ log, applied }: RaftState): boolean {
  if (applied >= log.committed) return false;
  return log
    .slice(applied + 1n, Number.POSITIVE_INFINITY, log.committed)
    .some((entry) => entry.Type !== EntryType.EntryNormal);
}

function askFirst(state: RaftState): void {
  state.enter('pre-candidate', state.term);
  ask(state, MessageType.MsgPreVote, state.term + 1n, false);
  count(state, state.id, true);
}

function stand(state: RaftState, transfer: boolean): void {
  state.enter('candidate', state.term + 1n);
  state.vote = state.id;
  ask(state, MessageType.MsgVote, state.term, transfer);
}

function ask(state: RaftState, type: MessageType, term: bigint, transfer: boolean): void {
  const { index, term: logTerm } = state.log.last;
  const context = Buffer.from(transfer ? TRANSFER : '', 'latin1');
  for (const to of state.others) state.send({ type, to, term, index, logTerm, context });
}

/**
 * The process that leads is gone. From now on candidates are heard. SwarmKit's managers are deaf to them for an
 * election timeout after they heard the leader, and ticks are not in step: with one more all of them hear, and
 * those of ours stand one after the other.
 */
export function leaderIsGone(state: RaftState): void {
  if (state.role !== 'follower' || state.leader === NOBODY) return;
  state.leaderIsGone = true;
  const soon = state.settings.electionTicks + 1 + turnOf(state);
  state.electionTimeout = Math.min(state.electionTimeout, soon);
}

/** How many of ours stand before this member, so that no two do at once. */
export function turnOf(state: RaftState): number {
  const isBefore = (id: bigint): boolean =>
    id < state.id && id !== state.leader && state.has(id, Feature.preVote);
  return state.others.filter(isBefore).length;
}

/** Whether a request for our vote may end the term that we are in. A leader that we hear is not disturbed. */
export function isDisturbance(state: RaftState, message: Message): boolean {
  return (
    !isTransfer(message) &&
    state.leader !== NOBODY &&
    !state.leaderIsGone &&
    state.electionElapsed < state.settings.electionTicks
  );
}

/** Of both kinds. */
export function handleVote(state: RaftState, message: Message): void {
  const pre = message.type === MessageType.MsgPreVote;
  const type = pre ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
  const free =
    state.vote === message.from ||
    (state.vote === NOBODY && state.leader === NOBODY) ||
    (pre && message.term > state.term);
  const granted = free && hasEnough(state, { index: message.index, term: message.logTerm });
  if (granted && !pre) {
    state.vote = message.from;
    state.electionElapsed = 0;
  }
  if (granted && pre) state.endorses = true;
  // A yes is for the term that was asked about, a no tells of ours.
  const term = granted ? message.term : state.term;
  state.send({ type, to: message.from, term, reject: !granted });
}

/**
 * A candidate needs a log as long as ours. Once we are removed nobody counts what we have beyond the
 * commit index, and the others may need our vote to find out that they do not need it any more.
 */
function hasEnough({ log, removed }: RaftState, candidate: Position): boolean {
  if (!removed) return log.isUpToDate(candidate);
  const term = log.term(log.committed) ?? 0n;
  return candidate.term > term || (candidate.term === term && candidate.index >= log.committed);
}

export function handleVoteResponse(state: RaftState, message: Message): void {
  if (message.type === MessageType.MsgVoteResp) {
    if (state.role === 'candidate') count(state, message.from, !message.reject);
    return;
  }
  if (state.role !== 'pre-candidate') return;
  // A yes to what we asked in an earlier term says nothing about this one.
  const granted = !message.reject && message.term === state.term + 1n;
  if (granted || message.reject) count(state, message.from, granted);
}

/** Called when our vote of this term is on disk. */
export function ownVoteSaved(state: RaftState): void {
  if (state.role === 'candidate') count(state, state.id, true);
}

function count(state: RaftState, from: bigint, granted: boolean): void {
  if (!state.votes.has(from)) state.votes.set(from, granted);
  const outcome = outcomeOf(state.configuration, (id) => state.votes.get(id));
  if (outcome === 'lost') state.becomeFollower(state.term, NOBODY);
  else if (outcome === 'won' && state.role === 'pre-candidate') stand(state, false);
  else if (outcome === 'won') lead(state);
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
