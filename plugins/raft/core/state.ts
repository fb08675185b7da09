/**
 * Everything a member knows, in one place; the files beside it are what it does, one for each family
 * of messages, as functions on this. Plain data and bookkeeping only.
 */
import { type HardState, Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { type Configuration, everyMember, isVoter } from './configuration.js';
import type { RaftLog } from './log.js';
import { Progress } from './progress.js';
import { Reads } from './reads.js';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export const NOBODY = 0n;

/** Terms and indexes beyond it are lies. Far from where the wire's 64 bits would begin again. */
export const HIGHEST = 1n << 62n;

export interface Settings {
  readonly id: bigint;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Bytes of entries in one append; one entry always goes. */
  readonly maxAppendBytes: number;
  /** Appends that may be out to one member. */
  readonly maxInflight: number;
  /** Bytes of entries that may be out to one member. */
  readonly maxInflightBytes: number;
  /** Bytes of entries that wait for a majority; above it proposals are refused. One is always taken. */
  readonly maxUncommittedBytes: number;
  /**
   * A commit index alone is told when the shell says so, and else goes along with the next entries: to a
   * group that is written to all the time it is half of all messages. Default: at once.
   */
  readonly commitsWait?: boolean;
  /** Uniform integer in [0, below), for election timeouts. */
  readonly random: (below: number) => number;
}

/** Why a caller's wish is not carried out. Nothing was appended or sent. */
export type Refusal =
  | 'not-leader'
  /** Nobody leads as far as this member knows. */
  | 'no-leader'
  /** Leadership is being handed over. */
  | 'transferring'
  /** Too much waits already. */
  | 'busy'
  /** Some member cannot do this, or is not known to. */
  | 'unsupported'
  /** No such change can be made to this group, or no such member leads it. */
  | 'impossible';

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
  /** Its process is, as far as the shell can see; until it is heard again. */
  leaderIsGone = false;
  /** Somebody who asked first was told yes, and may stand any moment. */
  endorses = false;
  configuration: Configuration;
  /** Everybody in the configuration, ourselves too. Its values mean something only on a leader. */
  readonly members = new Map<bigint, Progress>();
  /** Everybody in the configuration but ourselves. */
  others: readonly bigint[] = [];
  /** Features that every member is known to have. */
  shared = 0;
  /** Answers to our candidacy. */
  readonly votes = new Map<bigint, boolean>();
  /** Index of the last configuration change that may still be unapplied. */
  pendingChange = 0n;
  /** Index of the last change that entered or left a joint configuration, as far as we applied any. */
  jointChange = 0n;
  /** Whom we hand leadership over to. */
  transferee = NOBODY;
  readonly reads = new Reads();
  applied: bigint;
  /** We applied our own removal. Ids never come back, so this is for good. */
  removed = false;
  /** The leader wants us to stand, and we may not before a change is applied. */
  summoned = false;
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** There are entries or a commit index that members have not been sent. */
  appendDue = false;
  /** There is a commit index that they have not been sent, and it may wait. */
  commitDue = false;
  /** A member needs a snapshot that is newer than the one there is. */
  snapshotDue = false;
  /** May leave at once. */
  outbox: Message[] = [];
  /** May leave when all that is unstable now is on our disk. */
  promises: Message[] = [];
  /** Messages that were dropped because they cannot be true, by reason. */
  readonly refused = new Map<string, number>();
  /** How many in all, and why the last one. */
  refusals = { count: 0, last: '' };
  private readonly features = new Map<bigint, number>();

  constructor(
    readonly settings: Settings,
    readonly log: RaftLog,
    saved: HardState,
    configuration: Configuration,
  ) {
    this.term = saved.term;
    this.vote = saved.vote;
    this.applied = log.handed;
    this.configuration = configuration;
    this.configure(configuration);
    this.resetTimers();
  }

  get id(): bigint {
    return this.settings.id;
  }

  get isVoter(): boolean {
    return isVoter(this.configuration, this.id);
  }

  send(message: Partial<Message> & Pick<Message, 'type' | 'to'>): void {
    const whole: Message = { ...BLANK, from: this.id, term: this.term, ...message };
    (PROMISES.has(whole.type) ? this.promises : this.outbox).push(whole);
  }

  refuse(reason: string): void {
    this.refusals = { count: this.refusals.count + 1, last: reason };
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  }

  /** Keeps what is known of the members that stay. */
  configure(configuration: Configuration): void {
    this.configuration = configuration;
    const everybody = everyMember(configuration);
    if (this.members.has(this.id) && !everybody.includes(this.id)) this.removed = true;
    for (const id of [...this.members.keys()]) if (!everybody.includes(id)) this.members.delete(id);
    for (const id of everybody) {
      if (this.members.has(id)) continue;
      const progress = this.freshProgress();
      // Not to be counted out before it had a chance to answer.
      progress.active = true;
      this.members.set(id, progress);
    }
    this.others = everybody.filter((id) => id !== this.id);
    this.share();
  }

  /** What members are known to be able to do. */
  know(members: readonly RaftMember[]): void {
    for (const { raftId, features } of members) this.features.set(raftId, features);
    this.share();
  }

  /** True while every member is known to have all of these features. */
  everyoneHas(features: number): boolean {
    return (this.shared & features) === features;
  }

  has(id: bigint, features: number): boolean {
    return ((this.features.get(id) ?? 0) & features) === features;
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
    this.leaderIsGone = false;
    this.endorses = false;
    this.votes.clear();
    this.pendingChange = 0n;
    this.transferee = NOBODY;
    this.summoned = false;
    this.appendDue = false;
    this.commitDue = false;
    this.snapshotDue = false;
    this.reads.abandon(this.id);
    for (const id of this.members.keys()) this.members.set(id, this.freshProgress());
    this.resetTimers();
  }

  private freshProgress(): Progress {
    const { maxInflight, maxInflightBytes } = this.settings;
    return new Progress(this.log.lastIndex + 1n, maxInflight, maxInflightBytes);
  }

  private share(): void {
    let shared = this.members.size === 0 ? 0 : ~0;
    for (const id of this.members.keys()) shared &= this.features.get(id) ?? 0;
    this.shared = shared;
  }

  /** Different for every member and every time, so that candidacies rarely collide. */
  private resetTimers(): void {
    const { electionTicks, random } = this.settings;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.electionTimeout = electionTicks + random(electionTicks);
  }
}
