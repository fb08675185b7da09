/**
 * MsgHeartbeat, MsgHeartbeatResp: a leader shows that it is there, and finds out whether a majority is;
 * without one it steps down, since nobody could see what it does.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { sendAppend } from './append.js';
import { minOf } from './bigint.js';
import { NOBODY, type RaftState } from './state.js';

export function broadcastHeartbeat(state: RaftState): void {
  for (const to of state.others()) {
    // Never beyond what the member is known to have: its log may still contradict ours there.
    const match = state.members.get(to)?.match ?? 0n;
    const commit = minOf(match, state.log.committed);
    state.send({ type: MessageType.MsgHeartbeat, to, commit });
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
  let active = 0;
  for (const [id, progress] of state.members) {
    if (id === state.id || progress.active) active++;
    progress.active = false;
  }
  if (active < state.quorum) state.becomeFollower(state.term, NOBODY);
}
