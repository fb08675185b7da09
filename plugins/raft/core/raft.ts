/**
 * One member of a Raft group as a deterministic state machine, in the manner of etcd's RawNode:
 * messages, ticks and proposals go in, `ready` says what is to be written, sent and applied, `advance`
 * that it was written. Never touches a disk, a network or a clock.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import {
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type Message,
  type Snapshot,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ownLogSaved } from './append.js';
import { type Change, decodeChange } from './change.js';
import { fromConfState, isVoter, toConfState } from './configuration.js';
import { campaign, leaderIsGone, ownVoteSaved, turnOf } from './election.js';
import { Feature, OUR_FEATURES } from './features.js';
import { broadcastHeartbeat, checkQuorum } from './heartbeat.js';
import { type Position, RaftLog, type StoredLog } from './log.js';
import { abdicateIfRemoved, entryApplied, leaveJointChange, proposeChange } from './membership.js';
import type { ProgressView } from './progress.js';
import { askRead, flushReads, readsDue, repeatReads } from './read-index.js';
import type { ReadAnswer } from './reads.js';
import { appendOwn, broadcastAppend } from './replicate.js';
import { snapshotReported } from './snapshot.js';
import { NOBODY, RaftState, type Refusal, type Role, type Settings } from './state.js';
import { type Status, statusOf } from './status.js';
import { step } from './step.js';
import { transferLeader } from './transfer.js';

/** Bytes of committed entries handed out at a time. */
const MAX_HANDED_BYTES = 4 * 1024 * 1024;

export interface Stored extends StoredLog {
  readonly hardState: HardState;
  /** Who votes as of `snapshot`; later changes come from the entries. */
  readonly confState: ConfState;
  /** Those that the snapshot describes: what they can do decides what may be used in this group. */
  readonly members: readonly RaftMember[];
  /** Whether this member was removed from the group before `snapshot`. */
  readonly removed: boolean;
}

/**
 * Work for the shell. `write` first (all of it atomically), then `promises`, then `advance`.
 *
 * The next `ready` may be taken before that, so that heartbeats and appends to others go out, and what
 * others committed is applied, however long the own disk takes. Then writes are made in the order of
 * the readys, the promises of one wait for its write and all before it, and each `advance` is for the
 * oldest one. A shell that takes one at a time is right too.
 */
export interface Ready {
  /** Undefined when nothing is to be written. */
  readonly write: Write | undefined;
  /** To be applied in order, at once: they are on disk already. */
  readonly committed: readonly Entry[];
  /** May be sent at once. */
  readonly messages: readonly Message[];
  /** May be sent when `write` is on disk. */
  readonly promises: readonly Message[];
  /** Answers to `readIndex`. */
  readonly reads: readonly ReadAnswer[];
}

export interface Write {
  readonly hardState: HardState;
  /** Replaces everything on disk, the state machine's state too. */
  readonly snapshot: Snapshot | undefined;
  /** Replace what is on disk from the index of the first one on. */
  readonly entries: readonly Entry[];
}

export class Raft {
  private readonly state: RaftState;
  /** The hard state as of the last `advance`, and as of the last `ready`. */
  private saved: HardState;
  private issued: HardState;
  /** The snapshot that the last `ready` gave out to be written. */
  private issuedSnapshot: Snapshot | undefined;
  /** Taken with `ready`, not advanced yet; oldest first. */
  private readonly outstanding: Ready[] = [];

  constructor(settings: Settings, stored: Stored) {
    this.saved = stored.hardState;
    this.issued = stored.hardState;
    const configuration = fromConfState(stored.confState);
    this.state = new RaftState(settings, new RaftLog(stored), stored.hardState, configuration);
    this.state.know(stored.members);
    this.state.removed = stored.removed;
  }

  get role(): Role {
    return this.state.role;
  }

  get term(): bigint {
    return this.state.term;
  }

  get leader(): bigint {
    return this.state.leader;
  }

  get firstIndex(): bigint {
    return this.state.log.firstIndex;
  }

  get lastIndex(): bigint {
    return this.state.log.lastIndex;
  }

  get committed(): bigint {
    return this.state.log.committed;
  }

  get confState(): ConfState {
    return toConfState(this.state.configuration);
  }

  /** Ids of those that vote, also of those that only vote until a joint change is left. */
  get voters(): readonly bigint[] {
    const { configuration, members } = this.state;
    return [...members.keys()].filter((id) => isVoter(configuration, id));
  }

  /** Ids of those that get the log and have no vote. */
  get learners(): readonly bigint[] {
    const { configuration, members } = this.state;
    return [...members.keys()].filter((id) => !isVoter(configuration, id));
  }

