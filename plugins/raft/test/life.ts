/**
 * One disorderly life of a group: members of both kinds, loss, delay, duplication and reordering,
 * partitions, crashes that lose what was not written, several writes on their way, late applying,
 * changes of the group, hand-overs, reads, compaction. The same seed is the same life. The books of the
 * group check it while it goes on; at the end the disorder stops and all must agree.
 */
import assert from 'node:assert/strict';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
  HardState,
  type Message,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { type Change, describeMembers } from '../core/change.js';
import { OUR_FEATURES } from '../core/features.js';
import { ORIGIN } from '../core/log.js';
import { change, founded, Group, type GroupMember } from './group.js';

type Theme = 'everything' | 'joint' | 'reads';
const THEMES: readonly Theme[] = ['everything', 'joint', 'joint', 'reads'];
const SIZES = [1, 2, 3, 3, 3, 5, 5, 7];

/** What a life was like, to see that the disorder is neither too small nor too large. */
export interface Story {
  readonly committed: number;
  readonly terms: number;
  readonly reads: number;
  readonly changes: number;
  readonly snapshots: number;
}

export function live(seed: number, steps = 2_000): Story {
  const life = new Life(seed);
  for (let i = 0; i < steps; i++) life.step();
  return life.end();
}

class Life {
  private readonly dice;
  private readonly group: Group;
  private readonly size: number;
  /** Leaders are taken for gone. In a part of the lives only: the others keep one longer, which finds other faults. */
  private readonly suspicious: boolean;
  private readonly loss: number;
  private readonly crashes: number;
  private readonly churn: number;
  private readonly theme: Theme;
  /** Its clock is slow: it finds out late that others have gone on without it. */
  private slow: bigint;
  private readonly ours: (id: bigint) => number;
  private nextId: bigint;
  private proposed = 0;
  private changes = 0;
  private snapshots = 0;

  constructor(seed: number) {
    const dice = seededRandom(`life-${seed}`);
    this.dice = dice;
    // A quiet world elects nobody by accident; a wild one rarely commits. Each seed has its own temper.
    this.size = SIZES[dice.int(SIZES.length)] as number;
    this.loss = dice.int(4);
    this.crashes = dice.int(3);
    this.theme = THEMES[dice.int(THEMES.length)] as Theme;
    this.churn = this.theme === 'joint' ? 4 : dice.int(3);
    this.slow = dice.int(2) === 0 ? 0n : BigInt(1 + dice.int(this.size));
    const kind = this.theme === 'joint' ? 2 : dice.int(3);
    this.ours = (id) => (kind === 0 || (kind === 1 && id % 2n === 0n) ? 0 : OUR_FEATURES);
    const group = new Group((below) => dice.int(below));
    group.swarmKitOnly = kind === 0;
    group.overTheWire = false;
    group.keepsSent = false;
    group.maxUncommittedBytes = dice.int(2) === 0 ? 40 : 1_000_000;
    group.commitsWait = seed % 2 === 1;
    this.suspicious = seed % 4 === 0;
    this.group = group;
    const ids = Array.from({ length: this.size }, (_, i) => BigInt(i + 1));
    for (const id of ids) this.furnish(group.add(id, founded(ids, this.ours))).start();
    this.nextId = BigInt(this.size + 1);
  }

  step(): void {
    const { dice, group } = this;
    const member = this.anyMember();
    if (dice.int(12) === 0) this.followTheme();
    switch (dice.int(16)) {
      case 0:
      case 1:
      case 2:
        if (member.id !== this.slow || dice.int(5) === 0) {
          member.raft?.tick();
          member.raft?.tellCommit();
        }
        break;
      case 3:
      case 4:
      case 5:
        member.begin();
        break;
      case 6:
      case 7:
        member.finish();
        break;
      case 8:
        member.applySome(1 + dice.int(4));
        break;
      case 9:
        this.ask(member);
        break;
      case 10:
        this.disturb(member);
        break;
      default:
        this.deliverOne();
    }
    group.checkLeaders();
  }

