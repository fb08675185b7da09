import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Scheduler } from '../shell/scheduler.js';
import { Cluster } from './cluster.js';

/** One leader's scheduler over many runs: each is shown only what changed since the one before. */

const user = { id: 'user', writes: ['any'] } as const;

class Life extends Cluster {
  private readonly stage = new StageRunner(this.store, new Scheduler());

  /** Where the next task of a service of its own goes; empty when nowhere. */
  next(name: string): string {
    const status = { state: TaskState.PENDING, message: 'pending task scheduling' };
    const task = aTaskOf(this.service(name), { status });
    this.change((draft) => draft.create('task', task));
    return this.go(task.id);
  }

  go(id: string): string {
    this.stage.run();
    return this.task(id).nodeId;
  }

  state(nodeId: string, state: NodeStatus_State): void {
    this.change((draft) =>
      draft.update('node', {
        ...draft.get('node', nodeId)!,
        status: { state, message: '', addr: '' },
      }),
    );
  }

  change(what: (draft: Parameters<Parameters<Cluster['store']['updateNow']>[1]>[0]) => unknown) {
    this.store.updateNow(user, what);
  }
}

test('the node with the fewest tasks gets the next one, task after task', () => {
  const life = new Life();
  for (const id of ['a', 'b', 'c']) life.node(id);
  assert.deepEqual(
    ['one', 'two', 'three', 'four'].map((name) => life.next(name)),
    ['a', 'b', 'c', 'a'],
  );
});

test('a node that was removed gets nothing more', () => {
  const life = new Life();
  for (const id of ['a', 'b']) life.node(id);
  assert.equal(life.next('one'), 'a');
  life.change((draft) => draft.remove('node', 'b'));
  assert.equal(life.next('two'), 'a');
  life.change((draft) => draft.remove('node', 'a'));
  assert.equal(life.next('three'), '');
});

test('a node that goes DOWN gets nothing until it is READY again', () => {
  const life = new Life();
  for (const id of ['a', 'b']) life.node(id);
  life.next('one');
  life.state('b', NodeStatus_State.DOWN);
  assert.equal(life.next('two'), 'a');
  life.state('b', NodeStatus_State.READY);
  assert.equal(life.next('three'), 'b');
});

test('without a node that takes tasks a task waits with the reason, and is placed when one joins', () => {
  const life = new Life();
  life.node('down', { status: { state: NodeStatus_State.DOWN } });
  assert.equal(life.next('web'), '');
  const [waiting] = life.store.view().find('task', { by: 'all' });
  assert.equal(waiting?.status?.err, 'no suitable node (1 node not available for new tasks)');
  assert.equal(waiting?.status?.state, TaskState.PENDING);
  life.change((draft) => draft.create('node', aNode({ id: 'fresh' })));
  assert.equal(life.go(waiting?.id ?? ''), 'fresh');
  assert.equal(life.task(waiting?.id ?? '').status?.err, '');
});

for (const end of ['COMPLETE', 'FAILED', 'SHUTDOWN', 'REJECTED', 'ORPHANED'] as const)
  test(`a reservation is free again when its task is ${end}`, () => {
    const life = new Life();
    life.node('a');
    const hungry = { resources: { reservations: { memoryBytes: 8n << 30n } } };
    const web = life.service('web', { spec: { task: hungry } });
    life.running(web, 'a', 1, { id: 'holder' });
    const [id = ''] = life.pending(web);
    assert.equal(life.go(id), '');
    assert.equal(life.task(id).status?.err, 'no suitable node (insufficient resources on 1 node)');
    const stopping = { ...life.task('holder'), desiredState: TaskState.SHUTDOWN };
    life.change((draft) => draft.update('task', stopping));
    assert.equal(life.go(id), '', 'it still runs');
    const status = { ...stopping.status!, state: TaskState[end] };
    life.change((draft) => draft.update('task', { ...life.task('holder'), status }));
    assert.equal(life.go(id), 'a');
  });

test('a leader that finds tasks that ended long ago counts nothing for them', () => {
  const life = new Life();
  life.node('a');
  const hungry = { resources: { reservations: { nanoCpus: 4_000_000_000n } } };
  const web = life.service('web', { spec: { task: hungry } });
  for (const state of [TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED])
    life.add(web, { nodeId: 'a', desiredState: TaskState.SHUTDOWN, status: { state } });
  const [id = ''] = life.pending(web);
  assert.equal(life.go(id), 'a');
});
