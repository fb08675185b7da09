/**
 * MsgSnap: how a member catches up that is behind the leader's first entry.
 * The core sends and keeps only the description of a snapshot; its data is the shell's, which fills it
 * in on the way out and takes it from `ready` on the way in.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import { type Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { everyMember, fromConfState, toConfState } from './configuration.js';
import type { Progress } from './progress.js';
import type { RaftState } from './state.js';

export function sendSnapshot(state: RaftState, to: bigint, progress: Progress): boolean {
  // A member that is not there would hold a snapshot up for nothing.
  if (!progress.active) return false;
  const { index, term } = state.log.snapshot;
  invariant(index > 0n, 'RAFT_NO_SNAPSHOT', { firstIndex: state.log.firstIndex });
  // The configuration that goes along is the present one, as SwarmKit does it, so that a member that
  // was added since finds itself in it; it meets the changes in between again, and they change nothing.
  // Entering and leaving a joint change again would: then the snapshot must be newer.
  if (index < state.jointChange) {
    state.snapshotDue = true;
    return false;
  }
  const confState = toConfState(state.configuration);
  const snapshot = Snapshot.create({ metadata: { index, term, confState } });
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
  // It arrived: the member says so itself. It did not: not again before the member was heard of.
  progress.pause();
}

export function handleSnapshot(state: RaftState, message: Message): void {
  const restored = message.snapshot !== undefined && restore(state, message.snapshot);
  const index = restored ? state.log.lastIndex : state.log.committed;
  state.send({ type: MessageType.MsgAppResp, to: message.from, index });
}

function restore(state: RaftState, snapshot: Snapshot): boolean {
  const { index, term } = snapshot.metadata;
  const configuration = fromConfState(snapshot.metadata.confState);
  if (index <= state.log.committed) return false;
  if (!everyMember(configuration).includes(state.id) && !isNewcomer(state)) {
    state.refuse('snapshot of a group without this member');
    return false;
  }
  if (state.log.matches({ index, term })) {
    // We have all of it; only the commit index was old.
    state.log.commitTo(index);
    return false;
  }
  state.log.restore(snapshot);
  state.applied = index;
  state.jointChange = 0n;
  state.configure(configuration);
  return true;
}

/**
 * Engines up to Docker 20.10 send a snapshot with the configuration that it was made under. Who was added
 * after that finds itself in the entries that follow, and has no vote until then. Who was a member once has
 * applied the entry that made it one: a later snapshot without it means that it was removed.
 */
const isNewcomer = ({ id, members, removed }: RaftState): boolean => !removed && !members.has(id);
