import assert from 'node:assert/strict';
import test from 'node:test';
import { isInvariantError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService } from '@swarmkit/sdk/testkit/fixtures';
import { InternalRaftRequest, StoreActionKind } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { anyone, Rig } from './rig.js';

const create = (rig: Rig, id: string): Promise<unknown> =>
  rig.store.update(anyone, (draft) => draft.create('node', aNode({ id })));
const ids = (view: { find: Rig['store']['view'] } | ReturnType<Rig['store']['view']>) =>
  (view as ReturnType<Rig['store']['view']>)
    .find('node', { by: 'all' })
    .map(({ id }) => id)
    .sort();

const nodeAction = (action: StoreActionKind, id: string) => ({
  action,
  target: { $case: 'node' as const, value: aNode({ id }) },
});
const entry = (
  ...action: Parameters<typeof InternalRaftRequest.fromPartial>[0]['action'] & object[]
) =>
  InternalRaftRequest.encode(
    InternalRaftRequest.fromPartial({ id: 77n, action: action as never }),
  ).finish();

test('a refused proposal leaves no trace for the next one, which comes before the refusal is told', async () => {
  const rig = new Rig();
  rig.consensus.refuseNext(
    new SwarmError('resource-exhausted', 'RAFT_BUSY', 'too much uncommitted'),
  );
  const first = create(rig, 'a');
  const second = create(rig, 'a');
  await assert.rejects(first, /too much uncommitted/);
  await rig.settle();
  await second;
  assert.deepEqual(ids(rig.store.view()), ['a']);
});

test('lost leadership: the head falls back, callers get consensus’ error, what survives is applied', async () => {
  const rig = new Rig();
  const lost = [create(rig, 'a'), create(rig, 'b'), create(rig, 'c')].map((update) =>
    assert.rejects(update, /node lost leader status/),
  );
  rig.consensus.loseLeadership(1);
  await Promise.all(lost);
  assert.deepEqual(ids(rig.store.view()), ['a']);
  assert.deepEqual(ids(rig.store.head()), ['a']);
  assert.deepEqual(rig.commits.map(({ by }) => by).at(-1), rig.commits.at(-1)?.by);
  await assert.rejects(create(rig, 'd'), /not the leader/);
  assert.deepEqual(ids(rig.store.head()), ['a']);
  rig.consensus.regainLeadership();
  const again = create(rig, 'e');
  await rig.settle();
  await again;
  assert.deepEqual(ids(rig.store.view()), ['a', 'e']);
  assert.deepEqual(ids(rig.replica.view()), ['a', 'e']);
});

test('an entry of another leader under writes in flight: they are dropped, not applied on top', async () => {
  const rig = new Rig();
  const mine = assert.rejects(create(rig, 'a'), /lost leader/);
  rig.consensus.loseLeadership(0);
  rig.consensus.foreign(entry(nodeAction(StoreActionKind.STORE_ACTION_CREATE, 'b')));
  await mine;
  assert.deepEqual(ids(rig.store.head()), ['b']);
  assert.deepEqual(rig.commits.at(-1)?.by, []);
});

test('an entry that breaks a rule is skipped as a whole, the same on every member, and counted', () => {
  const rig = new Rig();
  const { STORE_ACTION_CREATE, STORE_ACTION_UPDATE, STORE_ACTION_REMOVE } = StoreActionKind;
  rig.consensus.foreign(entry(nodeAction(STORE_ACTION_CREATE, 'a')));
  for (const bad of [
    nodeAction(STORE_ACTION_CREATE, 'a'),
    nodeAction(STORE_ACTION_UPDATE, 'none'),
    nodeAction(STORE_ACTION_REMOVE, 'none'),
    nodeAction(StoreActionKind.UNKNOWN, 'none'),
    { action: STORE_ACTION_CREATE, target: undefined },
  ])
    rig.consensus.foreign(entry(nodeAction(STORE_ACTION_CREATE, 'b'), bad as never));
  for (const member of [rig.store, rig.replica]) {
    assert.deepEqual(ids(member.view()), ['a']);
    assert.equal(member.skippedEntries, 5);
    assert.equal(member.view().index, 6n);
  }
  assert.equal(rig.commits.length, 1);
  assert.match(rig.logged.join(), /skipped/);
});

test('committed bytes that are no request stop the node', async () => {
  const rig = new Rig();
  assert.throws(
    () => rig.store.apply({ index: 1n, term: 1n, data: new Uint8Array([0x0a, 0xff, 0x01]) }),
    (error) => isInvariantError(error) && error.code === 'STORE_UNREADABLE',
  );
  await assert.rejects(
    rig.replica.restore(new Uint8Array([0x0a, 0xff, 0x01]), 5n),
    (error) => isInvariantError(error) && error.code === 'STORE_UNREADABLE',
  );
});

test('an index that was applied before stops the node', () => {
  const rig = new Rig();
  rig.consensus.foreign(new Uint8Array(0));
  assert.throws(
    () => rig.store.apply({ index: 1n, term: 1n, data: new Uint8Array(0) }),
    (error) => isInvariantError(error) && error.code === 'STORE_APPLY_ORDER',
  );
});

test('dropping what is in flight leaves its entries to be applied as anyone’s', async () => {
  const rig = new Rig();
  const update = rig.store.update(anyone, (draft) =>
    draft.create('service', aService({ id: 's' })),
  );
  rig.store.dropInFlight();
  assert.equal(rig.store.head().count('service'), 0);
  await rig.settle();
  await update;
  assert.equal(rig.store.view().count('service'), 1);
  assert.deepEqual(rig.commits.at(-1)?.by, []);
});
