/**
 * The log of this member in the `raft` space of the node's storage: entries, hard state, the newest
 * snapshot, and as many before it as are to be kept, for people to look at. A batch is atomic and durable, so what is found here is whole or it is damage; damage is
 * refused by name and never repaired by guessing.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KeyRange, Operation, Space, Storage } from '@swarmkit/sdk/contracts/storage';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  Entry,
  HardState,
  Snapshot,
  type SnapshotMetadata,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { JoinResponse, RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { maxOf } from '../core/bigint.js';
import type { Write } from '../core/raft.js';
import { joinPieces } from './join-pieces.js';
import type { LogCipher } from './log-cipher.js';
import {
  CHUNK_RANGE,
  chunkKey,
  ENTRY_RANGE,
  entryKey,
  HARD_STATE_KEY,
  JOINED_KEY,
  indexOfEntryKey,
  indexOfOlderKey,
  MEMBER_KEY,
  OLDER_RANGE,
  olderKey,
  SNAPSHOT_KEY,
  snapshotOfChunkKey,
} from './log-record.js';
import { corrupt } from './raft-error.js';

/**
 * Keeps one batch short, and with it one stop of the event loop: entries that come meanwhile wait for it. A MiB
 * takes 4 to 8 ms where this takes 1.
 */
const CHUNK_BYTES = 256 * 1024;
const DELETES_A_BATCH = 1_000;
const RESEALED_AT_ONCE = 200;

const DESCRIPTION = 'the description of the snapshot';

export interface StoredSnapshot {
  readonly metadata: SnapshotMetadata;
  readonly data: Buffer;
}

export interface LoadedLog {
  readonly member: RaftMember;
  readonly hardState: HardState;
  readonly snapshot: StoredSnapshot | undefined;
  readonly entries: readonly Entry[];
  /** Of one that joined: the members then. */
  readonly met: readonly RaftMember[];
}

export class LogDisk {
  /** Entries `first` to `last` are on the disk; none when `last < first`. */
  private first = 1n;
  private last = 0n;
  /** Index of the newest snapshot on the disk. */
  private newest = 0n;

