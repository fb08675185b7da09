import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { ConfState, HardState, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { ClusterSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { LogCipher } from '../shell/log-cipher.js';
import { LogDisk } from '../shell/log-disk.js';
import { Snapshotter } from '../shell/snapshotter.js';
import { entry } from './group.js';
import { quiet } from './single-member.js';

it('a snapshot that one from the leader has overtaken changes nothing', async () => {
  const memory = new MemoryDisk();
  const cipher = new LogCipher({ bytes: (count) => new Uint8Array(count) });
  const disk = await LogDisk.open(memory.start(), cipher);
  const hardState = HardState.create({ term: 1n });
  await disk.create(RaftMember.create({ raftId: 7n }), hardState, [entry(1, 1)]);
  const compacted: bigint[] = [];
  const confState = ConfState.create({ voters: [7n] });
  const snapshotter = new Snapshotter(
    { present: { interval: 1, keepEntries: 0, keepSnapshots: 0 } },
    { snapshot: () => Promise.resolve(Buffer.from('old')) } as Partial<StateMachine> as never,
    disk,
    { confState: () => confState, membership: () => ClusterSnapshot.create(), isDue: () => true },
    quiet,
    ({ index }) => compacted.push(index),
    (error) => assert.fail(String(error)),
  );
  memory.hold();
  snapshotter.applied(entry(1, 1));
  const metadata = { index: 20n, term: 1n, confState };
  const snapshot = Snapshot.create({ metadata, data: Buffer.from('new') });
  const written = disk.write({ hardState, snapshot, entries: [] });
  void written.then(() => snapshotter.startAt(metadata));
  memory.release();
  await written;
  await snapshotter.idle();
  assert.equal((await disk.readSnapshot())?.metadata.index, 20n);
  assert.deepEqual(compacted, []);
  // There is nothing newer to take, however much one is wanted.
  snapshotter.tick();
  await snapshotter.idle();
  assert.deepEqual(compacted, []);
});
