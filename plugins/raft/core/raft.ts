/**
 * One member of a Raft group as a deterministic state machine, in the manner of etcd's RawNode:
 * messages, ticks and proposals go in, `ready` says what is to be written, sent and applied, `advance`
 * that it was written. Never touches a disk, a network or a clock.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  type Message,
  MessageType,
  type Snapshot,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  appendOwn,
  broadcastAppend,
  commit,
  handleAppend,
  handleAppendResponse,
  ownLogSaved,
} from './append.js';
import { campaign, handleVote, handleVoteResponse, isTransfer, ownVoteSaved } from './election.js';
import {
  broadcastHeartbeat,
  checkQuorum,
  handleHeartbeat,
  handleHeartbeatResponse,
} from './heartbeat.js';
import { type Position, RaftLog, type StoredLog } from './log.js';
import { changeMembers, confState } from './membership.js';
import { handleSnapshot, snapshotReported } from './snapshot.js';
import { NOBODY, RaftState, type Role, type Settings } from './state.js';

/** Bytes of committed entries handed out at a time. */
const MAX_HANDED_BYTES = 4 * 1024 * 1024;

export interface Stored extends StoredLog {
  readonly hardState: HardState;
  /** Voters as of `snapshot`; later ones come from the entries. */
  readonly voters: readonly bigint[];
}

/** Work for the shell. `write` first (all of it atomically), then `promises`, then `advance`. */
export interface Ready {
  /** Undefined when nothing is to be written. */
  readonly write: Write | undefined;
  /** To be applied in order, at once: they are on disk already. */
  readonly committed: readonly Entry[];
  /** May be sent at once. */
  readonly messages: readonly Message[];
  /** May be sent when `write` is on disk. */
  readonly promises: readonly Message[];
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
  private saved: HardState;
  /** Between `ready` and `advance`. */
  private outstanding: Ready | undefined;

  constructor(settings: Settings, stored: Stored) {
    this.saved = stored.hardState;
    this.state = new RaftState(settings, new RaftLog(stored), stored.hardState, stored.voters);
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
    return confState(this.state);
  }

  /** True when a majority is this member alone. */
  get isSoleVoter(): boolean {
    return this.state.isVoter && this.state.members.size === 1;
  }

  termOf(index: bigint): bigint | undefined {
    return this.state.log.term(index);
  }

  tick(): void {
    const { state } = this;
    const { electionTicks, heartbeatTicks } = state.settings;
    state.electionElapsed++;
    if (state.role !== 'leader') {
      if (state.electionElapsed >= state.electionTimeout) {
        state.electionElapsed = 0;
        campaign(state);
      }
      return;
    }
    state.heartbeatElapsed++;
    if (state.electionElapsed >= electionTicks) {
      state.electionElapsed = 0;
      checkQuorum(state);
    }
    if (state.role === 'leader' && state.heartbeatElapsed >= heartbeatTicks) {
      state.heartbeatElapsed = 0;
      broadcastHeartbeat(state);
    }
  }

  /** Stands for election now instead of after a timeout. */
  campaign(): void {
    campaign(this.state);
  }

  /** Undefined when this member does not lead: nothing was appended. */
  propose(data: Buffer): Position | undefined {
    if (this.state.role !== 'leader') return undefined;
    return appendOwn(this.state, EntryType.EntryNormal, data);
  }

  /** As `propose`. While another change is not applied yet, an empty entry is appended in its place. */
  proposeChange(encodedChange: Buffer): Position | undefined {
    const { state } = this;
    if (state.role !== 'leader') return undefined;
    if (state.pendingChange > state.applied)
      return appendOwn(state, EntryType.EntryNormal, Buffer.alloc(0));
    const position = appendOwn(state, EntryType.EntryConfChange, encodedChange);
    state.pendingChange = position.index;
    return position;
  }

  /** To be called when the entry of a change is applied. */
  applyChange(change: ConfChange): void {
    const { state } = this;
    changeMembers(state, change);
    if (state.role !== 'leader') return;
    // A smaller group may have a majority already; a new member wants to hear from us.
    commit(state);
    state.appendDue = true;
  }

  /** Everything up to `index` is in the state machine. */
  appliedTo(index: bigint): void {
    invariant(index <= this.state.log.handed, 'RAFT_APPLIED_ORDER', {
      index,
      handed: this.state.log.handed,
    });
    // A snapshot from the leader may have come past what was still being applied.
    if (index > this.state.applied) this.state.applied = index;
  }