  /** Writes that must not overtake each other wait for their turn. */
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly space: Space,
    private readonly cipher: LogCipher,
  ) {}

  static async open(storage: Storage, cipher: LogCipher): Promise<LogDisk> {
    return new LogDisk(await storage.open('raft'), cipher);
  }

  /** For messages to people. */
  get location(): string {
    return this.space.location ?? 'the raft space of the storage';
  }

  /** Undefined where no log was ever made. */
  async load(): Promise<LoadedLog | undefined> {
    const member = await this.read(MEMBER_KEY, 'the record of the owner');
    if (member === undefined) return undefined;
    const hardState = await this.read(HARD_STATE_KEY, 'the hard state');
    if (hardState === undefined) throw corrupt('the hard state is missing', this.location);
    const loaded: LoadedLog = {
      member: RaftMember.decode(member),
      hardState: HardState.decode(hardState),
      snapshot: await this.loadSnapshot(),
      entries: await this.loadEntries(),
      met: JoinResponse.decode((await this.read(JOINED_KEY, 'whom it met')) ?? Buffer.alloc(0))
        .members,
    };
    this.checkComplete(loaded);
    this.first = loaded.entries[0]?.Index ?? (loaded.snapshot?.metadata.index ?? 0n) + 1n;
    this.last = loaded.entries.at(-1)?.Index ?? this.first - 1n;
    this.newest = loaded.snapshot?.metadata.index ?? 0n;
    return loaded;
  }

  async create(
    member: RaftMember,
    hardState: HardState,
    entries: readonly Entry[],
    met: readonly RaftMember[] = [],
  ): Promise<void> {
    const joined = JoinResponse.create({ raftId: member.raftId, members: [...met] });
    await this.space.batch([
      this.put(MEMBER_KEY, RaftMember.encode(member).finish()),
      this.put(JOINED_KEY, JoinResponse.encode(joined).finish()),
      ...this.operations(hardState, entries, 0n),
    ]);
    this.wrote(entries);
  }

  /** May be called again with the same write after it failed. */
  write({ hardState, snapshot, entries }: Write): Promise<void> {
    return this.inTurn(async () => {
      if (snapshot !== undefined) {
        await this.replaceAll(snapshot, hardState, entries);
      } else {
        await this.space.batch(this.operations(hardState, entries, this.last));
        this.wrote(entries);
      }
    });
  }

  /** Writes every record again, under the newest key. Other writes come in between. */
  async reseal(signal: AbortSignal): Promise<void> {
    let range: KeyRange | undefined = {};
    while (range !== undefined && !signal.aborted) {
      const part: KeyRange = range;
      await this.inTurn(async () => {
        range = await this.resealPart(part);
      });
      await nextTurn();
    }
  }

  /** Answers what is left. */
  private async resealPart(range: KeyRange): Promise<KeyRange | undefined> {
    const puts: Operation[] = [];
    let bytes = 0;
    let rest: KeyRange | undefined;
    for await (const [key, sealed] of this.space.scan({ ...range, limit: RESEALED_AT_ONCE })) {
      const record = Buffer.from(key);
      const payload = this.cipher.unseal(record, sealed);
      if (payload === undefined)
        throw corrupt('a record of the raft log is damaged', this.location);
      puts.push(this.put(record, payload));
      rest = { gte: Buffer.concat([record, Buffer.alloc(1)]) };
      bytes += sealed.length;
      if (bytes >= CHUNK_BYTES) break;
    }
    await this.space.batch(puts);
    return rest;
  }

  /** Keeps the snapshot, and so many of those before it. Entries stay. */
  async saveSnapshot(
    metadata: SnapshotMetadata,
    parts: readonly Uint8Array[],
    keepOlder = 0,
  ): Promise<void> {
    const { index } = metadata;
    const descriptor = await this.writeChunks(metadata, parts, (chunk) =>
      this.inTurn(() => this.space.batch([chunk()])),
    );
    await this.inTurn(async () => {
      // One from the leader may have come meanwhile.
      if (index > this.newest) {
        const before = keepOlder > 0 ? await this.read(SNAPSHOT_KEY, DESCRIPTION) : undefined;
        const older = before && this.put(olderKey(this.newest), before);
        await this.space.batch(older === undefined ? [descriptor()] : [older, descriptor()]);
        // Not before it is: the parts of what the disk calls the newest must stay.
        this.newest = index;
      }
      await this.deleteChunks(this.newest, keepOlder);
    });
  }

  /** Indexes of the snapshots before the newest one that are still here, oldest first. */
  async olderSnapshots(): Promise<readonly bigint[]> {
    const found: bigint[] = [];
    for await (const [key] of this.space.scan(OLDER_RANGE)) found.push(indexOfOlderKey(key));
    return found;
  }

  /** One of `olderSnapshots`. */
  readOlder(index: bigint): Promise<StoredSnapshot | undefined> {
    return this.loadSnapshot(olderKey(index));
  }

  /** Deletes entries up to `upTo`, oldest first, so that what is left has no gap at any moment. */
  async truncate(upTo: bigint): Promise<void> {
    while (this.first <= upTo) {
      const deletes: Operation[] = [];
      let next = this.first;
      for (; next <= upTo && deletes.length < DELETES_A_BATCH; next++)
        deletes.push({ del: entryKey(next) });
      await this.inTurn(() => this.space.batch(deletes));
      this.first = maxOf(this.first, next);
    }
  }

  /** The newest snapshot, for a member that is far behind. Undefined when there is none yet. */
  async readSnapshot(): Promise<StoredSnapshot | undefined> {
    for (;;) {
      const { newest } = this;
      try {
        return await this.loadSnapshot();
      } catch (error) {
        // Its parts went away because a newer one has taken its place.
        if (this.newest === newest) throw error;
      }
    }
  }

  /** Nothing of this log is left. */
  async erase(): Promise<void> {
    // Who the log belongs to goes first: half a log is none.
    await this.space.batch([{ del: MEMBER_KEY }]);
    for (;;) {
      const deletes: Operation[] = [];
      for await (const [key] of this.space.scan({ limit: DELETES_A_BATCH }))
        deletes.push({ del: key });
      if (deletes.length === 0) return;
      await this.space.batch(deletes);
    }
  }

  close(): Promise<void> {
    return this.space.close();
  }

  private wrote(entries: readonly Entry[]): void {
    this.last = entries.at(-1)?.Index ?? this.last;
  }

  /** A snapshot from the leader: everything before it goes in the same batch. */
  private async replaceAll(
    { metadata, data }: Snapshot,
    hardState: HardState,
    entries: readonly Entry[],
  ): Promise<void> {
    const descriptor = await this.writeChunks(metadata, [data], (chunk) =>
      this.space.batch([chunk()]),
    );
    const deletes: Operation[] = [];
    for (let index = this.first; index <= this.last; index++)
      deletes.push({ del: entryKey(index) });
    const fresh = this.operations(hardState, entries, metadata.index);
    await this.space.batch([...deletes, descriptor(), ...fresh]);
    this.newest = metadata.index;
    this.first = metadata.index + 1n;
    this.last = entries.at(-1)?.Index ?? metadata.index;
    // What lay before was of a log that is gone.
    await this.deleteChunks(metadata.index, 0);
  }

  /** The operation that makes the written chunks the snapshot. */
  private async writeChunks(
    metadata: SnapshotMetadata,
    parts: readonly Uint8Array[],
    write: (chunk: () => Operation) => Promise<void>,
  ): Promise<() => Operation> {
    let chunks = 0;
    for (const part of parts)
      for (let at = 0; at < part.length; at += CHUNK_BYTES) {
        const key = chunkKey(metadata.index, chunks++);
        await write(() => this.put(key, part.subarray(at, at + CHUNK_BYTES)));
      }
    const head = Buffer.alloc(4);
    head.writeUInt32BE(chunks);
    const description = Snapshot.encode({ metadata, data: Buffer.alloc(0) }).finish();
    return () => this.put(SNAPSHOT_KEY, Buffer.concat([head, description]));
  }

  /** Of snapshots before that are not kept, and of one that was never finished. */
  private async deleteChunks(newest: bigint, keepOlder: number): Promise<void> {
    const older = await this.olderSnapshots();
    const kept = new Set([newest, ...(keepOlder > 0 ? older.slice(-keepOlder) : [])]);
    const deletes: Operation[] = older
      .filter((index) => !kept.has(index))
      .map((index) => ({ del: olderKey(index) }));
    for await (const [key] of this.space.scan(CHUNK_RANGE))
      if (!kept.has(snapshotOfChunkKey(key))) deletes.push({ del: key });
    await this.space.batch(deletes);
  }

  private async loadSnapshot(at: Buffer = SNAPSHOT_KEY): Promise<StoredSnapshot | undefined> {
    const described = await this.read(at, DESCRIPTION);
    if (described === undefined) return undefined;
    const { metadata } = Snapshot.decode(described.subarray(4));
    const chunks: Buffer[] = [];
    for (let chunk = 0; chunk < described.readUInt32BE(0); chunk++) {
      const what = `part ${chunk} of the snapshot at entry ${metadata.index}`;
      const data = await this.read(chunkKey(metadata.index, chunk), what);
      if (data === undefined) throw corrupt(`${what} is missing`, this.location);
      chunks.push(data);
    }
    return { metadata, data: await joinPieces(chunks) };
  }

  private async loadEntries(): Promise<Entry[]> {
    const entries: Entry[] = [];
    const nextIndex = (): bigint | undefined => {
      const last = entries.at(-1);
      return last && last.Index + 1n;
    };
    try {
      for await (const [key, sealed] of this.space.scan(ENTRY_RANGE)) {
        const index = indexOfEntryKey(key);
        const expected = nextIndex() ?? index;
        if (index !== expected)
          throw corrupt(`entry ${expected} of the raft log is missing`, this.location);
        const payload = this.cipher.unseal(key, sealed);
        const entry = payload && Entry.decode(payload);
        if (entry?.Index !== index)
          throw corrupt(`entry ${index} of the raft log is damaged`, this.location);
        entries.push(entry);
      }
    } catch (error) {
      if (!isSwarmError(error) || error.code !== 'STORAGE_CORRUPT') throw error;
      const which = nextIndex()?.toString() ?? 'the first one';
      throw corrupt(`entry ${which} of the raft log is damaged`, this.location, error);
    }
    return entries;
  }

  private checkComplete({ hardState, snapshot, entries }: LoadedLog): void {
    const start = snapshot?.metadata.index ?? 0n;
    const first = entries[0]?.Index ?? start + 1n;
    const last = entries.at(-1)?.Index ?? start;
    if (first > start + 1n)
      throw corrupt(`entry ${start + 1n} of the raft log is missing`, this.location);
    if (hardState.commit > last && hardState.commit > start)
      throw corrupt(`entry ${last + 1n} of the raft log is missing`, this.location);
  }

  private async read(key: Buffer, what: string): Promise<Buffer | undefined> {
    const sealed = await this.space.get(key);
    if (sealed === undefined) return undefined;
    const payload = this.cipher.unseal(key, sealed);
    if (payload === undefined) throw corrupt(`${what} is damaged`, this.location);
    return payload;
  }

  /** `last`: the last entry on the disk. What these entries replace may have been longer than they are. */
  private operations(
    hardState: HardState,
    entries: readonly Entry[],
    last: bigint,
  ): readonly Operation[] {
    const list = [this.put(HARD_STATE_KEY, HardState.encode(hardState).finish())];
    for (const entry of entries)
      list.push(this.put(entryKey(entry.Index), Entry.encode(entry).finish()));
    const lastNew = entries.at(-1)?.Index ?? last;
    for (let stale = lastNew + 1n; stale <= last; stale++) list.push({ del: entryKey(stale) });
    return list;
  }

  private put(key: Buffer, payload: Uint8Array): Operation {
    return { put: key, value: this.cipher.seal(key, payload) };
  }

  /** A failure is its caller's alone. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}
