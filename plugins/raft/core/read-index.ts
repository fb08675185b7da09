/**
 * MsgReadIndex, MsgReadIndexResp: up to which entry a read must wait to see every write that was
 * acknowledged before it was asked. That is the leader's commit index, once the leader has proof that
 * it still was the leader afterwards: a majority that answered a heartbeat sent later. All reads asked
 * before one `ready` share one round of heartbeats. A leader that has not committed an entry of its
 * own term does not know the commit index; its reads wait.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { Feature } from './features.js';
import { broadcastHeartbeat } from './heartbeat.js';
import { agreedValue } from './quorum.js';
import { ROUND_BYTES } from './reads.js';
import { HIGHEST, NOBODY, type Refusal, type RaftState } from './state.js';

/** Reads that followers may have waiting here. Beyond it they are dropped; they ask again. */
const MAX_FOREIGN = 10_000;

/** The answer comes with a later `ready`. */
export function askRead(state: RaftState, context: Buffer): Refusal | undefined {
  if (state.role !== 'leader') {
    if (state.leader === NOBODY) return 'no-leader';
    if (!state.everyoneHas(Feature.readIndex)) return 'unsupported';
  }
  state.reads.asked.push(context);
  return undefined;
}

/** Whether `flushReads` has something to do. */
export function readsDue(state: RaftState): boolean {
  const { asked, foreign } = state.reads;
  if (asked.length === 0 && foreign.length === 0) return false;
  return state.role === 'leader' ? knowsCommitIndex(state) : state.leader !== NOBODY;
}

/** Begins a round for what was asked since the last one, or asks the leader. */
export function flushReads(state: RaftState): void {
  if (!readsDue(state)) return;
  const { reads } = state;
  if (state.role !== 'leader' && !state.everyoneHas(Feature.readIndex)) {
    // The group became a mixed one since.
    reads.abandon(state.id);
    return;
  }
  const own = reads.asked;
  reads.asked = [];
  if (state.role !== 'leader') {
    const [first] = own;
    if (first === undefined) return;
    reads.forwarded.set(first.toString('latin1'), own);
    forward(state, first);
    return;
  }
  const requests = reads.foreign;
  reads.foreign = [];
  if (own.length > 0) requests.push({ from: state.id, contexts: own });
  reads.newest++;
  reads.rounds.push({ round: reads.newest, index: state.log.committed, requests });
  broadcastHeartbeat(state);
  answerConfirmed(state);
}

/** What the leader did not answer is asked again: the question or the answer may be lost. */
export function repeatReads(state: RaftState): void {
  if (state.leader === NOBODY || !state.everyoneHas(Feature.readIndex)) return;
  for (const [first] of state.reads.forwarded.values())
    if (first !== undefined) forward(state, first);
}

/** Called for every answer to a heartbeat. */
export function confirmRead(state: RaftState, { from, context }: Message): void {
  const progress = state.members.get(from);
  if (progress === undefined || context.length !== ROUND_BYTES) return;
  const round = context.readBigUInt64BE();
  if (round <= progress.confirmed || round > state.reads.newest) return;
  progress.confirmed = round;
  answerConfirmed(state);
}

export function handleReadIndex(state: RaftState, message: Message): void {
  const { foreign } = state.reads;
  if (foreign.length >= MAX_FOREIGN) state.refuse('too many reads');
  else foreign.push({ from: message.from, contexts: [message.context] });
}

export function handleReadIndexResponse(state: RaftState, { context, index }: Message): void {
  const { reads } = state;
  const key = context.toString('latin1');
  // Unknown where it answers a question that was repeated.
  for (const one of reads.forwarded.get(key) ?? []) reads.answers.push({ context: one, index });
  reads.forwarded.delete(key);
}

function answerConfirmed(state: RaftState): void {
  const { reads } = state;
  const agreed = agreedValue(state.configuration, (id) =>
    id === state.id ? HIGHEST : (state.members.get(id)?.confirmed ?? 0n),
  );
  while (reads.rounds[0] !== undefined && reads.rounds[0].round <= agreed) {
    const { index, requests } = reads.rounds.shift() as (typeof reads.rounds)[number];
    for (const { from, contexts } of requests)
      for (const context of contexts)
        if (from === state.id) reads.answers.push({ context, index });
        else {
          state.send({ type: MessageType.MsgReadIndexResp, to: from, index, context });
          // It waits to have applied that.
          if (state.commitDue) state.appendDue = true;
        }
  }
}

/** Without a term, as etcd sends it: it is a question to whoever leads. */
function forward(state: RaftState, context: Buffer): void {
  state.send({ type: MessageType.MsgReadIndex, to: state.leader, term: 0n, context });
}

const knowsCommitIndex = ({ log, term }: RaftState): boolean => log.term(log.committed) === term;
