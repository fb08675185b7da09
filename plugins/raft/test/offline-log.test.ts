import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DataKeySet } from '@swarmkit/sdk/contracts/data-keys';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { ConfState, HardState, SnapshotMetadata } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { EMPTY } from 'rxjs';
import { joinSnapshot } from '../core/snapshot-data.js';
import { LogCipher } from '../shell/log-cipher.js';
import { LogDisk } from '../shell/log-disk.js';
import { OfflineLog, restoreLog } from '../shell/offline-log.js';
import { entry } from './group.js';

const { random } = new VirtualEnv('offline');
const key = new Uint8Array(32).fill(7);
const keys: DataKeySet = { current: key, pending: undefined, needsRotation: false };
const noKeys: DataKeySet = { ...keys, current: undefined };
const member = (id: bigint): RaftMember =>
  RaftMember.create({ raftId: id, nodeId: `n${id}`, addr: `n${id}:1` });
const store = Buffer.from([10, 3, 10, 1, 97]);

/** Member 1 of three, with a snapshot at 10 and entries to 13 of which 11 is known to be committed. */
async function survivor(): Promise<MemoryDisk> {
  const memory = new MemoryDisk();
  const cipher = new LogCipher(random);
  cipher.use([key]);
  const disk = await LogDisk.open(memory.start(), cipher);
  const membership = ClusterSnapshot.create({ members: [member(1n), member(2n), member(3n)] });
  await disk.create(member(1n), HardState.create({ term: 4n, commit: 10n }), []);
  await disk.saveSnapshot(
    SnapshotMetadata.create({
      index: 10n,
      term: 3n,
      confState: ConfState.create({ voters: [1n, 2n, 3n] }),
    }),
    joinSnapshot({ membership, store }),
  );
  await disk.write({
    hardState: HardState.create({ term: 4n, commit: 11n }),
    snapshot: undefined,
    entries: [entry(11, 4), entry(12, 4), entry(13, 4)],
  });
  memory.crash();
  return memory;
}

const opened = async (memory: MemoryDisk, with_: DataKeySet): Promise<OfflineLog> => {
  const log = await OfflineLog.open(memory.start(), with_, random);
  assert.ok(log);
  return log;
};

describe('the log of a node that does not run', () => {
  it('says who is in the group and up to where it goes', async () => {
    const { facts, storeSnapshot } = await opened(await survivor(), keys);
    const { first, last, commit, term, removed, members } = facts;
    assert.deepEqual([first, last, commit, term, removed], [11n, 13n, 11n, 4n, []]);
    assert.deepEqual(
      members.map(({ nodeId, address, votes }) => [nodeId, address, votes]),
      [1, 2, 3].map((id) => [`n${id}`, `n${id}:1`, true]),
    );
    assert.deepEqual(Buffer.from(storeSnapshot ?? []), store);
  });

  it('becomes a group of one, with all of its entries', async () => {
    const memory = await survivor();
    const log = await opened(memory, keys);
    const plan = log.recovery();
    assert.ok(plan);
    assert.deepEqual([plan.adopted, plan.removed.map(({ nodeId }) => nodeId)], [2n, ['n2', 'n3']]);
    await log.recover(plan);
    memory.crash();
    const after = await opened(memory, keys);
    assert.deepEqual(
      after.facts.members.map(({ nodeId }) => nodeId),
      ['n1'],
    );
    assert.deepEqual(after.facts.removed, [2n, 3n]);
    assert.equal(after.facts.commit, after.facts.last);
    assert.equal(after.recovery(), undefined, 'once is enough');
  });

  it('does not open without its key, and says which key that is', async () => {
    const memory = await survivor();
    await assert.rejects(OfflineLog.open(memory.start(), noKeys, random), {
      code: 'RAFT_KEY',
    });
  });

  it('is none where none was made', async () => {
    assert.equal(await OfflineLog.open(new MemoryDisk().start(), keys, random), undefined);
  });

  it('begins with the state of a backup, and with nobody of the group before', async () => {
    const memory = new MemoryDisk();
    let kept = noKeys;
    const keeper = {
      read: () => kept,
      write: async (next: DataKeySet) => {
        kept = next;
      },
      changed$: EMPTY,
    };
    await restoreLog(memory.start(), keeper, random, {
      nodeId: 'fresh',
      address: 'fresh:1',
      index: 40n,
      term: 6n,
      before: ClusterSnapshot.create({ members: [member(1n), member(2n)], removed: [9n] }),
      store,
    });
    memory.crash();
    assert.ok(kept.current, 'it is under a key of its own');
    await assert.rejects(OfflineLog.open(memory.start(), noKeys, random), { code: 'RAFT_KEY' });
    memory.crash();
    const log = await opened(memory, kept);
    const { facts } = log;
    assert.deepEqual(
      facts.members.map(({ nodeId, address, votes }) => [nodeId, address, votes]),
      [['fresh', 'fresh:1', true]],
    );
    assert.deepEqual(new Set(facts.removed), new Set([1n, 2n, 9n]));
    assert.deepEqual([facts.commit, facts.last, facts.term], [40n, 40n, 6n]);
    assert.deepEqual(Buffer.from(log.storeSnapshot ?? []), store);
    assert.equal(log.recovery(), undefined);
  });
});
