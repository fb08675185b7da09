/**
 * MsgSnap: how a member catches up that is behind the leader's first entry.
 * The core sends and keeps only the description of a snapshot; its data is the shell's, which fills it
 * in on the way out and takes it from `ready` on the way in.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { type Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { confState } from './membership.js';
import type { Progress } from './progress.js';
import type { RaftState } from './state.js';

export function sendSnapshot(state: RaftState, to: bigint, progress: Progress): boolean {
  // A member that is not there would hold a snapshot up for nothing.
  if (!progress.active) return false;
  const { index, term } = state.log.snapshot;
  invariant(index > 0n, 'RAFT_NO_SNAPSHOT', { firstIndex: state.log.firstIndex });
  const snapshot = Snapshot.create({ metadata: { index, term, confState: confState(state) } });
  state.send({ type: MessageType.MsgSnap, to, snapshot });
  progress.sendSnapshot(index);
  return true;
}

/** The transport says how the sending went. Appends go on where the snapshot, or what was before it, ends. */
export function snapshotReported(state: RaftState, to: bigint, arrived: boolean): void {
  const progress = state.members.get(to);
  if (state.role !== 'leader' || progress?.pace !== 'snapshot') return;
  if (!arrived) progress.pendingSnapshot = 0n;
  progress.probe();
}

export function handleSnapshot(state: RaftState, message: Message): void {
  const restored = message.snapshot !== undefined && restore(state, message.snapshot);
  const index = restored ? state.log.lastIndex : state.log.committed;
  state.send({ type: MessageType.MsgAppResp, to: message.from, index });
}

function restore(state: RaftState, snapshot: Snapshot): boolean {
  const { index, term, confState: configuration } = snapshot.metadata;
  if (index <= state.log.committed || !configuration.voters.includes(state.id)) return false;
  if (state.log.matches({ index, term })) {
    // We have all of it; only the commit index was old.
    state.log.commitTo(index);
    return false;
  }
  state.log.restore(snapshot);
  state.applied = index;
  state.setVoters(configuration.voters);
  return true;
}
