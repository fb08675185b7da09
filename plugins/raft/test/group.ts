/**
 * A Raft group in memory: cores with a disk each and a network between them, all under the test's
 * control. Writing takes as long as the test wants, so that a member can die with a write half way.
 * Its books throw as soon as something happened that Raft forbids.
 */
import assert from 'node:assert/strict';
import {
  ConfChange,
  ConfChangeType,
  ConfState,
  Entry,
  EntryType,
  HardState,
  Message,
  MessageType,
  type Snapshot,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { encodeChange } from '../core/change.js';
import { ORIGIN, type Position } from '../core/log.js';
import { Raft, type Ready, type Write } from '../core/raft.js';
import type { ReadAnswer } from '../core/reads.js';
import { Roster } from '../core/roster.js';
import { Books, hasOnDisk, LeaderWatch } from './books.js';

export interface DiskImage {
  hardState: HardState;
  entries: Entry[];
  snapshot: Position;
  confState: ConfState;
  /** Who they are, as of the snapshot. */
  membership: ClusterSnapshot;
  /** The state machine as of the snapshot. */
  tape: readonly string[];
}

/** SwarmKit's kind of change. `features`: what the member that it adds can do. */
export const change = (type: ConfChangeType, nodeId: bigint, features = 0): ConfChange =>
  ConfChange.create({ type, nodeId, context: describe(nodeId, features) });

const describe = (raftId: bigint, features: number): Buffer =>
  Buffer.from(RaftMember.encode(RaftMember.create({ raftId, features })).finish());

export const entry = (index: number, term: number, data = `${index}/${term}`): Entry =>
  Entry.create({ Index: BigInt(index), Term: BigInt(term), Data: Buffer.from(data) });

/** The log that every member of a new group begins with: one change a member, all committed. */
export function founded(
  ids: readonly bigint[],
  featuresOf: (id: bigint) => number = () => 0,
): DiskImage {
  const entries = ids.map((id, i) =>
    Entry.create({
      Type: EntryType.EntryConfChange,
      Index: BigInt(i + 1),
      Term: 1n,
      Data: encodeChange(change(ConfChangeType.ConfChangeAddNode, id, featuresOf(id))).data,
    }),
  );
  return {
    hardState: HardState.create({ term: 1n, commit: BigInt(ids.length) }),
    entries,
    snapshot: ORIGIN,
    confState: ConfState.create(),
    membership: ClusterSnapshot.create(),
    tape: [],
  };
}

interface SnapshotData {
  readonly tape: readonly string[];
  /** Encoded, base64. */
  readonly membership: string;
}

export class GroupMember {
  raft: Raft | undefined;
  tape: string[] = [];
  /** Writes that may be on their way at a time. */
  depth = 1;
  /** Committed entries wait here until `applySome`, instead of being applied at once. */
  lags = false;
  readonly watch = new LeaderWatch();
  /** The group was all ours at some time since the last ready. */
  mayBeOurs = false;
  private roster = new Roster();
  private readonly writing: Ready[] = [];
  private unapplied: Entry[] = [];

  constructor(
    private readonly group: Group,
    readonly id: bigint,
    readonly disk: DiskImage,
  ) {}

  get running(): Raft {
    assert.ok(this.raft, `member ${this.id} is down`);
    return this.raft;
  }

  /** Ids that were removed, as far as this member knows. */
  get removed(): readonly bigint[] {
    return this.roster.toSnapshot().removed;
  }

  start(): void {
    this.create();
    this.pump();
  }

  /** As `start`, before it did anything. */
  create(): void {
    const { hardState, entries, snapshot, confState, membership, tape } = this.disk;
    this.roster = new Roster();
    this.roster.restore(membership);
    this.tape = [...tape];
    this.raft = new Raft(
      {
        id: this.id,
        electionTicks: 10,
        heartbeatTicks: 1,
        maxAppendBytes: 64,
        maxInflight: 4,
        maxInflightBytes: 1_024,
        maxUncommittedBytes: this.group.maxUncommittedBytes,
        commitsWait: this.group.commitsWait,
        random: this.group.random,
      },
      {
        hardState,
        snapshot,
        confState,
        members: membership.members,
        removed: this.roster.isRemoved(this.id),
        entries: [...entries],
        committed: hardState.commit,
      },
    );
  }

  /** What was not written is gone. */
  crash(): void {
    this.raft = undefined;
    this.writing.length = 0;
    this.unapplied = [];
    this.watch.forget();
  }

  /** Begins the next write, or finishes the oldest one that was begun. False when there is nothing to do. */
  work(): boolean {
    return this.writing.length < this.depth ? this.begin() || this.finish() : this.finish();
  }

  begin(): boolean {
    const { raft } = this;
    if (raft?.snapshotDue) this.compact(2);
    if (raft === undefined || this.writing.length >= this.depth || !raft.hasReady) return false;
    const ready = raft.ready();
    this.mayBeOurs ||= raft.allOurs;
    this.writing.push(ready);
    this.group.send(this, ready.messages);
    this.group.answered(this, ready.reads);
    this.mayBeOurs = raft.allOurs;
    this.unapplied.push(...ready.committed);
    if (!this.lags) this.applySome(this.unapplied.length);
    return true;
  }

  finish(): boolean {
    const ready = this.raft && this.writing.shift();
    if (ready === undefined) return false;
    if (ready.write !== undefined) this.write(ready.write);
    this.group.send(this, ready.promises);
    this.running.advance();
    return true;
  }

  applySome(count: number): void {
    for (const one of this.unapplied.splice(0, count)) this.apply(one);
  }

  pump(): void {
    while (this.work());
  }

  /** Takes a snapshot of what is applied and keeps `keep` entries behind it. */
  compact(keep: number): void {
    const raft = this.running;
    const index = BigInt(this.tape.length);
    const term = raft.termOf(index);
    if (index <= this.disk.snapshot.index || term === undefined) return;
    const kept = index - BigInt(keep);
    raft.compact({ index, term }, kept);
    this.disk.snapshot = { index, term };
    this.disk.confState = raft.confState;
    this.disk.membership = this.roster.toSnapshot();
    this.disk.tape = [...this.tape];
    this.disk.entries = this.disk.entries.filter((one) => one.Index > kept);
  }

  private write({ hardState, snapshot, entries }: Write): void {
    const { disk } = this;
    disk.hardState = hardState;
    if (snapshot !== undefined) this.install(snapshot);
    const first = entries[0];
    if (first === undefined) return;
    this.group.books.written(disk, entries);
    disk.entries = [...disk.entries.filter((one) => one.Index < first.Index), ...entries];
  }

  private install(snapshot: Snapshot): void {
    const { disk } = this;
    const { index } = snapshot.metadata;
    assert.ok(index > this.tape.length, `member ${this.id} goes back to ${index}`);
    this.unapplied = [];
    disk.snapshot = snapshot.metadata;
    disk.confState = snapshot.metadata.confState;
    const { tape, membership } = JSON.parse(snapshot.data.toString()) as SnapshotData;
    disk.tape = tape;
    disk.membership = ClusterSnapshot.decode(Buffer.from(membership, 'base64'));
    disk.entries = [];
    this.roster.restore(disk.membership);
    this.running.knowMembers(disk.membership.members);
    this.tape = [...disk.tape];
  }

  private apply(one: Entry): void {
    const index = Number(one.Index);
    assert.equal(this.tape.length, index - 1, `member ${this.id} applies ${index} out of order`);
    this.tape.push(`${one.Term}:${one.Data.toString('latin1')}`);
    assert.ok(hasOnDisk(this.disk, one), `member ${this.id} applies ${index}, not on its disk`);
    this.group.books.applied(this.id, this.running.term, index, this.tape[index - 1] as string);
    const made = this.running.applied(one);
    if (made !== undefined) this.roster.apply(made, this.running.confState);
  }
}

export class Group {
  readonly members = new Map<bigint, GroupMember>();
  network: Message[] = [];
  /** Messages that this says no to are lost. */
  passes: (message: Message) => boolean = () => true;
  /** Every message that was ever sent, for tests that look at them. */
  readonly sent: Message[] = [];
  keepsSent = true;
  readonly books = new Books();
  onRead: (member: GroupMember, index: bigint | undefined) => void = () => {};
  /** Reads that were answered with an index. */
  reads = 0;
  /** No member ever has anything that SwarmKit has not. */
  swarmKitOnly = false;
  maxUncommittedBytes = 1_024 * 1_024;
  commitsWait = false;
  /** Encodes and decodes every message, as between real managers. */
  overTheWire = true;

  constructor(readonly random: (below: number) => number) {}

  /** Of SwarmKit's managers, unless they are said to have more features. */
  static of(size: number, random: (below: number) => number = () => 0, features = 0): Group {
    const group = new Group(random);
    const ids = Array.from({ length: size }, (_, i) => BigInt(i + 1));
    for (const id of ids)
      group
        .add(
          id,
          founded(ids, () => features),
        )
        .start();
    return group;
  }

  add(id: bigint, disk: DiskImage): GroupMember {
    const member = new GroupMember(this, id, disk);
    this.members.set(id, member);
    return member;
  }

  member(id: number | bigint): GroupMember {
    const member = this.members.get(BigInt(id));
    assert.ok(member, `no member ${id}`);
    return member;
  }

  raft(id: number | bigint): Raft {
    return this.member(id).running;
  }

  get up(): GroupMember[] {
    return [...this.members.values()].filter((member) => member.raft !== undefined);
  }

  get leader(): GroupMember | undefined {
    return this.up
      .filter(({ running }) => running.role === 'leader')
      .sort((a, b) => Number(b.running.term - a.running.term))[0];
  }

  /** Everybody up whom the leader counts among the members. */
  get insiders(): GroupMember[] {
    const { leader } = this;
    if (leader === undefined) return this.up;
    return this.up.filter(({ id }) => leader.running.progress(id) !== undefined);
  }

  send(from: GroupMember, messages: readonly Message[]): void {
    for (const message of messages) {
      const whole =
        message.type === MessageType.MsgSnap
          ? { ...message, snapshot: fill(from, message) }
          : message;
      this.books.sent(from.disk, whole, from.mayBeOurs && !this.swarmKitOnly);
      const copy = this.overTheWire
        ? Message.decode(Buffer.from(Message.encode(whole).finish()))
        : whole;
      if (this.keepsSent) this.sent.push(copy);
      this.network.push(copy);
    }
  }

  deliver(message: Message): void {
    const receiver = this.members.get(message.to);
    if (receiver?.raft === undefined || !this.passes(message)) {
      this.lose(message);
      return;
    }
    receiver.raft.step(message);
    this.report(message, true);
  }

  lose(message: Message): void {
    this.report(message, false);
  }

  /** What a transport owes the core: how the sending of a snapshot went. */
  private report(message: Message, arrived: boolean): void {
    if (message.type === MessageType.MsgSnap)
      this.members.get(message.from)?.raft?.reportSnapshot(message.to, arrived);
  }

  /** Delivers and writes until nothing moves. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert.ok(round < 10_000, 'the group does not come to rest');
      for (const member of this.up) member.pump();
      this.checkLeaders();
      const messages = this.network;
      if (messages.length === 0) return;
      this.network = [];
      for (const message of messages) this.deliver(message);
    }
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      for (const { running } of this.up) running.tick();
      this.settle();
    }
  }

  elect(id: number): GroupMember {
    this.settle();
    this.raft(id).campaign();
    this.settle();
    assert.equal(this.leader?.id, BigInt(id));
    return this.member(id);
  }

  propose(data: string): Position {
    const position = this.leader?.running.propose(Buffer.from(data));
    assert.ok(position !== undefined && typeof position !== 'string', `refused: ${position}`);
    return position;
  }

  /** Ticks until every running member has applied the same, and one of them leads. */
  converge(limitTicks = 200): void {
    for (let i = 0; i < limitTicks; i++) {
      this.tick();
      const { leader } = this;
      const last = leader?.running.lastIndex;
      if (this.insiders.every(({ tape }) => BigInt(tape.length) === last)) return;
    }
    const pictures = this.up.map((member) => {
      const { role, term, leader, lastIndex, committed, applied, confState } =
        member.running.status();
      const { voters, votersOutgoing, learners } = confState;
      const group = [voters, votersOutgoing, learners].map((ids) => ids.join()).join(' | ');
      return `${member.id}: ${role} of ${leader} in ${term}, ${applied}/${committed}/${lastIndex}, ${group}`;
    });
    assert.fail(`no agreement after ${limitTicks} ticks:\n${pictures.join('\n')}`);
  }

  /** Asks for a read at `member`. Its answer is checked against what was applied anywhere by now. */
  read(member: GroupMember): void {
    const context = this.books.asks();
    if (member.running.readIndex(context) !== undefined) this.books.answered(context, undefined);
  }

  answered(member: GroupMember, answers: readonly ReadAnswer[]): void {
    for (const { context, index } of answers) {
      if (index !== undefined) this.reads++;
      this.onRead(member, index);
      this.books.answered(context, index, member.id);
    }
  }

  checkLeaders(): void {
    for (const member of this.up) {
      this.books.leads(member.id, member.running);
      member.mayBeOurs ||= member.running.allOurs;
      member.watch.check(member.running, (id) => this.members.get(id)?.disk);
    }
  }
}

/** The shell's part: the newest snapshot there is, which may be newer than the one that was asked for. */
function fill(from: GroupMember, message: Message): Snapshot {
  const { snapshot, tape, membership } = from.disk;
  const confState = message.snapshot?.metadata.confState;
  assert.ok(confState && snapshot.index >= message.snapshot.metadata.index);
  const data: SnapshotData = {
    tape,
    membership: Buffer.from(ClusterSnapshot.encode(membership).finish()).toString('base64'),
  };
  return { metadata: { ...snapshot, confState }, data: Buffer.from(JSON.stringify(data)) };
}
