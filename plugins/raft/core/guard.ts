/**
 * What a message from outside must be like before the core acts on it. A peer may be broken, old or
 * hostile: whatever it sends is dropped by name here and in the handlers, and never breaks an
 * invariant. Whether a message is *right* is Raft's business; here it is whether it can be.
 */
import {
  type ConfState,
  EntryType,
  type Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { HIGHEST, NOBODY, type RaftState } from './state.js';

/** Ids above it are reserved by etcd's library for its own threads. */
const HIGHEST_ID = (1n << 64n) - 3n;
const MAX_CONTEXT_BYTES = 1_024;
/**
 * How far beyond ours a term or a snapshot can be: more elections, or entries, than a group ever makes.
 * Without it one message that says 2^62 would leave a whole group no term to elect a leader in.
 */
const FARTHEST = 1n << 48n;
/** Answers of ours that may wait for the shell. A disk that stands still must not let a flood fill the memory. */
const MAX_WAITING = 8_192;
/** Bytes of entries that may wait for our disk. A leader sends less than that ahead of our answers. */
const MAX_UNSTABLE_BYTES = 64 * 1024 * 1024;

/** Of the messages that only a leader sends, or a candidate; anybody may, as far as we know who is there. */
const FROM_ABOVE: ReadonlySet<MessageType> = new Set([
  MessageType.MsgApp,
  MessageType.MsgHeartbeat,
  MessageType.MsgSnap,
  MessageType.MsgTimeoutNow,
  MessageType.MsgReadIndexResp,
]);

const VOTES: ReadonlySet<MessageType> = new Set([MessageType.MsgVote, MessageType.MsgPreVote]);

/** Of members only: they answer what we sent, or ask us as their leader. */
const FROM_MEMBERS: ReadonlySet<MessageType> = new Set([
  MessageType.MsgAppResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVoteResp,
  MessageType.MsgReadIndex,
]);

/** Why the message is dropped, or undefined. */
export function refusalOf(state: RaftState, message: Message): string | undefined {
  const { type, from, to, term } = message;
  if (to !== state.id) return 'message to another member';
  if (from === NOBODY || from > HIGHEST_ID || from === to) return 'message from nobody';
  if (!FROM_ABOVE.has(type) && !VOTES.has(type) && !FROM_MEMBERS.has(type))
    return 'message of a kind that does not travel';
  if (term > HIGHEST || (term === 0n) !== (type === MessageType.MsgReadIndex))
    return 'impossible term';
  if (term > state.term && term - state.term > FARTHEST) return 'impossible term';
  if (FROM_MEMBERS.has(type) && !state.members.has(from)) return 'message from no member';
  if (message.context.length > MAX_CONTEXT_BYTES) return 'impossible context';
  if (state.outbox.length + state.promises.length >= MAX_WAITING) return 'too much waits';
  return refusalOfContent(state, message);
}

function refusalOfContent(state: RaftState, message: Message): string | undefined {
  const { log } = state;
  const { type, index, logTerm, term, commit } = message;
  if (index > HIGHEST || commit > HIGHEST || message.rejectHint > HIGHEST)
    return 'impossible index';
  switch (type) {
    case MessageType.MsgApp:
      if (!isPosition(index, logTerm, term) || !continues(message)) return 'impossible entries';
      return message.entries.length > 0 && log.bytes(log.stable) > MAX_UNSTABLE_BYTES
        ? 'too much waits'
        : undefined;
    case MessageType.MsgSnap:
      return isSnapshot(message) && message.snapshot.metadata.index - log.lastIndex <= FARTHEST
        ? undefined
        : 'impossible snapshot';
    case MessageType.MsgHeartbeat:
      return commit > log.lastIndex ? 'commit beyond the log' : undefined;
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      // Its log may have been ours to know: a member that we have not heard of has a newer one.
      if (!isPosition(index, logTerm, term - 1n)) return 'impossible candidate';
      return state.members.size > 0 && !state.members.has(message.from) && !isNewer(state, message)
        ? 'candidate that is no member'
        : undefined;
    case MessageType.MsgAppResp:
      // Of a leader of this term it can only be told what that leader has.
      return term === state.term && state.role === 'leader' && index > log.lastIndex
        ? 'acknowledgement beyond the log'
        : undefined;
    default:
      return undefined;
  }
}

/** Only the origin has no term. */
const isPosition = (index: bigint, term: bigint, highest: bigint): boolean =>
  (index === 0n) === (term === 0n) && term <= highest;

function isNewer({ log }: RaftState, { index, logTerm }: Message): boolean {
  const { last } = log;
  return logTerm > last.term || (logTerm === last.term && index > last.index);
}

function continues({ index, logTerm, term, entries }: Message): boolean {
  let last = index;
  let lastTerm = logTerm;
  for (const { Index, Term, Type } of entries) {
    if (Index !== last + 1n || Term < lastTerm || Term === 0n) return false;
    if (Type < EntryType.EntryNormal || Type > EntryType.EntryConfChangeV2) return false;
    last = Index;
    lastTerm = Term;
  }
  return last <= HIGHEST && lastTerm <= term;
}

function isSnapshot(
  message: Message,
): message is Message & { readonly snapshot: NonNullable<Message['snapshot']> } {
  const { snapshot, term } = message;
  if (snapshot === undefined) return false;
  const { metadata } = snapshot;
  const { index } = metadata;
  return index > 0n && index <= HIGHEST && isPosition(index, metadata.term, term)
    ? isConfState(metadata.confState)
    : false;
}

function isConfState({ voters, learners, votersOutgoing, learnersNext }: ConfState): boolean {
  const voting = new Set([...voters, ...votersOutgoing]);
  return (
    voters.length > 0 &&
    !voting.has(NOBODY) &&
    learners.every((id) => id !== NOBODY && !voting.has(id)) &&
    learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id))
  );
}
