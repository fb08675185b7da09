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

/** To the voter that is furthest. */
export function abdicate(state: RaftState): void {
  let heir = NOBODY;
  let match = -1n;
  for (const id of state.configuration.voters) {
    const progress = state.members.get(id);
    if (progress === undefined || id === state.id || progress.match <= match) continue;
    heir = id;
    match = progress.match;
  }
  if (heir !== NOBODY) transferLeader(state, heir);
}

export function handleTimeoutNow(state: RaftState, message: Message): void {
  if (state.role !== 'follower' || state.leader !== message.from) {
    state.refuse('hand-over by one who does not lead');
    return;
  }
  state.summoned = true;
  answerSummons(state);
}

/** Again when an entry was applied: the change that removes the leader often comes just before. */
export function answerSummons(state: RaftState): void {
  if (state.summoned) campaign(state, true);
}
