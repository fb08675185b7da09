/**
 * The entries of one member from the compaction point on, held in memory, with four marks that only
 * move forward (save that a follower's conflict takes `stable` back):
 *
 *   base <= snapshot    compacted up to here; the entry before the first one that is held
 *   handed              given out to be applied
 *   committed           on a majority of disks
 *   stable              on our own disk
 *   issued >= stable    given out to be written
 *
 * An entry is handed out when it is committed and stable, so that applying never waits for the disk.
 */
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Entry, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { maxOf, minOf } from './bigint.js';

/** The name of one entry of the log: no two different entries have the same pair. */
export interface Position {
  readonly index: bigint;
  readonly term: bigint;
}

export const ORIGIN: Position = { index: 0n, term: 0n };

/** What a member finds on its disk when it starts. */
export interface StoredLog {
  readonly snapshot: Position;
  /** Contiguous; the first one is at most `snapshot.index + 1`. */
  readonly entries: readonly Entry[];
  readonly committed: bigint;
}

export class RaftLog {
  private base: Position;
  private entries: Entry[];
  /** Bytes of data up to and with each entry, so that the bytes of any stretch are one subtraction. */
  private ends: number[] = [];
  /** The same, up to the base. */
  private baseEnd = 0;
  /** Up to which entry each write on its way makes the log stable, oldest first. */
  private writing: bigint[] = [];
  /** The newest snapshot on our disk: what a follower gets that is behind `firstIndex`. */
  snapshot: Position;
  /** Received from the leader, not yet on our disk. */
  incoming: Snapshot | undefined;
  committed: bigint;
  stable: bigint;
  issued: bigint;
  handed: bigint;

  constructor(stored: StoredLog) {
    const first = stored.entries[0];
    const { snapshot } = stored;
    invariant(first === undefined || first.Index <= snapshot.index + 1n, 'RAFT_LOG_GAP', {
      snapshot: snapshot.index,
      first: first?.Index,
    });
    // The term of what was before the first entry is known only where that is the snapshot itself.
    this.base =
      first === undefined || first.Index === snapshot.index + 1n
        ? snapshot
        : { index: first.Index, term: first.Term };
    this.entries = stored.entries.slice(first?.Index === this.base.index ? 1 : 0);
    if (this.lastIndex < snapshot.index) {
      this.base = snapshot;
      this.entries = [];
    }
    for (const { Data } of this.entries) this.ends.push(this.lastEnd + Data.length);
    this.snapshot = snapshot;
    this.committed = maxOf(stored.committed, snapshot.index);
    this.stable = this.lastIndex;
    this.issued = this.lastIndex;
    this.handed = snapshot.index;
    invariant(this.committed <= this.lastIndex, 'RAFT_LOG_SHORT', {
      committed: this.committed,
      lastIndex: this.lastIndex,
    });
  }

  get firstIndex(): bigint {
    return this.base.index + 1n;
  }

  get lastIndex(): bigint {
    return this.base.index + BigInt(this.entries.length);
  }

  get last(): Position {
    const last = this.entries.at(-1);
    return last === undefined ? this.base : { index: last.Index, term: last.Term };
  }

  /** Undefined where the entry was compacted away or is not there yet. */
  term(index: bigint): bigint | undefined {
    if (index === this.base.index) return this.base.term;
    return this.entry(index)?.Term;
  }

  matches({ index, term }: Position): boolean {
    return this.term(index) === term;
  }

  /** Whether a candidate whose log ends at `other` may get our vote (section 5.4.1 of the paper). */
  isUpToDate(other: Position): boolean {
    const last = this.last;
    return other.term > last.term || (other.term === last.term && other.index >= last.index);
  }

  /** Entries from `from` on, at least one where there is one, else up to `maxBytes` of data. */
  slice(from: bigint, maxBytes: number, upTo = this.lastIndex): Entry[] {
    invariant(from >= this.firstIndex, 'RAFT_COMPACTED', { from, firstIndex: this.firstIndex });
    const begin = this.offset(from);
    let end = this.offset(upTo + 1n);
    if (begin >= end) return [];
    const most = this.endBefore(begin) + maxBytes;
    if ((this.ends[end - 1] as number) > most) {
      // The first one that does not fit any more.
      let low = begin + 1;
      while (low < end) {
        const middle = (low + end) >>> 1;
        if ((this.ends[middle] as number) > most) end = middle;
        else low = middle + 1;
      }
    }
    return this.entries.slice(begin, end);
  }

  /** Bytes of data of the entries behind `after`, up to `upTo`. */
  bytes(after: bigint, upTo = this.lastIndex): number {
    return this.endBefore(this.offset(upTo + 1n)) - this.endBefore(this.offset(after + 1n));
  }

