import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { By, Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aTask, fixtureTime, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { dirtyOf, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { type Task, Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { VolumeSpec_VolumeAvailability as Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ConstraintEnforcer } from '../shell/constraint-enforcer.js';
import { anyone } from './swarm.js';

const attached = (id: string, overrides: Partially<Task> = {}): Task =>
  aTask({ id, volumes: [{ id: 'v', source: 'data', target: '/data' }], ...overrides });

function aStore(...task: Task[]): { store: FakeStore; runner: StageRunner } {
  const store = new FakeStore();
  const volume = Volume.fromPartial({ id: 'v', spec: { annotations: { name: 'data' } } });
  store.seed({ volume: [volume], task });
  const runner = new StageRunner(store, new ConstraintEnforcer());
  assert.deepEqual(runner.run().changes, []);
  return { store, runner };
}

const drain = (store: FakeStore): void =>
  store.updateNow(anyone, (draft) => {
    const volume = draft.get('volume', 'v')!;
    const spec = { ...volume.spec!, availability: Availability.DRAIN };
    draft.update('volume', { ...volume, spec });
  });

test('what uses a volume that is drained is rejected; what uses none, or was told to stop, or ended, is not', () => {
  const { store, runner } = aStore(
    attached('uses'),
    aTask({ id: 'other' }),
    attached('stopping', { desiredState: TaskState.SHUTDOWN }),
    attached('ended', { status: { state: TaskState.FAILED } }),
  );
  drain(store);
  const { changes } = runner.run();
  assert.deepEqual(
    changes.map(({ id }) => id),
    ['uses'],
  );
  const { status, desiredState } = store.view().get('task', 'uses')!;
  assert.equal(status?.state, TaskState.REJECTED);
  assert.equal(status?.message, 'task rejected by volume enforcer');
  assert.equal(status?.err, 'attached to volume which is being drained');
  assert.equal(desiredState, TaskState.RUNNING);
  assert.deepEqual(runner.run().changes, []);
});

test('a new leader finds them, and so does a look at a task that came later', () => {
  const { store, runner } = aStore(attached('uses'));
  drain(store);
  const next = new StageRunner(store, new ConstraintEnforcer());
  assert.equal(next.run().changes.length, 1);
  runner.run();
  store.updateNow(anyone, (draft) => {
    draft.create('task', attached('late'));
    draft.create('task', attached('gone'));
  });
  store.updateNow(anyone, (draft) => draft.remove('task', 'gone'));
  assert.deepEqual(
    runner.run().changes.map(({ id }) => id),
    ['late'],
  );
});

test('a run rejects so many and no more, and the next ones go on', () => {
  const { store } = aStore(...['a', 'b', 'c', 'd', 'e'].map((id) => attached(id)));
  drain(store);
  const slow = new StageRunner(store, new ConstraintEnforcer(2));
  assert.deepEqual(
    [slow.run(), slow.run(), slow.run()].map(({ changes }) => changes.length),
    [2, 2, 1],
  );
  assert.deepEqual(slow.run(), { changes: [], wakeAt: undefined, unfinished: [] });
});

test('a drained volume that changes costs a look at its own tasks', () => {
  const { store } = aStore(attached('uses'), aTask({ id: 'other' }));
  drain(store);
  const asked: string[] = [];
  store.updateNow(anyone, (draft) => {
    const watched = Object.assign(Object.create(draft) as Draft, {
      as: () => watched,
      find: (kind: ObjectKind, by: By) => {
        if (kind === 'task') asked.push(by.by);
        return draft.find(kind, by);
      },
    });
    const dirty = dirtyOf(store.commits);
    const input = { draft: watched, now: fixtureTime, id: () => 'new', dirty };
    assert.deepEqual(new ConstraintEnforcer().reconcile(input), { unfinished: [] });
  });
  assert.deepEqual(asked, ['volume']);
});