  end(): Story {
    const { group } = this;
    group.passes = () => true;
    for (const member of group.members.values()) {
      if (member.raft === undefined) member.start();
      member.lags = false;
      member.applySome(Number.POSITIVE_INFINITY);
    }
    // Votes are refused while an old leader is remembered; a few timeouts sort that out.
    group.converge(600);
    // A hand-over, or a leader that has just removed itself, may still be on its way.
    for (let i = 0; i < 10; i++) {
      group.tick(10);
      group.leader?.running.propose(Buffer.from('the end'));
      group.converge(100);
      if (group.leader?.tape.at(-1)?.endsWith(':the end')) break;
    }
    const tapes = group.insiders.map(({ tape }) => tape);
    for (const tape of tapes) assert.deepEqual(tape, tapes[0]);
    assert.ok(tapes[0]?.at(-1)?.endsWith(':the end'), 'nothing can be written any more');
    return {
      committed: tapes[0]?.length ?? 0,
      terms: Number(group.leader?.running.term ?? 0n),
      reads: group.reads,
      changes: this.changes,
      snapshots: this.snapshots,
    };
  }

  private furnish(member: GroupMember): GroupMember {
    member.depth = 1 + this.dice.int(3);
    member.lags = this.dice.int(2) === 0;
    return member;
  }

  private anyMember(): GroupMember {
    const all = [...this.group.members.values()];
    return all[this.dice.int(all.length)] as GroupMember;
  }

  /** Ids that were removed never come back. */
  private anyStayer(leader: GroupMember): bigint {
    const id = this.anyId();
    return leader.removed.includes(id) ? leader.id : id;
  }

  private anyId(): bigint {
    return this.anyMember().id;
  }

  /** What callers do. Most of it reaches a member that does not lead, and is refused. */
  private ask(member: GroupMember): void {
    const { dice, group } = this;
    const { raft } = member;
    if (raft === undefined) return;
    const leads = group.leader ?? member;
    switch (dice.int(12)) {
      case 0:
        group.read(member);
        return;
      case 1:
        this.readFromLeader();
        return;
      case 2:
        this.unseat(member, leads);
        return;
      case 3:
        if (dice.int(4) < this.churn) this.change(leads);
        return;
      case 4:
        raft.propose(Buffer.from(`p${this.proposed++}`));
        return;
      case 5:
        leads.raft?.proposeAll([Buffer.from(`p${this.proposed++}`), Buffer.from('and')]);
        return;
      default:
        leads.raft?.propose(Buffer.from(`p${this.proposed++}`));
    }
  }

  /** A leader hands over; or somebody takes it for gone, which is mostly wrong. */
  private unseat(member: GroupMember, leads: GroupMember): void {
    const drawn = this.dice.int(8);
    if (drawn === 0) leads.raft?.transferLeader(this.anyId());
    if (!this.suspicious || drawn !== 1 || member.raft === undefined) return;
    member.raft.leaderIsGone();
    if (member.raft.asksFirst) member.raft.campaign();
  }

  /** Some lives have more of what takes a long coincidence to go wrong. */
  private followTheme(): void {
    const { dice, group, theme } = this;
    if (theme === 'everything') return;
    if (dice.int(25) === 0) group.passes = this.themeOfNetwork();
    if (theme === 'reads') this.readFromLeader();
    else if (dice.int(3) === 0 && group.leader !== undefined) this.change(group.leader);
  }

  private themeOfNetwork(): (message: Message) => boolean {
    const { dice, group } = this;
    if (dice.int(3) === 0) return () => true;
    const { leader } = group;
    if (leader === undefined || dice.int(3) === 0) return this.partition();
    this.slow = leader.id;
    const slow = leader.id;
    return ({ from, to }) => from !== slow && to !== slow;
  }

  /** From anybody who believes to lead. */
  private readFromLeader(): void {
    const leaders = this.group.up.filter(({ running }) => running.role === 'leader');
    const one = leaders[this.dice.int(Math.max(1, leaders.length))];
    if (one !== undefined) this.group.read(one);
  }

  private change(leader: GroupMember): void {
    const { raft } = leader;
    if (raft?.role !== 'leader') return;
    const joint = this.theme === 'joint' ? 2 : 1;
    const made = this.dice.int(3) < joint ? this.jointChange(leader) : this.singleChange(leader);
    if (typeof raft.proposeChange(made) === 'object') this.changes++;
  }

