import assert from 'node:assert/strict';
import test from 'node:test';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { Config } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { maxEntryBytes } from '../core/entry.js';
import { anyone, Rig } from './rig.js';

const config = (id: string, bytes: number): Config =>
  Config.fromPartial({ id, spec: { annotations: { name: id }, data: Buffer.alloc(bytes, 7) } });

const fourOf = (bytes: number) => (draft: Draft) => {
  for (const id of ['a', 'b', 'c', 'd']) draft.create('config', config(id, bytes));
};
const tooLarge = (error: unknown): boolean =>
  error instanceof SwarmError &&
  error.code === 'STORE_TOO_LARGE' &&
  error.message === "raft: raft message is too large and can't be sent";

test('an oversize update is refused as a whole', async () => {
  const rig = new Rig();
  await assert.rejects(rig.store.update(anyone, fourOf(600_000)), tooLarge);
  assert.equal(rig.consensus.lastIndex, 0n);
  assert.equal(rig.store.head().count('config'), 0);
});

test('split, it goes as entries that fit, each with the version of its own place', async () => {
  const rig = new Rig();
  const update = rig.store.update(anyone, fourOf(600_000), { oversize: 'split' });
  assert.equal(rig.store.head().count('config'), 4);
  rig.consensus.commit(1);
  assert.deepEqual([rig.store.view().count('config'), rig.store.head().count('config')], [2, 4]);
  await rig.settle();
  await update;
  assert.deepEqual(
    rig.store
      .view()
      .find('config', { by: 'all' })
      .map(({ id, meta }) => [id, meta?.version?.index])
      .sort(),
    [
      ['a', 0n],
      ['b', 0n],
      ['c', 1n],
      ['d', 1n],
    ],
  );
  for (const { data } of rig.consensus.committed) assert.ok(data.length <= maxEntryBytes);
  assert.deepEqual(
    rig.commits.map(({ by }) => by),
    [['anyone'], ['anyone']],
  );
  // The versions that readers hold are those that are stored.
  void rig.store.update(anyone, (draft) => {
    const stored = draft.get('config', 'd');
    if (stored !== undefined) draft.update('config', { ...stored, spec: undefined });
  });
  await rig.settle();
  assert.equal(rig.replica.view().get('config', 'd')?.spec, undefined);
});

test('an entry of exactly the limit passes, one byte more does not', async () => {
  const rig = new Rig();
  const lengthFor = async (bytes: number): Promise<number> => {
    const one = new Rig();
    void one.store.update(anyone, (draft) => draft.create('config', config('a', bytes)));
    await one.settle();
    return one.consensus.committed.at(-1)?.data.length ?? 0;
  };
  const fits = 1_500_000 + maxEntryBytes - (await lengthFor(1_500_000));
  void rig.store.update(anyone, (draft) => draft.create('config', config('a', fits)));
  await rig.settle();
  assert.equal(rig.consensus.committed.at(-1)?.data.length, maxEntryBytes);
  const more = (draft: Draft) => draft.create('config', config('b', fits + 1));
  await assert.rejects(rig.store.update(anyone, more), tooLarge);
  await assert.rejects(rig.store.update(anyone, more, { oversize: 'split' }), tooLarge);
  assert.equal(rig.store.inFlight, 0);
});

test('when consensus refuses the second part, the first stands and the caller is told', async () => {
  const rig = new Rig();
  const propose = rig.consensus.propose.bind(rig.consensus);
  let calls = 0;
  rig.consensus.propose = (data) => {
    calls += 1;
    if (calls === 2)
      rig.consensus.refuseNext(new SwarmError('resource-exhausted', 'RAFT_BUSY', 'busy'));
    return propose(data);
  };
  const update = rig.store.update(anyone, fourOf(1_000_000), { oversize: 'split' });
  const told = assert.rejects(update, /busy/);
  assert.equal(calls, 2, 'nothing is sent that was made on top of what was refused');
  await rig.settle();
  await told;
  for (const view of [rig.store.view(), rig.store.head(), rig.replica.view()])
    assert.deepEqual(
      view.find('config', { by: 'all' }).map(({ id }) => id),
      ['a'],
    );
});
