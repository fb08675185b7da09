/**
 * MsgHeartbeat, MsgHeartbeatResp: a leader shows that it is there, and finds out whether a majority is;
 * without one it steps down, since nobody could see what it does. Heartbeats also carry the number of
 * the last round of read checks, see read-index.ts.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { sendAppend } from './replicate.js';
import { minOf } from './bigint.js';
import { isMajority } from './quorum.js';
import { NOBODY, type RaftState } from './state.js';

export function broadcastHeartbeat(state: RaftState): void {
  const { context } = state.reads;
  for (const to of state.others) {
    // Never beyond what the member is known to have: its log may still contradict ours there.
    const match = state.members.get(to)?.match ?? 0n;
    const commit = minOf(match, state.log.committed);
    state.send({ type: MessageType.MsgHeartbeat, to, commit, context });
  }
}

export function handleHeartbeat(state: RaftState, message: Message): void {
  state.log.commitTo(message.commit);
  state.send({
    type: MessageType.MsgHeartbeatResp,
    to: message.from,
    context: message.context,
  });
}

export function handleHeartbeatResponse(state: RaftState, message: Message): void {
  const progress = state.members.get(message.from);
  if (progress === undefined) return;
  progress.active = true;
  progress.resume();
  if (progress.match < state.log.lastIndex || progress.pace === 'probe')
    sendAppend(state, message.from, true);
}

/** Once every election timeout. */
export function checkQuorum(state: RaftState): void {
  const heard = isMajority(
    state.configuration,
    (id) => id === state.id || state.members.get(id)?.active === true,
  );
  for (const progress of state.members.values()) progress.active = false;
  if (!heard) state.becomeFollower(state.term, NOBODY);
}
