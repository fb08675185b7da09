import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Storage } from '@swarmkit/sdk/contracts/storage';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { ConfState, HardState, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { LogCipher } from '../shell/log-cipher.js';
import { LogDisk } from '../shell/log-disk.js';
import {
  chunkKey,
  entryKey,
  HARD_STATE_KEY,
  MEMBER_KEY,
  SNAPSHOT_KEY,
} from '../shell/log-record.js';
import { entry } from './group.js';
import { SingleMember } from './single-member.js';

const member = RaftMember.create({ raftId: 7n, nodeId: 'node-1' });
const hard = (term: number, commit: number): HardState =>
  HardState.create({ term: BigInt(term), commit: BigInt(commit) });

const entries = (from: number, to: number, term: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));

const cipher = new LogCipher({ bytes: (count) => new Uint8Array(count) });

/** A storage whose disk has no room left once the parts of a snapshot are on it. */
const fullForDescriptions = (storage: Storage, isFull: () => boolean): Storage => ({
  open: async (name) => {
    const space = await storage.open(name);
    return {
      get: (key) => space.get(key),
      scan: (range) => space.scan(range),
      close: () => space.close(),
      batch: async (operations) => {
        if (isFull() && operations.some((one) => 'put' in one && SNAPSHOT_KEY.equals(one.put)))
          throw new SwarmError('resource-exhausted', 'STORAGE_FULL', 'no room');
        await space.batch(operations);
      },
    };
  },
});

describe('the log on the disk', () => {
  let memory: MemoryDisk;
  let disk: LogDisk;

  const reopen = async (): Promise<Awaited<ReturnType<LogDisk['load']>>> => {
    await memory.stop();
    disk = await LogDisk.open(memory.start(), cipher);
    return disk.load();
  };
  const indexes = async (): Promise<number[]> =>
    (await reopen())?.entries.map(({ Index }) => Number(Index)) ?? [];

  beforeEach(async () => {
    memory = new MemoryDisk();
    disk = await LogDisk.open(memory.start(), cipher);
    await disk.create(member, hard(1, 1), entries(1, 1, 1));
  });

  it('is undefined where none was made', async () => {
    const none = await LogDisk.open(new MemoryDisk().start(), cipher);
    assert.equal(await none.load(), undefined);
  });

  it('gives back what was written', async () => {
    await disk.write({ hardState: hard(2, 3), snapshot: undefined, entries: entries(2, 5, 2) });
    const loaded = await reopen();
    assert.deepEqual(loaded?.member, member);
    assert.deepEqual(loaded?.hardState, hard(2, 3));
    assert.deepEqual(loaded?.entries, [...entries(1, 1, 1), ...entries(2, 5, 2)]);
  });

  it('replaces a longer tail whole', async () => {
    await disk.write({ hardState: hard(2, 1), snapshot: undefined, entries: entries(2, 9, 2) });
    await disk.write({ hardState: hard(3, 1), snapshot: undefined, entries: entries(4, 5, 3) });
    assert.deepEqual(await indexes(), [1, 2, 3, 4, 5]);
    assert.equal((await reopen())?.entries.at(-1)?.Term, 3n);
  });

  it('keeps snapshots of many chunks and only the newest of them', async () => {
    await disk.write({ hardState: hard(2, 9), snapshot: undefined, entries: entries(2, 9, 2) });
    const confState = ConfState.create({ voters: [7n] });
    const save = (index: bigint, data: Buffer): Promise<void> =>
      disk.saveSnapshot({ index, term: 2n, confState }, [data]);
    await save(4n, Buffer.alloc(3_500_000, 1));
    await save(8n, Buffer.alloc(2_500_000, 2));
    const loaded = await reopen();
    assert.equal(loaded?.snapshot?.metadata.index, 8n);
    assert.ok(loaded?.snapshot?.data.equals(Buffer.alloc(2_500_000, 2)));
    const chunks = memory.contents('raft').filter(([key]) => Buffer.from(key).includes('chunk/'));
    assert.equal(chunks.length, 10);
    await disk.truncate(6n);
    assert.deepEqual(await indexes(), [7, 8, 9]);
  });

  it('keeps as many snapshots before the newest one as it is told to', async () => {
    await disk.write({ hardState: hard(2, 9), snapshot: undefined, entries: entries(2, 9, 2) });
    const confState = ConfState.create({ voters: [7n] });
    const save = (index: number, keep: number): Promise<void> =>
      disk.saveSnapshot(
        { index: BigInt(index), term: 2n, confState },
        [Buffer.from(`at ${index}`)],
        keep,
      );
    for (const index of [2, 4, 6, 8]) await save(index, 2);
    assert.equal((await reopen())?.snapshot?.data.toString(), 'at 8');
    assert.deepEqual(await disk.olderSnapshots(), [4n, 6n]);
    assert.equal((await disk.readOlder(4n))?.data.toString(), 'at 4');
    assert.equal(await disk.readOlder(2n), undefined);
    await save(9, 0);
    assert.deepEqual(await disk.olderSnapshots(), []);
    const left = memory.contents('raft').map(([key]) => Buffer.from(key).toString('latin1'));
    assert.equal(left.filter((key) => /^(older|chunk)/.test(key)).length, 1);
  });

  it('is replaced by a snapshot from the leader, also when the disk was full at first', async () => {
    await disk.write({ hardState: hard(2, 1), snapshot: undefined, entries: entries(2, 9, 2) });
    const confState = ConfState.create({ voters: [7n] });
    const metadata = { index: 5n, term: 3n, confState };
    const snapshot = Snapshot.create({ metadata, data: Buffer.from('state') });
    const write = { hardState: hard(3, 5), snapshot, entries: entries(6, 7, 3) };
    memory.full = true;
    await assert.rejects(disk.write(write));
    memory.full = false;
    await disk.write(write);
    const loaded = await reopen();
    assert.equal(loaded?.snapshot?.data.toString(), 'state');
    assert.deepEqual(loaded?.entries, entries(6, 7, 3));
  });

  it('keeps the parts of its snapshot until another one has taken its place', async () => {
    const confState = ConfState.create({ voters: [7n] });
    const at = (index: bigint) => ({ index, term: 2n, confState });
    const text = (index: bigint) => Buffer.from(`at ${index}`);
    await memory.stop();
    let isFull = false;
    disk = await LogDisk.open(
      fullForDescriptions(memory.start(), () => isFull),
      cipher,
    );
    await disk.load();
    await disk.write({ hardState: hard(2, 9), snapshot: undefined, entries: entries(2, 9, 2) });
    await disk.saveSnapshot(at(3n), [text(3n)], 1);
    isFull = true;
    // One from the leader, and one of our own that is older and was on its way.
    const snapshot = Snapshot.create({ metadata: at(20n), data: text(20n) });
    await assert.rejects(disk.write({ hardState: hard(2, 20), snapshot, entries: [] }));
    await assert.rejects(disk.saveSnapshot(at(5n), [text(5n)], 1), { code: 'STORAGE_FULL' });
    assert.equal((await disk.readSnapshot())?.data.toString(), 'at 3');
    isFull = false;
    await disk.saveSnapshot(at(7n), [text(7n)], 1);
    assert.deepEqual(await disk.olderSnapshots(), [3n]);
    assert.equal((await disk.readOlder(3n))?.data.toString(), 'at 3');
    assert.equal((await reopen())?.snapshot?.data.toString(), 'at 7');
  });
});

