/**
 * MsgApp, MsgAppResp: how the leader's log gets onto every disk, and when an entry is committed.
 * A leader never commits an entry of an earlier term by counting; only behind one of its own.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { minOf } from './bigint.js';
import type { RaftLog } from './log.js';
import { agreedValue } from './quorum.js';
import { sendAppend } from './replicate.js';
import { NOBODY, type RaftState } from './state.js';
import { handOver } from './transfer.js';

/** Called when our own log is on disk up to `stable`: we acknowledge our own entries. */
export function ownLogSaved(state: RaftState): void {
  if (state.role !== 'leader') return;
  const own = state.members.get(state.id);
  if (own?.acknowledged(state.log.stable)) commit(state);
}

export function handleAppend(state: RaftState, message: Message): void {
  const { log } = state;
  const reply = { type: MessageType.MsgAppResp, to: message.from };
  if (contradictsCommitted(log, message)) {
    state.refuse('append that contradicts what is committed');
    return;
  }
  // What is committed cannot conflict; the leader learns where we are.
  if (message.index < log.committed) {
    state.send({ ...reply, index: log.committed });
    return;
  }
  const equalTo = log.merge({ index: message.index, term: message.logTerm }, message.entries);
  if (equalTo !== undefined) {
    log.commitTo(minOf(message.commit, equalTo));
    state.send({ ...reply, index: equalTo });
    return;
  }
  const from = minOf(message.index, log.lastIndex);
  const hint = log.lastAtMost(from, message.logTerm);
  state.send({
    ...reply,
    index: message.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}

export function handleAppendResponse(state: RaftState, message: Message): void {
  const progress = state.members.get(message.from);
  if (progress === undefined) return;
  progress.active = true;
  if (message.reject) {
    // Skips whole terms: nothing of a later term than the member's hint can be in its log.
    const hint =
      message.logTerm > 0n
        ? state.log.lastAtMost(message.rejectHint, message.logTerm).index
        : message.rejectHint;
    if (!progress.refused(message.index, hint)) return;
    if (progress.pace === 'replicate') progress.probe();
    sendAppend(state, message.from, true);
    return;
  }
  const wasPaused = progress.paused;
  const news = progress.acknowledged(message.index);
  if (!news && !(progress.pace === 'probe' && progress.match === message.index)) return;
  if (progress.pace === 'probe') progress.replicate();
  else if (progress.pace === 'snapshot' && progress.match + 1n >= state.log.firstIndex) {
    progress.probe();
    progress.replicate();
  }
  const isDue = commit(state) && state.appendDue;
  // Else everybody is sent something anyway.
  if (wasPaused && !isDue) sendAppend(state, message.from, true);
  while (sendAppend(state, message.from, false));
  if (state.transferee !== NOBODY) handOver(state, message.from, progress);
}

/** Moves the commit index to what a majority has. True when it moved. */
export function commit(state: RaftState): boolean {
  const index = agreedValue(state.configuration, (id) => state.members.get(id)?.match ?? 0n);
  const { log } = state;
  if (index <= log.committed || index > log.lastIndex) return false;
  if (log.term(index) !== state.term) return false;
  // Whoever it removes is sent nothing more once it is applied here.
  const changesGroup = state.pendingChange > log.committed && state.pendingChange <= index;
  log.commitTo(index);
  if (state.settings.commitsWait === true && !changesGroup) state.commitDue = true;
  else state.appendDue = true;
  return true;
}

/** No true leader lacks an entry that we know to be committed. */
function contradictsCommitted(log: RaftLog, { index, logTerm, entries }: Message): boolean {
  if (index > log.committed) return false;
  const differs = (at: bigint, term: bigint): boolean => {
    const own = log.term(at);
    return own !== undefined && own !== term;
  };
  if (differs(index, logTerm)) return true;
  for (const { Index, Term } of entries) {
    if (Index > log.committed) return false;
    if (differs(Index, Term)) return true;
  }
  return false;
}
