import assert from 'node:assert/strict';
import test from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  aCluster,
  aService,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { reaperStage } from '../plugin.js';

/** One leader's reaper over many runs: it is shown what changed, as orchestrators and agents change it. */

const anyone = { id: 'anyone', writes: ['any'] } as const;
const { NEW, PENDING, ASSIGNED, RUNNING, COMPLETE, SHUTDOWN, FAILED, REMOVE } = TaskState;

class Life {
  readonly store = new FakeStore();
  readonly web: Service = aService({ id: 'web' });
  private readonly stage = new StageRunner(this.store, reaperStage);
  private seconds = 0;

  constructor(limit: number) {
    const spec = { orchestration: { taskHistoryRetentionLimit: BigInt(limit) } };
    this.store.seed({ cluster: [aCluster({ spec })], service: [this.web] });
    this.run();
  }

  run() {
    return this.stage.run();
  }

  make(id: string, overrides: Partially<Task> = {}): void {
    this.store.updateNow(anyone, (draft) =>
      draft.create('task', aTaskOf(this.web, { id, nodeId: 'n', ...overrides })),
    );
  }

  want(id: string, desiredState: TaskState): void {
    this.change(id, (task) => ({ ...task, desiredState }));
  }

  observe(id: string, state: TaskState): void {
    this.seconds += 1;
    const appliedAt = timestampFromMs(fixtureTime + this.seconds * 1000);
    this.change(id, (task) => ({ ...task, status: { ...task.status!, state, appliedAt } }));
  }

  change(id: string, to: (task: Task) => Task): void {
    this.store.updateNow(anyone, (draft) => draft.update('task', to(draft.get('task', id)!)));
  }

  removeService(): void {
    this.store.updateNow(anyone, (draft) => draft.remove('service', 'web'));
  }

  /** What is left after a run. */
  left(): readonly string[] {
    this.run();
    return this.store
      .view()
      .find('task', { by: 'all' })
      .map(({ id }) => id);
  }
}

test('two slots with a limit of two keep four tasks: in each the live one and one old one', () => {
  const life = new Life(2);
  for (let round = 1; round <= 4; round++) {
    for (const slot of [1n, 2n]) {
      const before = `s${slot}r${round - 1}`;
      if (round > 1) {
        life.observe(before, FAILED);
        life.want(before, SHUTDOWN);
      }
      life.make(`s${slot}r${round}`, { slot, status: { state: NEW } });
      life.observe(`s${slot}r${round}`, RUNNING);
    }
    life.run();
  }
  assert.deepEqual(life.left(), ['s1r3', 's1r4', 's2r3', 's2r4']);
});

test('scaled down: a task is deleted when its agent says that it stopped, and not before', () => {
  const life = new Life(5);
  life.make('goes');
  life.make('stays', { slot: 2n });
  life.want('goes', REMOVE);
  assert.deepEqual(life.left(), ['goes', 'stays']);
  life.observe('goes', SHUTDOWN);
  assert.deepEqual(life.left(), ['stays']);
});

test('the service removed: likewise', () => {
  const life = new Life(5);
  life.make('a');
  life.make('b', { slot: 2n, status: { state: ASSIGNED } });
  life.removeService();
  for (const id of ['a', 'b']) life.want(id, REMOVE);
  assert.deepEqual(life.left(), ['a', 'b']);
  life.observe('a', SHUTDOWN);
  assert.deepEqual(life.left(), ['b']);
  life.observe('b', FAILED);
  assert.deepEqual(life.left(), []);
});

test('the service removed: what has ended goes in the turn in which it is wanted gone', () => {
  const life = new Life(5);
  life.make('failed', { desiredState: SHUTDOWN, status: { state: FAILED } });
  life.make('complete', { slot: 2n, desiredState: SHUTDOWN, status: { state: COMPLETE } });
  assert.equal(life.left().length, 2);
  life.removeService();
  for (const id of ['failed', 'complete']) life.want(id, REMOVE);
  assert.deepEqual(life.left(), []);
});

test('the service removed: what was never placed goes in the turn in which it is wanted gone', () => {
  const life = new Life(5);
  life.make('new', { nodeId: '', status: { state: NEW } });
  life.make('pending', { nodeId: '', slot: 2n, status: { state: PENDING } });
  life.removeService();
  for (const id of ['new', 'pending']) life.want(id, REMOVE);
  assert.deepEqual(life.left(), []);
});

test('whatever becomes deletable at once goes in runs that follow each other, and nothing is asked of the clock', () => {
  const life = new Life(1);
  for (let i = 0; i < 1500; i++) life.make(`t${i}`, { slot: BigInt(i) });
  while (life.run().unfinished.length > 0);
  for (let i = 0; i < 1500; i++) {
    life.want(`t${i}`, REMOVE);
    life.observe(`t${i}`, SHUTDOWN);
  }
  let deleted = 0;
  for (let goesOn = true; goesOn; ) {
    const { changes, wakeAt, unfinished } = life.run();
    deleted += changes.length;
    goesOn = unfinished.length > 0;
    assert.equal(wakeAt, undefined);
    assert.ok(changes.length > 0 || !goesOn, 'a run that does nothing and is not done');
  }
  assert.equal(deleted, 1500);
  assert.deepEqual(life.run(), { changes: [], wakeAt: undefined, unfinished: [] });
});

test('what finished and is still wanted is not trimmed until it has been judged', () => {
  const life = new Life(1);
  life.make('old', { desiredState: SHUTDOWN, status: { state: FAILED } });
  life.make('finished');
  life.observe('finished', COMPLETE);
  assert.deepEqual(life.left(), ['finished']);
  life.make('next');
  assert.deepEqual(life.left(), ['finished', 'next']);
  life.want('finished', SHUTDOWN);
  assert.deepEqual(life.left(), ['next']);
});
