import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import type { View } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ClusterLoad } from '../core/cluster-load.js';
import { Heap } from '../core/heap.js';
import { oldestFirst } from '../core/pending-work.js';
import { Scheduler } from '../shell/scheduler.js';
import { Cluster } from './cluster.js';

/** Very many tasks that wait: a turn takes its share of them and does not name, or sort, the others. */

const WAITING = 700;

test('so many a turn, the oldest first, until all have a node', () => {
  const cluster = new Cluster();
  cluster.node('b');
  cluster.node('a');
  const ids = cluster.pending(cluster.service('web'), WAITING);
  const runner = new StageRunner(cluster.store, new Scheduler());
  let placed = 0;
  for (let turn = 0; placed < WAITING; turn += 1) {
    const { changes, unfinished } = runner.run();
    assert.equal(changes.length, 100, `turn ${turn}`);
    assert.deepEqual(
      changes.map(({ id }) => id).sort(),
      ids.slice(placed, placed + 100),
      'the oldest of those that wait',
    );
    placed += 100;
    assert.equal(unfinished.length, placed === WAITING ? 0 : placed === WAITING - 100 ? 100 : 1);
  }
  assert.deepEqual(cluster.spread(ids), { a: WAITING / 2, b: WAITING / 2 });
});

test('why there is no place is told to so many a turn, and each once', () => {
  const cluster = new Cluster();
  cluster.node('a', { spec: { availability: 2 } });
  const ids = cluster.pending(cluster.service('web'), WAITING);
  const runner = new StageRunner(cluster.store, new Scheduler());
  const told: string[] = [];
  for (let turn = 0; told.length < WAITING; turn += 1) {
    const { changes, unfinished } = runner.run();
    assert.equal(changes.length, 100, `turn ${turn}`);
    assert.ok(unfinished.length <= 100);
    told.push(...changes.map(({ id }) => id));
  }
  assert.deepEqual(told.sort(), [...ids]);
  assert.deepEqual(runStage(cluster.store, new Scheduler()).changes, []);
});

test('also where there is no node at all', () => {
  const cluster = new Cluster();
  const ids = cluster.pending(cluster.service('web'), WAITING);
  const runner = new StageRunner(cluster.store, new Scheduler());
  while (runner.run().unfinished.length > 0);
  for (const id of ids) assert.equal(cluster.task(id).status?.err, 'no suitable node');
});

test('groups that a turn does not come to are not worked out', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b', 'c']) cluster.node(id);
  for (let at = 0; at < WAITING; at += 1) cluster.pending(cluster.service(`web${at}`), 1);
  let asked = 0;
  const counting: SchedulerFilter = {
    id: 'counting',
    order: 900,
    applies: () => true,
    passes: () => {
      asked += 1;
      return true;
    },
    explain: () => 'never',
  };
  const { changes } = runStage(cluster.store, new Scheduler({ filters: () => [counting] }));
  assert.equal(changes.length, 100);
  // Each node for each group that was placed, and once more the node that took the task.
  assert.equal(asked, 100 * 4);
});

test('preassigned tasks take turns too', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const service = cluster.service('everywhere');
  const ids = cluster.pending(service, 130, { nodeId: 'a' });
  const runner = new StageRunner(cluster.store, new Scheduler());
  assert.deepEqual(
    [100, 30, 0].map(() => runner.run().changes.length),
    [100, 30, 0],
  );
  assert.ok(ids.every((id) => cluster.task(id).status?.state === TaskState.ASSIGNED));
});

test('the oldest of a group, whatever order they are in', () => {
  const cluster = new Cluster();
  const service = cluster.service('web');
  // Ages, and where those are equal slots, and where those are equal ids.
  const tasks = [5, 3, 9, 1, 3, 7, 1, 2, 8].map((age, at) => ({
    ...cluster.task(cluster.add(service, { id: `t${9 - at}`, slot: BigInt(at === 6 ? 1 : 2) })),
    meta: { version: { index: 1n }, createdAt: timestampFromMs(age * 1000), updatedAt: undefined },
  }));
  const names = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);
  const sorted = ['t3', 't6', 't2', 't5', 't8', 't9', 't4', 't1', 't7'];
  for (let count = 0; count <= 10; count += 1) {
    const { first, rest } = oldestFirst(tasks, count);
    assert.deepEqual(names(first), sorted.slice(0, count));
    assert.deepEqual(names(rest).sort(), sorted.slice(count).sort());
  }
});

test('tasks without a spec version stay alone, among groups in the order of age', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const service = cluster.service('web');
  cluster.pending(service, 2, { specVersion: undefined });
  cluster.pending(service, 2);
  assert.equal(cluster.run().changes.length, 4);
});

test('an empty heap has nothing to revise', () => {
  const heap = new Heap<number>([], (a, b) => a < b);
  heap.revise(() => assert.fail('there is no top'));
  assert.equal(heap.top, undefined);
});

test('what nodes, tasks and preferences leave out counts as nothing', () => {
  const cluster = new Cluster();
  cluster.node('b', { description: undefined });
  cluster.node('a');
  const preferences = [{ Preference: undefined }];
  const reservations = [
    { nanoCpus: 1n },
    { memoryBytes: 1n },
    {
      generic: [{ resource: { $case: 'discreteResourceSpec', value: { kind: 'gpu', value: 1n } } }],
    },
  ] as const;
  for (const [at, wanted] of reservations.entries()) {
    const task = { resources: { reservations: wanted }, placement: { preferences } } as never;
    const service = cluster.service(`s${at}`, { spec: { task } });
    const status = { state: TaskState.FAILED, timestamp: undefined, appliedAt: undefined };
    cluster.add(service, { nodeId: 'a', status });
    cluster.pending(service, 1, { id: `w${at}` });
  }
  cluster.run();
  assert.deepEqual(
    ['w0', 'w1', 'w2'].map((id) => cluster.task(id).nodeId),
    ['a', 'a', ''],
  );
});

test('many that are refused by the node they are bound to are told a part at a time', () => {
  const cluster = new Cluster();
  cluster.node('a', { spec: { availability: 2 } });
  cluster.pending(cluster.service('everywhere'), 130, { nodeId: 'a' });
  const runner = new StageRunner(cluster.store, new Scheduler());
  assert.deepEqual(
    [100, 30, 0].map(() => runner.run().changes.length),
    [100, 30, 0],
  );
});

test('nodes are in the order of their ids, however the store has them', () => {
  const nodes = ['c', 'a', 'b'].map((id) => aNode({ id }));
  const view = { find: () => nodes } as unknown as View;
  const ids = new ClusterLoad(view, 0).nodes().map(({ node }) => node.id);
  assert.deepEqual(ids, ['a', 'b', 'c']);
});