  /** A leader's own: nothing is ever replaced. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.Index === this.lastIndex + 1n, 'RAFT_APPEND_GAP', {
        index: entry.Index,
        lastIndex: this.lastIndex,
      });
      this.ends.push(this.lastEnd + entry.Data.length);
      this.entries.push(entry);
    }
  }

  /**
   * A leader's message: takes what follows `previous` where that is in our log, replacing what
   * contradicts it. Returns the index up to which our log now equals the leader's.
   */
  merge(previous: Position, entries: readonly Entry[]): bigint | undefined {
    if (!this.matches(previous)) return undefined;
    const at = entries.findIndex((entry) => this.term(entry.Index) !== entry.Term);
    if (at >= 0) {
      const first = (entries[at] as Entry).Index;
      invariant(first > this.committed, 'RAFT_COMMITTED_CONFLICT', {
        index: first,
        committed: this.committed,
      });
      this.truncateFrom(first);
      this.append(entries.slice(at));
    }
    return previous.index + BigInt(entries.length);
  }

  /**
   * The last position at or before `index` whose term is at most `term`: where a log that has `term`
   * at `index` may begin to agree with ours. Term 0 where we no longer know.
   */
  lastAtMost(index: bigint, term: bigint): Position {
    for (let at = index; at > 0n; at--) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0n };
      if (own <= term) return { index: at, term: own };
    }
    return ORIGIN;
  }

  commitTo(index: bigint): boolean {
    if (index <= this.committed) return false;
    invariant(index <= this.lastIndex, 'RAFT_COMMIT_BEYOND_LOG', {
      index,
      lastIndex: this.lastIndex,
    });
    this.committed = index;
    return true;
  }

  /** What was not given out to be written yet. Whoever takes it calls `saved` when it is on disk. */
  takeUnwritten(): readonly Entry[] {
    const taken =
      this.issued === this.lastIndex ? [] : this.entries.slice(this.offset(this.issued + 1n));
    this.issued = this.lastIndex;
    this.writing.push(this.issued);
    return taken;
  }

  /** The oldest write on its way is on disk. */
  saved(): void {
    const upTo = this.writing.shift() ?? 0n;
    if (upTo > this.stable) this.stable = upTo;
  }

  get hasNext(): boolean {
    return this.incoming === undefined && minOf(this.committed, this.stable) > this.handed;
  }

  /** Committed and stable entries that were not handed out yet. */
  next(maxBytes: number): readonly Entry[] {
    if (!this.hasNext) return [];
    return this.slice(this.handed + 1n, maxBytes, minOf(this.committed, this.stable));
  }

  /** Replaces everything by a snapshot from the leader. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.incoming = snapshot;
    this.base = { index, term };
    this.entries = [];
    this.ends = [];
    this.baseEnd = 0;
    this.writing.fill(0n);
    this.committed = index;
    this.stable = index;
    this.issued = index;
    this.handed = index;
  }

  /** A snapshot is on our disk: entries up to `index` are no longer needed here. */
  compact(snapshot: Position, index: bigint): void {
    this.snapshot = snapshot;
    if (index <= this.base.index) return;
    invariant(index <= this.handed, 'RAFT_COMPACT_UNAPPLIED', { index, handed: this.handed });
    const term = this.term(index);
    invariant(term !== undefined, 'RAFT_COMPACT_UNKNOWN', { index });
    const gone = this.offset(index + 1n);
    this.baseEnd = this.endBefore(gone);
    this.ends.splice(0, gone);
    this.entries.splice(0, gone);
    this.base = { index, term };
  }

  /**
   * What follows is replaced. Writes on their way hold what is gone now, and an entry that comes back
   * under the same name is written again: until then it is not stable.
   */
  private truncateFrom(first: bigint): void {
    this.entries.length = this.offset(first);
    this.ends.length = this.entries.length;
    const before = first - 1n;
    this.stable = minOf(this.stable, before);
    this.issued = minOf(this.issued, before);
    for (let i = 0; i < this.writing.length; i++)
      this.writing[i] = minOf(this.writing[i] as bigint, before);
  }

  private get lastEnd(): number {
    return this.endBefore(this.ends.length);
  }

  private endBefore(offset: number): number {
    return offset > 0 ? (this.ends[offset - 1] as number) : this.baseEnd;
  }

  private entry(index: bigint): Entry | undefined {
    return index < this.firstIndex ? undefined : this.entries[this.offset(index)];
  }

  private offset(index: bigint): number {
    return Number(index - this.base.index - 1n);
  }
}
