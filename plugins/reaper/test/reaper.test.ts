import assert from 'node:assert/strict';
import test from 'node:test';
import type { Reconciler } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, anAttachment, aService, aTask, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { reap } from '../core/reap.js';
import { reaperStage } from '../plugin.js';

const clusterKeeping = (limit: number) =>
  aCluster({ spec: { orchestration: { taskHistoryRetentionLimit: BigInt(limit) } } });

const replicated = (restart?: { readonly maxAttempts: bigint }): Service =>
  aService({ id: 'web', spec: { task: { restart } } });

/** `at`: when its state was taken in, s. */
const inSlot = (
  service: Service,
  id: string,
  observed: TaskState,
  desired: TaskState,
  at: number,
  more: Partial<Pick<Task, 'slot' | 'nodeId'>> = {},
): Task =>
  aTaskOf(service, {
    id,
    status: { state: observed, appliedAt: timestampFromMs(at * 1000) },
    desiredState: desired,
    ...more,
  });

const left = (store: FakeStore): readonly string[] =>
  store
    .view()
    .find('task', { by: 'all' })
    .map((task) => task.id);

/** What is left of these tasks, each with its observed and desired state, after one run. */
function reaped(service: Service | undefined, limit: number, tasks: readonly Task[]) {
  const store = new FakeStore().seed({
    cluster: [clusterKeeping(limit)],
    service: service === undefined ? [] : [service],
    task: tasks,
  });
  runStage(store, reaperStage);
  return left(store);
}

const all = [
  TaskState.NEW,
  TaskState.PENDING,
  TaskState.ASSIGNED,
  TaskState.ACCEPTED,
  TaskState.PREPARING,
  TaskState.READY,
  TaskState.STARTING,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.SHUTDOWN,
  TaskState.FAILED,
  TaskState.REJECTED,
  TaskState.ORPHANED,
];

test('of the tasks that are wanted gone, those go that no node works on', () => {
  const service = replicated();
  for (const owner of [service, undefined]) {
    const tasks = all.map((state, i) =>
      inSlot(service, TaskState[state], state, TaskState.REMOVE, 0, { slot: BigInt(i) }),
    );
    assert.deepEqual([...reaped(owner, -1, tasks)].sort(), [
      'ACCEPTED',
      'ASSIGNED',
      'PREPARING',
      'READY',
      'RUNNING',
      'STARTING',
    ]);
  }
});

test('a task without a service goes when it is orphaned, and not before', () => {
  const tasks = all.map((state) =>
    aTask({ id: TaskState[state], status: { state }, desiredState: TaskState.SHUTDOWN }),
  );
  assert.deepEqual(
    reaped(undefined, -1, tasks),
    all
      .filter((state) => state !== TaskState.ORPHANED)
      .map((state) => TaskState[state])
      .sort(),
  );
});

test('an attachment goes when it has ended, whoever failed to give it up, and no living one does', () => {
  const tasks = all.map((state) =>
    anAttachment('n', [], { id: TaskState[state], status: { state } }),
  );
  const living = [
    'ACCEPTED',
    'ASSIGNED',
    'NEW',
    'PENDING',
    'PREPARING',
    'READY',
    'RUNNING',
    'STARTING',
  ];
  assert.deepEqual([...reaped(undefined, 0, tasks)].sort(), living);
  // One by one, as their nodes report them.
  const store = new FakeStore().seed({ cluster: [clusterKeeping(0)] });
  const stage = new StageRunner(store, reaperStage);
  stage.run();
  store.updateNow({ id: 'anyone', writes: ['any'] }, (draft) => {
    for (const task of tasks) draft.create('task', task);
  });
  stage.run();
  assert.deepEqual([...left(store)].sort(), living);
});

test('an orphaned task of a service is history like any other', () => {
  const service = replicated();
  const orphan = inSlot(service, 'o', TaskState.ORPHANED, TaskState.SHUTDOWN, 1);
  const live = inSlot(service, 'live', TaskState.RUNNING, TaskState.RUNNING, 2);
  assert.deepEqual(reaped(service, 2, [orphan, live]), ['live', 'o']);
  assert.deepEqual(reaped(service, 1, [orphan, live]), ['live']);
});