  private singleChange(leader: GroupMember): Change {
    const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode } = ConfChangeType;
    const { ConfChangeUpdateNode } = ConfChangeType;
    const known = this.anyStayer(leader);
    switch (this.dice.int(5)) {
      case 0:
        return change(ConfChangeRemoveNode, known);
      case 1:
        return this.added(ConfChangeAddNode, known);
      case 2:
        return this.added(ConfChangeAddLearnerNode, known);
      case 3:
        return change(ConfChangeUpdateNode, known, this.ours(known));
      default:
        return change(ConfChangeAddNode, known, this.ours(known));
    }
  }

  private added(type: ConfChangeType, otherwise: bigint): Change {
    const id = this.nextId++;
    const empty = {
      hardState: HardState.create(),
      entries: [],
      snapshot: ORIGIN,
      confState: ConfState.create(),
      membership: ClusterSnapshot.create(),
      tape: [],
    };
    // More would be a crowd in which nothing happens.
    if (id < this.size + 5) this.furnish(this.group.add(id, empty)).start();
    return id < this.size + 5
      ? change(type, id, this.ours(id))
      : change(type, otherwise, this.ours(otherwise));
  }

  /** Towards another electorate, which may have nobody of the present one; or the end of that. */
  private jointChange(leader: GroupMember): Change {
    const { dice, group } = this;
    const { voters, votersOutgoing } = leader.running.confState;
    if (votersOutgoing.length > 0 && dice.int(2) === 0) return ConfChangeV2.create();
    const { ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeAddLearnerNode } = ConfChangeType;
    const changes: ConfChangeSingle[] = [];
    for (const nodeId of group.members.keys()) {
      if (leader.removed.includes(nodeId)) continue;
      const votes = voters.includes(nodeId);
      const wish = dice.int(4);
      if (!votes && wish < 2) changes.push({ type: ConfChangeAddNode, nodeId });
      else if (votes && wish === 2) changes.push({ type: ConfChangeRemoveNode, nodeId });
      else if (wish === 3 && dice.int(2) === 0)
        changes.push({ type: ConfChangeAddLearnerNode, nodeId });
    }
    const members = changes
      .filter(({ type }) => type !== ConfChangeRemoveNode)
      .map(({ nodeId }) => RaftMember.create({ raftId: nodeId, features: this.ours(nodeId) }));
    const transition =
      dice.int(2) === 0
        ? ConfChangeTransition.ConfChangeTransitionAuto
        : ConfChangeTransition.ConfChangeTransitionJointExplicit;
    return ConfChangeV2.create({ transition, changes, context: describeMembers(members) });
  }

  /** Crashes, restarts, snapshots, partitions. */
  private disturb(member: GroupMember): void {
    const { dice, group } = this;
    if (member.raft === undefined) {
      member.create();
      return;
    }
    switch (dice.int(8)) {
      case 0:
        if (dice.int(6) < this.crashes) member.crash();
        return;
      case 1:
      case 2:
        member.compact(dice.int(5));
        this.snapshots++;
        return;
      case 3:
        // It lasts: an election takes a hundred steps and more.
        if (dice.int(6) === 0) group.passes = this.partition();
        return;
      case 4:
        if (dice.int(6) === 0) group.passes = () => true;
        return;
      default:
    }
  }

  /** Two halves, or one member cut off, or deaf in one direction only. */
  private partition(): (message: Message) => boolean {
    const { dice } = this;
    const lonely = this.anyId();
    const bits = dice.int(1 << 12);
    const side = (id: bigint): number => (bits >> Number(id % 12n)) & 1;
    switch (dice.int(3)) {
      case 0:
        return ({ from, to }) => side(from) === side(to);
      case 1:
        return ({ from, to }) => from !== lonely && to !== lonely;
      default:
        return ({ to }) => to !== lonely;
    }
  }

  /** Any message, so that they overtake each other; sometimes it arrives twice, sometimes never. */
  private deliverOne(): void {
    const { dice, group } = this;
    // Mostly one of the oldest: without that a term is over before anything is agreed on in it.
    const among = dice.int(3) === 0 ? group.network.length : Math.min(4, group.network.length);
    const at = dice.int(Math.max(1, among));
    const message = group.network[at];
    if (message === undefined) return;
    if (dice.int(12) > 0) group.network.splice(at, 1);
    if (dice.int(20) >= this.loss) group.deliver(message);
    else group.lose(message);
  }
}
