/**
 * What Raft promises, checked from outside: what is on the disks, what was sent, what was applied and
 * what leaders say is compared with everything before. Throws at the first thing that must not be.
 */
import assert from 'node:assert/strict';
import {
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { Position } from '../core/log.js';
import type { Raft } from '../core/raft.js';

/** What of a member's disk is looked at. */
export interface Disk {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  readonly snapshot: Position;
}

const OURS_ONLY: ReadonlySet<MessageType> = new Set([
  MessageType.MsgPreVote,
  MessageType.MsgReadIndex,
]);

export class Books {
  /** What was applied at each index anywhere. */
  private readonly tape: string[] = [];
  /** A term at or after the one in which the entry was committed. */
  private readonly committedBy: bigint[] = [];
  private readonly leaders = new Map<bigint, bigint>();
  private readonly votes = new Map<string, bigint>();
  private readonly entries = new Map<string, string>();
  private readonly reads = new Map<string, number>();
  private asked = 0;

  /** State machine safety: what was applied at an index anywhere is what is applied there everywhere. */
  applied(id: bigint, term: bigint, index: number, what: string): void {
    this.tape[index] ??= what;
    this.committedBy[index] ??= term;
    assert.equal(what, this.tape[index], `member ${id} applies another entry ${index}`);
  }

  get lastApplied(): number {
    return Math.max(0, this.tape.length - 1);
  }

  /** Log matching: entries of one index and term are the same, and so are those before them. */
  written(disk: Disk, entries: readonly Entry[]): void {
    let before = entries[0] && termOnDisk(disk, entries[0].Index - 1n);
    for (const { Index, Term, Data } of entries) {
      const what = Data.toString('latin1');
      this.same(`${Index}/${Term}`, what);
      if (before !== undefined) this.same(`before ${Index}/${Term}`, `${before}`);
      before = Term;
    }
  }

  private same(key: string, what: string): void {
    const known = this.entries.get(key);
    if (known === undefined) this.entries.set(key, what);
    else assert.equal(what, known, `two logs differ: ${key}`);
  }

  /** Nothing is promised before it is on the disk, and one vote a term. */
  sent(disk: Disk, message: Message, ours: boolean): void {
    const { type, from, to, term, reject, index } = message;
    if (OURS_ONLY.has(type)) assert.ok(ours, `${MessageType[type]} in a mixed group`);
    const { hardState } = disk;
    // What was promised in an earlier term may have been replaced in a later one before it was written:
    // then the later term is on the disk, and the promise is history.
    if (type === MessageType.MsgAppResp && !reject && hardState.term <= term)
      assert.ok(lastOnDisk(disk) >= index, `member ${from} promises ${index}, which it has not`);
    const votes = type === MessageType.MsgVoteResp && !reject;
    if (!votes && type !== MessageType.MsgVote) return;
    const voted = votes ? to : from;
    assert.ok(
      hardState.term > term || (hardState.term === term && hardState.vote === voted),
      `member ${from} votes in term ${term} before it is on its disk`,
    );
    const key = `${from}/${term}`;
    const earlier = this.votes.get(key);
    assert.ok(earlier === undefined || earlier === voted, `member ${from} votes twice in ${term}`);
    this.votes.set(key, voted);
  }

  /** Election safety: one leader a term. Leader completeness: it has what was committed before. */
  leads(id: bigint, raft: Raft): void {
    if (raft.role !== 'leader') return;
    const other = this.leaders.get(raft.term);
    if (other === id) return;
    assert.ok(other === undefined, `two leaders in term ${raft.term}`);
    this.leaders.set(raft.term, id);
    for (let index = Number(raft.firstIndex); index < this.tape.length; index++) {
      if ((this.committedBy[index] as bigint) >= raft.term) continue;
      const term = raft.termOf(BigInt(index));
      const committed = this.tape[index] as string;
      assert.ok(
        term !== undefined && committed.startsWith(`${term}:`),
        `the leader of term ${raft.term} lacks entry ${index}`,
      );
    }
  }

  /** Context of a new read. */
  asks(): Buffer {
    const context = Buffer.from(`read ${this.asked++}`);
    this.reads.set(context.toString(), this.lastApplied);
    return context;
  }

  /** A read sees everything that was applied anywhere before it was asked for. */
  answered(context: Buffer, index: bigint | undefined, id?: bigint): void {
    const key = context.toString();
    const atLeast = this.reads.get(key);
    assert.ok(atLeast !== undefined, `${key} is answered twice`);
    this.reads.delete(key);
    if (index === undefined) return;
    assert.ok(index >= BigInt(atLeast), `${key} of ${id}: ${index}, but ${atLeast} was applied`);
  }
}

/** What one leader calls committed is of its own term, and on the disks of a majority. */
export class LeaderWatch {
  private committed = 0n;
  private confState: ConfState | undefined;

  forget(): void {
    this.committed = 0n;
    this.confState = undefined;
  }

  check(raft: Raft, diskOf: (id: bigint) => Disk | undefined): void {
    const { committed } = raft;
    const changed = committed > this.committed || this.confState === undefined;
    if (!changed && raft.role !== 'leader') return;
    const before = this.confState;
    const now = raft.confState;
    const old = this.committed;
    this.committed = committed;
    this.confState = now;
    if (raft.role !== 'leader' || committed <= old || before === undefined) return;
    const term = raft.termOf(committed);
    assert.equal(term, raft.term, `the leader commits ${committed} of an earlier term`);
    const has = (id: bigint): boolean => {
      const disk = diskOf(id);
      if (disk === undefined) return false;
      return disk.snapshot.index >= committed || termOnDisk(disk, committed) === term;
    };
    // It may have changed the group in the same breath.
    assert.ok(
      isOnMajority(now, has) || isOnMajority(before, has),
      `the leader commits ${committed} without a majority`,
    );
  }
}

function isOnMajority(
  { voters, votersOutgoing }: ConfState,
  has: (id: bigint) => boolean,
): boolean {
  return [voters, votersOutgoing].every(
    (ids) => ids.length === 0 || ids.filter(has).length > ids.length / 2,
  );
}

export const hasOnDisk = (disk: Disk, { Index, Term }: Entry): boolean =>
  termOnDisk(disk, Index) === Term;

function termOnDisk({ entries, snapshot }: Disk, index: bigint): bigint | undefined {
  if (index === snapshot.index) return snapshot.term;
  const first = entries[0];
  return first === undefined || index < first.Index
    ? undefined
    : entries[Number(index - first.Index)]?.Term;
}

const lastOnDisk = ({ entries, snapshot }: Disk): bigint => {
  const last = entries.at(-1)?.Index ?? 0n;
  return last > snapshot.index ? last : snapshot.index;
};