test('which pairs of desired and observed state may be trimmed', () => {
  const service = replicated();
  const trimmed = (desired: TaskState): readonly string[] => {
    const tasks = all.flatMap((state, i) => [
      inSlot(service, TaskState[state], state, desired, 0, { slot: BigInt(i) }),
      inSlot(service, `live${i}`, TaskState.RUNNING, TaskState.RUNNING, 1, { slot: BigInt(i) }),
    ]);
    const kept = new Set(reaped(service, 0, tasks));
    return all.map((state) => TaskState[state]).filter((name) => !kept.has(name));
  };
  // Finished but still wanted: the orchestrator must judge it first.
  assert.deepEqual(trimmed(TaskState.READY), []);
  assert.deepEqual(trimmed(TaskState.RUNNING), []);
  const over = ['COMPLETE', 'SHUTDOWN', 'FAILED', 'REJECTED', 'ORPHANED'];
  assert.deepEqual(trimmed(TaskState.SHUTDOWN), ['NEW', 'PENDING', ...over]);
});

test('the last task of a slot stays, whatever the limit: it says that the slot was filled', () => {
  const service = replicated();
  const tasks = [1, 2].map((at) =>
    inSlot(service, `t${at}`, TaskState.COMPLETE, TaskState.SHUTDOWN, at),
  );
  assert.deepEqual(reaped(service, 0, tasks), ['t2']);
});

test('the oldest go until the limit holds; what runs counts, but stays', () => {
  const service = replicated();
  const old = [5, 3, 9, 1].map((at) =>
    inSlot(service, `old${at}`, TaskState.SHUTDOWN, TaskState.SHUTDOWN, at),
  );
  const live = inSlot(service, 'live', TaskState.RUNNING, TaskState.RUNNING, 0);
  const other = inSlot(service, 'other', TaskState.FAILED, TaskState.SHUTDOWN, 0, { slot: 2n });
  assert.deepEqual(reaped(service, 2, [...old, live, other]), ['live', 'old9', 'other']);
  assert.deepEqual(reaped(service, 4, [...old, live, other]), [
    'live',
    'old3',
    'old5',
    'old9',
    'other',
  ]);
  assert.deepEqual(reaped(service, 1, [...old, live, other]), ['live', 'other']);
});

test('a task that was never taken in by a manager goes by the agent’s clock, one without any first', () => {
  const service = replicated();
  const state = TaskState.FAILED;
  const tasks = [
    inSlot(service, 'applied', state, TaskState.SHUTDOWN, 50),
    aTaskOf(service, {
      id: 'reported',
      status: { state, timestamp: timestampFromMs(60_000) },
      desiredState: TaskState.SHUTDOWN,
    }),
    aTaskOf(service, {
      id: 'timeless',
      status: { state, timestamp: undefined },
      desiredState: TaskState.SHUTDOWN,
    }),
  ];
  assert.deepEqual(reaped(service, 2, tasks), ['applied', 'reported']);
  assert.deepEqual(reaped(service, 1, tasks), ['reported']);
});

test('a negative limit keeps everything, an absent cluster object five', () => {
  const service = replicated();
  const tasks = [1, 2, 3, 4, 5, 6, 7].map((at) =>
    inSlot(service, `t${at}`, TaskState.FAILED, TaskState.SHUTDOWN, at),
  );
  assert.equal(reaped(service, -1, tasks).length, 7);
  const store = new FakeStore().seed({ service: [service], task: tasks });
  runStage(store, reaperStage);
  assert.deepEqual(left(store), ['t3', 't4', 't5', 't6', 't7']);
});

test('max_attempts sets the limit, whether it is above or below the cluster’s', () => {
  const service = replicated({ maxAttempts: 2n });
  const tasks = [1, 2, 3, 4, 5].map((at) =>
    inSlot(service, `t${at}`, TaskState.FAILED, TaskState.SHUTDOWN, at),
  );
  for (const limit of [-1, 1, 5])
    assert.deepEqual(reaped(service, limit, tasks), ['t3', 't4', 't5'], `limit ${limit}`);
});