  /** True when a majority is this member alone. */
  get isSoleVoter(): boolean {
    return this.state.isVoter && this.voters.length === 1;
  }

  /**
   * Every member, also the learners, is known to have all that SwarmKit's managers have not. While
   * it is false the group keeps SwarmKit's ways, and the shell SwarmKit's tick of one second.
   */
  get allOurs(): boolean {
    return this.state.everyoneHas(OUR_FEATURES);
  }

  /** A member waits for a snapshot that is newer than the one there is. */
  get snapshotDue(): boolean {
    return this.state.snapshotDue;
  }

  /** The others do not know yet what is committed, and nothing that would tell them is due. See `tellCommit`. */
  get commitUntold(): boolean {
    const { state } = this;
    return state.role === 'leader' && state.commitDue && state.others.length > 0;
  }

  /** Messages that were dropped because they cannot be true, and why the last one was. */
  get refused(): { readonly count: number; readonly last: string } {
    return this.state.refusals;
  }

  /** What the leader knows of a member. Undefined for one that is none. */
  progress(id: bigint): ProgressView | undefined {
    return this.state.members.get(id)?.view;
  }

  status(): Status {
    return statusOf(this.state);
  }

  termOf(index: bigint): bigint | undefined {
    return this.state.log.term(index);
  }

  tick(): void {
    const { state } = this;
    const { electionTicks, heartbeatTicks } = state.settings;
    state.electionElapsed++;
    state.heartbeatElapsed++;
    const beat = state.heartbeatElapsed >= heartbeatTicks;
    if (beat) state.heartbeatElapsed = 0;
    if (state.role !== 'leader') {
      // Who may not stand goes on counting: it has not heard the leader, and must not refuse its vote.
      if (state.electionElapsed >= state.electionTimeout) campaign(state);
      if (beat) repeatReads(state);
      return;
    }
    if (state.electionElapsed >= electionTicks) {
      state.electionElapsed = 0;
      state.transferee = NOBODY;
      checkQuorum(state);
      leaveJointChange(state);
      abdicateIfRemoved(state);
    }
    if (state.role === 'leader' && beat) broadcastHeartbeat(state);
  }

  /** Stands for election now instead of after a timeout. */
  campaign(): void {
    campaign(this.state);
  }

  /** Whoever stands asks first, so that standing in error changes nothing. */
  get asksFirst(): boolean {
    return this.state.everyoneHas(Feature.preVote);
  }

  /** How many of ours stand before this member when the leader is gone. */
  get turn(): number {
    return turnOf(this.state);
  }

  /** Another member was told that it would win, and may stand any moment. */
  get endorses(): boolean {
    return this.state.endorses;
  }

  /** The process that leads is gone, as far as can be seen. */
  leaderIsGone(): void {
    leaderIsGone(this.state);
  }

  propose(data: Buffer): Position | Refusal {
    return this.refusalOf(data.length) ?? appendOwn(this.state, EntryType.EntryNormal, data);
  }

  /** All of them, one behind the other, or none. The position is that of the first one. */
  proposeAll(batch: readonly Buffer[]): Position | Refusal {
    const { state } = this;
    let bytes = 0;
    for (const data of batch) bytes += data.length;
    const refusal = this.refusalOf(bytes);
    if (refusal !== undefined) return refusal;
    const first = { index: state.log.lastIndex + 1n, term: state.term };
    for (const data of batch) appendOwn(state, EntryType.EntryNormal, data);
    return first;
  }

  /**
   * A change of the group. Version 2 and learners only where all members can. While another change is
   * not applied yet, or it does not fit the joint configuration, an empty entry is appended in its place.
   */
  proposeChange(change: Change): Position | Refusal {
    return proposeChange(this.state, change);
  }

  /** The leader hands over to a voter. Proposals are refused until it did, or gave up after an election timeout. */
  transferLeader(to: bigint): Refusal | undefined {
    return transferLeader(this.state, to);
  }

  /**
   * The answer comes with a `ready`. `context` names the question and must never be used again, in no
   * life of this member: an answer to the earlier one would be taken for one to this.
   */
  readIndex(context: Buffer): Refusal | undefined {
    return askRead(this.state, context);
  }

  /**
   * `entry` is in the state machine. To be called for each, in order. Returns the change that it made
   * to the group, which is in `confState` now.
   */
  applied(entry: Entry): Change | undefined {
    const { state } = this;
    invariant(entry.Index <= state.log.handed, 'RAFT_APPLIED_ORDER', {
      index: entry.Index,
      handed: state.log.handed,
    });
    // A snapshot from the leader may have come past what was still being applied.
    if (entry.Index <= state.applied) return undefined;
    state.applied = entry.Index;
    const change = decodeChange(entry);
    entryApplied(state, change, entry.Index);
    return change;
  }

