import assert from 'node:assert/strict';
import test from 'node:test';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Timeline } from '../core/timeline.js';
import { anyone, Rig } from './rig.js';

const service = aService({ id: 's' });

async function rigWith(tasks: number): Promise<Rig> {
  const rig = new Rig();
  void rig.store.update(anyone, (draft) => {
    draft.create('service', service);
    for (let i = 0; i < tasks; i++)
      draft.create('task', aTaskOf(service, { id: `t${i}`, slot: BigInt(i) }));
  });
  await rig.settle();
  return rig;
}

const setState = (rig: Rig, id: string, state: TaskState): Promise<void> => {
  const done = rig.store.update(anyone, (draft) => {
    const task = draft.get('task', id);
    if (task?.status !== undefined)
      draft.update('task', { ...task, status: { ...task.status, state } });
  });
  return rig.settle().then(() => done);
};

test('a snapshot holds the moment it was asked for, and the loop turns while it is made', async () => {
  const rig = await rigWith(2000);
  let turns = 0;
  const count = (): void => {
    turns += 1;
    ticking = setImmediate(count);
  };
  let ticking = setImmediate(count);
  const snapshot = rig.store.snapshot();
  await setState(rig, 't7', TaskState.FAILED);
  const decoded = StoreSnapshot.decode(await snapshot);
  clearImmediate(ticking);
  assert.ok(turns >= 4, `the loop turned ${turns} times`);
  assert.equal(decoded.tasks.length, 2000);
  assert.equal(decoded.services.length, 1);
  assert.equal(decoded.tasks.find(({ id }) => id === 't7')?.status?.state, TaskState.RUNNING);
});

test('restoring replaces everything and tells the differences in one commit', async () => {
  const rig = await rigWith(3);
  const bytes = await rig.store.snapshot();
  const kept = rig.store.view().get('task', 't0');
  await setState(rig, 't1', TaskState.FAILED);
  void rig.store.update(anyone, (draft) => {
    draft.remove('task', 't2');
    draft.create('node', aNode({ id: 'n' }));
  });
  await rig.settle();
  const before = rig.commits.length;
  await rig.store.restore(bytes, 20n);
  assert.equal(rig.commits.length, before + 1);
  const commit = rig.commits.at(-1);
  assert.equal(commit?.index, 20n);
  assert.deepEqual(commit?.by, []);
  assert.deepEqual(commit?.changes.map(({ action, id }) => `${action} ${id}`).sort(), [
    'create t2',
    'remove n',
    'update t1',
  ]);
  assert.equal(rig.store.view().index, 20n);
  assert.equal(rig.store.view().get('task', 't0'), kept, 'what is the same stays the same object');
  assert.equal(rig.store.head().count('node'), 0);
});

test('restoring what is there tells nothing', async () => {
  const rig = await rigWith(3);
  const before = rig.commits.length;
  await rig.store.restore(await rig.store.snapshot(), 20n);
  assert.equal(rig.commits.length, before);
});

test('the tasks of a service share its spec, however they came', async () => {
  const rig = await rigWith(3);
  await setState(rig, 't1', TaskState.FAILED);
  const restored = new Rig();
  await restored.store.restore(await rig.store.snapshot(), 9n);
  for (const store of [rig.store, rig.replica, restored.store]) {
    const owner = store.view().get('service', 's');
    for (const task of store.view().find('task', { by: 'service', id: 's' })) {
      assert.equal(task.spec, owner?.spec?.task);
      assert.equal(task.serviceAnnotations, owner?.spec?.annotations);
    }
  }
});

test('a task of another version keeps its own spec', async () => {
  const rig = await rigWith(0);
  const other = { ...service, specVersion: { index: 9n } };
  void rig.store.update(anyone, (draft) =>
    draft.create('task', {
      ...aTaskOf(other, { id: 'old', spec: { forceUpdate: 3n } }),
      specVersion: { index: 5n },
    }),
  );
  await rig.settle();
  const task = rig.replica.view().get('task', 'old');
  assert.equal(task?.spec?.forceUpdate, 3n);
  assert.ok(wireEqual(task, rig.store.view().get('task', 'old')));
});

test('restoring works in steps of so many objects and no more, however many there are', async () => {
  const before = await rigWith(5_000);
  const after = await rigWith(0);
  void after.store.update(anyone, (draft) => {
    for (let i = 0; i < 3_000; i++) draft.create('node', aNode({ id: `n${i}` }));
  });
  await after.settle();
  const timeline = new Timeline();
  const restore = async (rig: Rig, index: bigint): Promise<readonly number[]> => {
    const steps = timeline.restore(await rig.store.snapshot(), index);
    const taken: number[] = [];
    for (;;) {
      const step = steps.next();
      if (step.done === true) return taken;
      taken.push(step.value);
      // Until the last step the old state stands.
      assert.equal(timeline.committed.task.objects.size, index === 1n ? 0 : 5_000);
    }
  };
  const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
  const first = await restore(before, 1n);
  assert.equal(sum(first), 5_001);
  assert.ok(Math.max(...first) <= 100, `${Math.max(...first)} objects in one step`);
  assert.ok(first.length > 50);
  // Everything goes, and other things come: what was there is looked at too.
  const second = await restore(after, 2n);
  const lookedAt = second.filter((count) => count > 100);
  assert.deepEqual(lookedAt, [2_000, 2_000]);
  assert.equal(sum(second) - sum(lookedAt), 3_001);
  assert.equal(timeline.committed.task.objects.size, 0);
  assert.equal(timeline.committed.node.objects.size, 3_000);
});

test('whether a snapshot can be restored is known before, and asking changes nothing', async () => {
  const rig = await rigWith(300);
  const bytes = await rig.store.snapshot();
  const other = new Rig();
  assert.equal(await other.store.canRestore(bytes), true);
  for (const broken of [bytes.subarray(0, -1), bytes.subarray(1), Buffer.from('no snapshot')])
    assert.equal(await other.store.canRestore(broken), false);
  assert.equal(other.store.view().count('task'), 0);
  assert.equal(other.commits.length, 0);
});

test('which services tasks are of is known without reading the tasks, of those that are gone too', async () => {
  const rig = await rigWith(3);
  void rig.store.update(anyone, (draft) => {
    draft.remove('service', 's');
    draft.create('task', aTaskOf(service, { id: 'other', serviceId: 'gone' }));
    assert.deepEqual([...draft.servicesWithTasks()].sort(), ['gone', 's']);
  });
  await rig.settle();
  assert.deepEqual([...rig.store.view().servicesWithTasks()].sort(), ['gone', 's']);
  assert.deepEqual([...rig.replica.view().servicesWithTasks()].sort(), ['gone', 's']);
  void rig.store.update(anyone, (draft) => {
    for (const id of ['t0', 't1', 't2']) draft.remove('task', id);
  });
  await rig.settle();
  assert.deepEqual(rig.store.view().servicesWithTasks(), ['gone']);
});
