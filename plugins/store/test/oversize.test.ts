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

test('what fits an entry passes to within a few bytes of the limit, and no entry is over it', async () => {
  const rig = new Rig();
  void rig.store.update(anyone, (draft) => draft.create('config', config('a', 1_572_000)));
  await rig.settle();
  const overhead = (rig.consensus.committed.at(-1)?.data.length ?? 0) - 1_572_000;
  let longest = 0;
  for (let over = -20; over <= 5; over++) {
    const bytes = maxEntryBytes - overhead + over;
    for (const oversize of ['refuse', 'split'] as const) {
      const name = oversize === 'refuse' ? 'b' : 'c';
      const update = rig.store.update(
        anyone,
        (draft) => {
          if (draft.get('config', name) !== undefined) draft.remove('config', name);
          draft.create('config', config(name, bytes));
        },
        { oversize },
      );
      const told = update.then(
        () => undefined,
        (error) => assert.ok(tooLarge(error)),
      );
      await rig.settle();
      await told;
      longest = Math.max(longest, rig.consensus.committed.at(-1)?.data.length ?? 0);
    }
  }
  assert.ok(longest <= maxEntryBytes, `${longest}`);
  assert.ok(longest > maxEntryBytes - 20, `${longest}`);
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