  /** What members are known to be able to do, from a snapshot that was received. */
  knowMembers(members: readonly RaftMember[]): void {
    this.state.know(members);
  }

  /** A snapshot is on disk; entries up to `upTo` are not needed any more. */
  compact(snapshot: Position, upTo: bigint): void {
    const { state } = this;
    state.log.compact(snapshot, upTo);
    if (!state.snapshotDue) return;
    state.snapshotDue = false;
    state.appendDue = state.role === 'leader';
  }

  /** The transport's report on a MsgSnap that it was given. */
  reportSnapshot(to: bigint, arrived: boolean): void {
    snapshotReported(this.state, to, arrived);
  }

  /** The transport could not deliver: what was sent ahead is probably lost. */
  reportUnreachable(to: bigint): void {
    const progress = this.state.members.get(to);
    if (this.state.role === 'leader' && progress?.pace === 'replicate') progress.probe();
  }

  /** With the next `ready` the others are told what is committed, where that was put off. */
  tellCommit(): void {
    if (this.commitUntold) this.state.appendDue = true;
  }

  /** A message from another member. Whatever it is, it does no harm. */
  step(message: Message): void {
    step(this.state, message);
  }

  get hasReady(): boolean {
    const { state } = this;
    return (
      this.mustWrite() ||
      state.appendDue ||
      state.outbox.length > 0 ||
      state.promises.length > 0 ||
      state.reads.answers.length > 0 ||
      readsDue(state) ||
      state.log.hasNext
    );
  }

  /** What is to be done now. */
  ready(): Ready {
    const { state } = this;
    const { log } = state;
    if (state.appendDue && state.role === 'leader') broadcastAppend(state);
    state.appendDue = false;
    flushReads(state);
    const committed = log.next(MAX_HANDED_BYTES);
    log.handed = committed.at(-1)?.Index ?? log.handed;
    const ready: Ready = {
      write: this.mustWrite() ? this.takeWrite() : undefined,
      committed,
      messages: state.outbox,
      promises: state.promises,
      reads: state.reads.answers,
    };
    state.outbox = [];
    state.promises = [];
    state.reads.answers = [];
    this.outstanding.push(ready);
    return ready;
  }

  /** The write of the oldest outstanding `ready` is on disk. */
  advance(): void {
    const { state } = this;
    const ready = this.outstanding.shift();
    invariant(ready !== undefined, 'RAFT_ADVANCE_WITHOUT_READY');
    const { write } = ready;
    if (write === undefined) return;
    this.saved = write.hardState;
    if (write.snapshot !== undefined && state.log.incoming === write.snapshot) {
      state.log.incoming = undefined;
      this.issuedSnapshot = undefined;
      state.log.snapshot = write.snapshot.metadata;
    }
    state.log.saved();
    if (this.saved.term === state.term && this.saved.vote === state.id) ownVoteSaved(state);
    ownLogSaved(state);
  }

  private takeWrite(): Write {
    const { log } = this.state;
    this.issued = this.hardState();
    const snapshot = log.incoming === this.issuedSnapshot ? undefined : log.incoming;
    this.issuedSnapshot = log.incoming;
    return { hardState: this.issued, snapshot, entries: log.takeUnwritten() };
  }

  private hardState(): HardState {
    return { term: this.state.term, vote: this.state.vote, commit: this.state.log.committed };
  }

  /** The commit index alone is not worth a write: it is found again from the logs of a majority. */
  private mustWrite(): boolean {
    const { state, issued } = this;
    const { incoming } = state.log;
    return (
      state.term !== issued.term ||
      state.vote !== issued.vote ||
      state.log.issued < state.log.lastIndex ||
      this.hasUnsavedChange() ||
      (incoming !== undefined && incoming !== this.issuedSnapshot)
    );
  }

  /** Who left has forgotten its log: that its leaving was committed is known to those who stay, or to nobody. */
  private hasUnsavedChange(): boolean {
    const { log } = this.state;
    const from = this.issued.commit + 1n;
    return (
      log.committed >= from &&
      log
        .slice(
          from < log.firstIndex ? log.firstIndex : from,
          Number.POSITIVE_INFINITY,
          log.committed,
        )
        .some(({ Type }) => Type !== EntryType.EntryNormal)
    );
  }

  private refusalOf(bytes: number): Refusal | undefined {
    const { role, transferee, log, settings } = this.state;
    if (role !== 'leader') return 'not-leader';
    if (transferee !== NOBODY) return 'transferring';
    const waiting = log.bytes(log.committed);
    return waiting > 0 && waiting + bytes > settings.maxUncommittedBytes ? 'busy' : undefined;
  }
}
