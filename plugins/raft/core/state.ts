/**
 * Everything a member knows, in one place; the files beside it are what it does, one for each family
 * of messages, as functions on this. Plain data and bookkeeping only.
 */
import { type HardState, Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftLog } from './log.js';
import { Progress } from './progress.js';

export type Role = 'follower' | 'candidate' | 'leader';

export const NOBODY = 0n;

export interface Settings {
  readonly id: bigint;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Bytes of entries in one append; one entry always goes. */
  readonly maxAppendBytes: number;
  /** Appends that may be out to one member. */
  readonly maxInflight: number;
  /** Uniform integer in [0, below), for election timeouts. */
  readonly random: (below: number) => number;
}

/** What must be on our disk before it may leave: it promises something about our disk. */
const PROMISES: ReadonlySet<MessageType> = new Set([
  MessageType.MsgAppResp,
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
]);

const BLANK = Message.create();

export class RaftState {
  term: bigint;
  vote: bigint;
  role: Role = 'follower';
  leader = NOBODY;
  /** Every voter, ourselves too. Its values mean something only on a leader. */
  readonly members = new Map<bigint, Progress>();
  /** Answers to our candidacy. */
  readonly votes = new Map<bigint, boolean>();
  /** Index of the last configuration change that may still be unapplied. */
  pendingChange = 0n;
  applied: bigint;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** There are entries or a commit index that members have not been sent. */
  appendDue = false;
  /** May leave at once. */
  outbox: Message[] = [];
  /** May leave when all that is unstable now is on our disk. */
  promises: Message[] = [];

  constructor(
    readonly settings: Settings,
    readonly log: RaftLog,
    saved: HardState,
    voters: readonly bigint[],
  ) {
    this.term = saved.term;
    this.vote = saved.vote;
    this.applied = log.handed;
    this.setVoters(voters);
    this.resetTimers();
  }

  get id(): bigint {
    return this.settings.id;
  }

  get quorum(): number {
    return Math.floor(this.members.size / 2) + 1;
  }

  /** Only a voter may campaign. */
  get isVoter(): boolean {
    return this.members.has(this.id);
  }

  send(message: Partial<Message> & Pick<Message, 'type' | 'to'>): void {
    const whole: Message = { ...BLANK, from: this.id, term: this.term, ...message };
    (PROMISES.has(whole.type) ? this.promises : this.outbox).push(whole);
  }

  others(): bigint[] {
    return [...this.members.keys()].filter((id) => id !== this.id);
  }

  setVoters(voters: readonly bigint[]): void {
    this.members.clear();
    for (const id of voters) this.members.set(id, this.freshProgress());
  }

  freshProgress(): Progress {
    return new Progress(this.log.lastIndex + 1n, this.settings.maxInflight);
  }

  becomeFollower(term: bigint, leader: bigint): void {
    this.enter('follower', term);
    this.leader = leader;
  }

  /** Begins a role: what belonged to the role before is gone. */
  enter(role: Role, term: bigint): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = NOBODY;
    }
    this.role = role;
    this.leader = NOBODY;
    this.votes.clear();
    this.pendingChange = 0n;
    this.appendDue = false;
    for (const id of this.members.keys()) this.members.set(id, this.freshProgress());
    this.resetTimers();
  }

  /** Different for every member and every time, so that candidacies rarely collide. */
  private resetTimers(): void {
    const { electionTicks, random } = this.settings;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.electionTimeout = electionTicks + random(electionTicks);
  }
}