  /** A snapshot is on disk; entries up to `upTo` are not needed any more. */
  compact(snapshot: Position, upTo: bigint): void {
    this.state.log.compact(snapshot, upTo);
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

  /** A message from another member. */
  step(message: Message): void {
    const { state } = this;
    if (message.term > state.term && !this.followTerm(message)) return;
    if (message.term < state.term) {
      // A leader that was cut off learns from our term that it is over.
      if (message.type === MessageType.MsgApp || message.type === MessageType.MsgHeartbeat)
        state.send({ type: MessageType.MsgAppResp, to: message.from });
      return;
    }
    switch (message.type) {
      case MessageType.MsgVote:
        handleVote(state, message);
        return;
      case MessageType.MsgVoteResp:
        handleVoteResponse(state, message);
        return;
      case MessageType.MsgApp:
      case MessageType.MsgHeartbeat:
      case MessageType.MsgSnap:
        this.hearLeader(message);
        return;
      case MessageType.MsgAppResp:
        if (state.role === 'leader') handleAppendResponse(state, message);
        return;
      case MessageType.MsgHeartbeatResp:
        if (state.role === 'leader') handleHeartbeatResponse(state, message);
        return;
      case MessageType.MsgTimeoutNow:
        if (state.role === 'follower') campaign(state, true);
        return;
      default:
        // Local or unused types: nobody sends them over the wire.
        return;
    }
  }

  get hasReady(): boolean {
    const { state } = this;
    return (
      this.mustWrite() ||
      state.appendDue ||
      state.outbox.length > 0 ||
      state.promises.length > 0 ||
      state.log.next(0).length > 0
    );
  }

  /** What is to be done now. Not called again before `advance`. */
  ready(): Ready {
    const { state } = this;
    invariant(this.outstanding === undefined, 'RAFT_READY_TWICE');
    if (state.appendDue && state.role === 'leader') broadcastAppend(state);
    state.appendDue = false;
    const committed = state.log.next(MAX_HANDED_BYTES);
    state.log.handed = committed.at(-1)?.Index ?? state.log.handed;
    this.outstanding = {
      write: this.mustWrite()
        ? {
            hardState: this.hardState(),
            snapshot: state.log.incoming,
            entries: state.log.unstable(),
          }
        : undefined,
      committed,
      messages: state.outbox,
      promises: state.promises,
    };
    state.outbox = [];
    state.promises = [];
    return this.outstanding;
  }

  /** The outstanding `ready` is on disk. */
  advance(): void {
    const { state } = this;
    const write = this.outstanding?.write;
    invariant(this.outstanding !== undefined, 'RAFT_ADVANCE_WITHOUT_READY');
    this.outstanding = undefined;
    if (write === undefined) return;
    this.saved = write.hardState;
    if (write.snapshot !== undefined && state.log.incoming === write.snapshot) {
      state.log.incoming = undefined;
      state.log.snapshot = write.snapshot.metadata;
    }
    const last = write.entries.at(-1);
    if (last !== undefined) state.log.stableTo({ index: last.Index, term: last.Term });
    if (this.saved.term === state.term && this.saved.vote === state.id) ownVoteSaved(state);
    ownLogSaved(state);
  }

  private hardState(): HardState {
    return { term: this.state.term, vote: this.state.vote, commit: this.state.log.committed };
  }

  /** The commit index alone is not worth a write: it is found again from the logs of a majority. */
  private mustWrite(): boolean {
    const { state, saved } = this;
    return (
      state.term !== saved.term ||
      state.vote !== saved.vote ||
      state.log.stable < state.log.lastIndex ||
      state.log.incoming !== undefined
    );
  }

  /** A higher term ends ours, except that a vote is not let disturb a leader that we still hear. */
  private followTerm(message: Message): boolean {
    const { state } = this;
    if (message.type === MessageType.MsgVote && !isTransfer(message)) {
      const heard = state.electionElapsed < state.settings.electionTicks;
      if (state.leader !== NOBODY && heard) return false;
    }
    state.becomeFollower(message.term, isFromLeader(message) ? message.from : NOBODY);
    return true;
  }

  private hearLeader(message: Message): void {
    const { state } = this;
    invariant(state.role !== 'leader', 'RAFT_TWO_LEADERS', {
      term: message.term,
      from: message.from,
    });
    if (state.role === 'candidate') state.becomeFollower(message.term, message.from);
    state.electionElapsed = 0;
    state.leader = message.from;
    if (message.type === MessageType.MsgApp) handleAppend(state, message);
    else if (message.type === MessageType.MsgHeartbeat) handleHeartbeat(state, message);
    else handleSnapshot(state, message);
  }
}

const isFromLeader = ({ type }: Message): boolean =>
  type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
