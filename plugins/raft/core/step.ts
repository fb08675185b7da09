/**
 * What a message does: first its term, then its kind. A message may come twice, late, out of order or
 * from an enemy; whatever it is, it does no harm.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { handleAppend, handleAppendResponse } from './append.js';
import { handleVote, handleVoteResponse, isDisturbance } from './election.js';
import { refusalOf } from './guard.js';
import { handleHeartbeat, handleHeartbeatResponse } from './heartbeat.js';
import { confirmRead, handleReadIndex, handleReadIndexResponse } from './read-index.js';
import { handleSnapshot } from './snapshot.js';
import { NOBODY, type RaftState } from './state.js';
import { handleTimeoutNow } from './transfer.js';

export function step(state: RaftState, message: Message): void {
  const refusal = refusalOf(state, message);
  if (refusal !== undefined) {
    state.refuse(refusal);
    return;
  }
  // A question for whoever leads has no term.
  if (message.term > state.term && !followTerm(state, message)) return;
  if (message.term < state.term && message.term > 0n) {
    answerFromLaterTerm(state, message);
    return;
  }
  switch (message.type) {
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      handleVote(state, message);
      return;
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVoteResp:
      handleVoteResponse(state, message);
      return;
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
    case MessageType.MsgSnap:
      hearLeader(state, message);
      return;
    case MessageType.MsgAppResp:
      if (state.role === 'leader') handleAppendResponse(state, message);
      return;
    case MessageType.MsgHeartbeatResp:
      if (state.role !== 'leader') return;
      handleHeartbeatResponse(state, message);
      confirmRead(state, message);
      return;
    case MessageType.MsgTimeoutNow:
      handleTimeoutNow(state, message);
      return;
    case MessageType.MsgReadIndex:
      if (state.role === 'leader') handleReadIndex(state, message);
      return;
    case MessageType.MsgReadIndexResp:
      if (state.leader === message.from) handleReadIndexResponse(state, message);
      return;
    default:
      // The guard lets no other kind through.
      return;
  }
}

/** A higher term ends ours, except that a vote is not let disturb a leader that we still hear. */
function followTerm(state: RaftState, message: Message): boolean {
  const { type } = message;
  const vote = type === MessageType.MsgVote || type === MessageType.MsgPreVote;
  if (vote && isDisturbance(state, message)) return false;
  // Nobody is in that term yet.
  if (type === MessageType.MsgPreVote) return true;
  if (type === MessageType.MsgPreVoteResp && !message.reject) return true;
  state.becomeFollower(message.term, isFromLeader(message) ? message.from : NOBODY);
  return true;
}

/** Who is behind learns from our term that its own is over. */
function answerFromLaterTerm(state: RaftState, { type, from: to }: Message): void {
  if (type === MessageType.MsgApp || type === MessageType.MsgHeartbeat)
    state.send({ type: MessageType.MsgAppResp, to });
  else if (type === MessageType.MsgPreVote)
    state.send({ type: MessageType.MsgPreVoteResp, to, reject: true });
}

function hearLeader(state: RaftState, message: Message): void {
  // A term has one leader; whoever says otherwise is wrong or lies.
  if (state.leader !== NOBODY && state.leader !== message.from) {
    state.refuse('second leader of a term');
    return;
  }
  if (state.role !== 'follower') state.becomeFollower(message.term, message.from);
  state.electionElapsed = 0;
  state.leader = message.from;
  state.leaderIsGone = false;
  state.endorses = false;
  if (message.type === MessageType.MsgApp) handleAppend(state, message);
  else if (message.type === MessageType.MsgHeartbeat) handleHeartbeat(state, message);
  else handleSnapshot(state, message);
}

const isFromLeader = ({ type }: Message): boolean =>
  type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
