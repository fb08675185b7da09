/**
 * What a leader sends of its log: at the end of it new entries, and to each member what it is missing,
 * as far as its window allows.
 */
import { type Entry, type EntryType, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
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

export function broadcastAppend(state: RaftState): void {
  state.appendDue = false;
  state.commitDue = false;
  for (const to of state.others) sendAppend(state, to, true);
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
  const last = entries.at(-1)?.Index ?? index;
  progress.sent(entries.length, state.log.bytes(index, last), last);
  return true;
}
