/**
 * MsgApp, MsgAppResp: how the leader's log gets onto every disk, and when an entry is committed.
 * A leader never commits an entry of an earlier term by counting; only behind one of its own.
 */
import {
  type Entry,
  type EntryType,
  type Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { minOf } from './bigint.js';
import type { Position } from './log.js';
import { sendSnapshot } from './snapshot.js';
import type { RaftState } from './state.js';

/** Puts an entry at the end of the leader's log. It goes out with the next `ready`. */
export function appendOwn(state: RaftState, type: EntryType, data: Buffer): Position {
  const entry: Entry = {
    Type: type,
    Term: state.term,
    Index: state.log.lastIndex + 1n,
    Data: data,
  };
  state.log.append([entry]);
  state.appendDue = true;
  return { index: entry.Index, term: entry.Term };
}

/** Called when our own log is on disk up to `stable`: we acknowledge our own entries. */
export function ownLogSaved(state: RaftState): void {
  if (state.role !== 'leader') return;
  const own = state.members.get(state.id);
  if (own?.acknowledged(state.log.stable)) commit(state);
}

export function broadcastAppend(state: RaftState): void {
  state.appendDue = false;
  for (const to of state.others()) sendAppend(state, to, true);
}

/** Sends what `to` is missing, as far as it may. `evenEmpty` also when there is only a commit index to tell. */
export function sendAppend(state: RaftState, to: bigint, evenEmpty: boolean): boolean {
  const progress = state.members.get(to);
  if (progress === undefined || progress.paused) return false;
  const index = progress.next - 1n;
  const logTerm = state.log.term(index);
  if (logTerm === undefined) return sendSnapshot(state, to, progress);
  const entries = progress.windowFull
    ? []
    : state.log.slice(progress.next, state.settings.maxAppendBytes);
  if (entries.length === 0 && !evenEmpty) return false;
  const commitIndex = state.log.committed;
  state.send({ type: MessageType.MsgApp, to, index, logTerm, entries, commit: commitIndex });
  progress.sent(entries.length, entries.at(-1)?.Index ?? index);
  return true;
}

export function handleAppend(state: RaftState, message: Message): void {
  const { log } = state;
  const reply = { type: MessageType.MsgAppResp, to: message.from };
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
  if (!commit(state) && wasPaused) sendAppend(state, message.from, true);
  while (sendAppend(state, message.from, false));
}

/** Moves the commit index to what a majority has. True when it moved. */
export function commit(state: RaftState): boolean {
  const matches = [...state.members.values()].map((progress) => progress.match);
  if (matches.length === 0) return false;
  matches.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const index = matches[state.quorum - 1] as bigint;
  if (index <= state.log.committed || state.log.term(index) !== state.term) return false;
  state.log.commitTo(index);
  state.appendDue = true;
  return true;
}