test('a slot of a global service is a node', () => {
  const service = aService({ id: 'web', spec: { mode: { $case: 'global', value: {} } } });
  const tasks = ['n1', 'n2'].flatMap((nodeId) =>
    [1, 2].map((at) =>
      inSlot(service, `${nodeId}t${at}`, TaskState.FAILED, TaskState.SHUTDOWN, at, {
        nodeId,
        slot: 0n,
      }),
    ),
  );
  const foreign = inSlot(aService({ id: 'x' }), 'x1', TaskState.FAILED, TaskState.SHUTDOWN, 0, {
    nodeId: 'n1',
  });
  assert.deepEqual(reaped(service, 1, [...tasks, foreign]), ['n1t2', 'n2t2', 'x1']);
});

test('tasks of jobs are never trimmed', () => {
  const jobs: readonly ServiceSpec['mode'][] = [
    { $case: 'replicatedJob', value: { totalCompletions: 1n, maxConcurrent: 1n } },
    { $case: 'globalJob', value: {} },
  ];
  for (const mode of jobs) {
    const service = aService({ id: 'job', spec: { mode } });
    const tasks = [1, 2, 3].map((at) =>
      inSlot(service, `t${at}`, TaskState.COMPLETE, TaskState.COMPLETE, at, { nodeId: 'n1' }),
    );
    assert.equal(reaped(service, 1, tasks).length, 3);
  }
});

test('a run removes so many and no more, and says what is left', () => {
  const store = new FakeStore();
  const web = replicated();
  const other = aService({ id: 'other' });
  const dead = (service: Service, id: string, slot: bigint, at: number): Task =>
    inSlot(service, id, TaskState.FAILED, TaskState.SHUTDOWN, at, { slot });
  const removable = ['r1', 'r2', 'r3'].map((id) =>
    inSlot(web, id, TaskState.COMPLETE, TaskState.REMOVE, 1),
  );
  const history = [1n, 2n].flatMap((slot) =>
    [1, 2, 3, 4].map((at) => dead(web, `h${slot}${at}`, slot, at)),
  );
  const others = [1, 2, 3].map((at) => dead(other, `o${at}`, 1n, at));
  store.seed({
    cluster: [clusterKeeping(1)],
    service: [web, other],
    task: [...removable, ...history, ...others],
  });
  const stage: Reconciler = { ...reaperStage, reconcile: (input) => reap(input, 2) };
  const runner = new StageRunner(store, stage);
  const counts: number[] = [];
  for (;;) {
    const { changes, unfinished } = runner.run();
    counts.push(changes.length);
    if (unfinished.length === 0) break;
  }
  // A slot is cut at once, however long its history is.
  assert.ok(
    counts.every((count) => count <= 4),
    `${counts}`,
  );
  assert.deepEqual(left(store).length, 3);
  assert.deepEqual(runStage(store, reaperStage).changes, []);
});

test('a change of a service, or of the limit, reads no task while every slot is within it', () => {
  const service = replicated();
  const history = [1, 2, 3].flatMap((slot) =>
    [1, 2].map((at) =>
      inSlot(service, `${slot}.${at}`, TaskState.SHUTDOWN, TaskState.SHUTDOWN, at, {
        slot: BigInt(slot),
      }),
    ),
  );
  const read = (limit: number): number => {
    const store = new FakeStore().seed({
      cluster: [clusterKeeping(limit)],
      service: [service],
      task: history,
    });
    let tasks = 0;
    store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
      const counting: Draft = Object.assign(Object.create(draft) as Draft, {
        slots: (serviceId: string) => draft.slots(serviceId),
        find: (kind: ObjectKind, by: Parameters<Draft['find']>[1]) => {
          const found = draft.find(kind, by);
          if (kind === 'task') tasks += found.length;
          return found;
        },
      });
      const ids = (kind: ObjectKind) => new Set(kind === 'cluster' ? ['c'] : []);
      const none = () => new Set<string>();
      const dirty = { everything: false, ids, servicesOfTasks: none, nodesOfTasks: none };
      reap({ draft: counting, now: 0, id: () => '', dirty }, 100);
    });
    return tasks;
  };
  assert.deepEqual([read(3), read(2), read(1)], [0, 0, 6]);
});
