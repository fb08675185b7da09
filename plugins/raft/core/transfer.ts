/**
 * MsgTimeoutNow: a leader hands over to a member of its choice, once that one has the whole log.
 * Meanwhile nothing new is proposed. An attempt that took an election timeout is given up.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { sendAppend } from './replicate.js';
import { campaign } from './election.js';
import type { Progress } from './progress.js';
import { NOBODY, type RaftState, type Refusal } from './state.js';

export function transferLeader(state: RaftState, to: bigint): Refusal | undefined {
  if (state.role !== 'leader') return 'not-leader';
  const progress = state.members.get(to);
  if (progress === undefined || to === state.id) return 'impossible';
  if (!state.configuration.voters.includes(to)) return 'impossible';
  if (state.transferee === to) return undefined;
  state.transferee = to;
  // The time to give up begins now.
  state.electionElapsed = 0;
  if (!handOver(state, to, progress)) sendAppend(state, to, true);
  return undefined;
}

/** Called when `from` has acknowledged something. */
export function handOver(state: RaftState, from: bigint, progress: Progress): boolean {
  if (from !== state.transferee || progress.match !== state.log.lastIndex) return false;
  state.send({ type: MessageType.MsgTimeoutNow, to: from });
  return true;
}

/** A leader that is no member any more leaves to whom it can leave soonest, then follows. */
export function abdicate(state: RaftState): void {
  let heir: bigint | undefined;
  let match = 0n;
  for (const id of state.configuration.voters) {
    const progress = state.members.get(id);
    if (progress === undefined || id === state.id || progress.match <= match) continue;
    heir = id;
    match = progress.match;
  }
  if (heir !== undefined) state.send({ type: MessageType.MsgTimeoutNow, to: heir });
  state.becomeFollower(state.term, NOBODY);
}

export function handleTimeoutNow(state: RaftState, message: Message): void {
  if (state.role === 'follower' && state.leader === message.from) campaign(state, true);
  else state.refuse('hand-over by one who does not lead');
}