describe('a damaged log', () => {
  const refused = async (damage: (memory: MemoryDisk) => void, message: RegExp): Promise<void> => {
    const memory = new MemoryDisk();
    const config = { snapshotInterval: 10, keepEntries: 4 };
    const first = await new SingleMember(memory.start(), config).lead();
    for (let i = 0; i < 14; i++) await first.propose(`v${i}`);
    await first.node.stop();
    await memory.stop();
    damage(memory);
    await assert.rejects(new SingleMember(memory.start(), config).start(), (error) => {
      assert.ok(isSwarmError(error));
      assert.equal(error.code, 'RAFT_CORRUPT');
      assert.equal(error.kind, 'data-loss');
      assert.match(error.message, message);
      return true;
    });
    // The space is free again for whoever repairs it.
    await memory.stop();
    await memory.start().open('raft');
  };

  const flip = (key: Buffer, byte: number) => (memory: MemoryDisk) => {
    const value = memory.contents('raft').find(([at]) => key.equals(at))?.[1];
    assert.ok(value, `nothing at ${key}`);
    const flipped = Buffer.from(value);
    flipped[byte] = (flipped[byte] as number) ^ 1;
    memory.tamper('raft', key, flipped);
  };
  const lose = (key: Buffer) => (memory: MemoryDisk) => memory.tamper('raft', key, undefined);

  it('names the entry with a flipped bit', async () => {
    await refused(flip(entryKey(12n), 9), /^entry 12 of the raft log is damaged in .*restore/);
  });

  it('names a missing entry in the middle, at the start and at the end', async () => {
    await refused(lose(entryKey(13n)), /^entry 13 of the raft log is missing/);
    await refused((memory) => {
      for (let index = 1n; index <= 11n; index++) lose(entryKey(index))(memory);
    }, /^entry 11 of the raft log is missing/);
    await refused((memory) => {
      for (let index = 14n; index <= 16n; index++) lose(entryKey(index))(memory);
    }, /^entry 14 of the raft log is missing/);
  });

  it('names a damaged or missing part of the snapshot', async () => {
    await refused(flip(SNAPSHOT_KEY, 6), /^the description of the snapshot is damaged/);
    await refused(flip(chunkKey(10n, 0), 6), /^part 0 of the snapshot at entry 10 is damaged/);
    await refused(lose(chunkKey(10n, 0)), /^part 0 of the snapshot at entry 10 is missing/);
  });

  it('names a damaged or missing hard state and owner', async () => {
    await refused(flip(HARD_STATE_KEY, 4), /^the hard state is damaged/);
    await refused(lose(HARD_STATE_KEY), /^the hard state is missing/);
    await refused(flip(MEMBER_KEY, 4), /^the record of the owner is damaged/);
  });

  it('of another node is refused', async () => {
    const memory = new MemoryDisk();
    const first = await new SingleMember(memory.start()).lead('node-1');
    await first.node.stop();
    await memory.stop();
    await assert.rejects(new SingleMember(memory.start()).start('node-2'), (error) => {
      assert.ok(isSwarmError(error) && error.code === 'RAFT_FOREIGN_LOG');
      assert.match(error.message, /belongs to node node-1 and this node is node-2/);
      return true;
    });
  });
});
