import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  anAttachment,
  aNode,
  aService,
  aTask,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type GenericResource,
  NodeRole,
  type Resources,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ConstraintEnforcer } from '../shell/constraint-enforcer.js';

const now = fixtureTime + 1000;

/** Ids of the tasks that were rejected. */
function enforce(...objects: { node?: Node; service?: Service; task?: Task }[]): readonly string[] {
  const store = new FakeStore();
  for (const [kind, object] of objects.flatMap((each) => Object.entries(each)))
    store.seed({ [kind]: [object] });
  const { changes } = runStage(store, new ConstraintEnforcer(), { now });
  assert.equal(
    runStage(store, new ConstraintEnforcer(), { now }).changes.length,
    0,
    'a second look finds more',
  );
  return changes.map(({ id, object }) => {
    const { status, desiredState } = object as Task;
    assert.equal(status?.state, TaskState.REJECTED);
    assert.equal(status?.message, 'task rejected by constraint enforcer');
    assert.equal(status?.err, 'assigned node no longer meets constraints');
    assert.equal(timestampToMs(status?.timestamp), now);
    assert.equal(desiredState, store.view().get('task', id)?.desiredState);
    return id;
  });
}

const on = (id: string, overrides: Partially<Task> = {}): { task: Task } => ({
  task: aTask({ id, nodeId: 'n', ...overrides }),
});
const reserving = (id: string, reservations: Partially<Resources>, madeAt = fixtureTime) =>
  on(id, {
    meta: { createdAt: timestampFromMs(madeAt) },
    spec: { resources: { reservations } },
  });
const constrained = (...constraints: string[]) => ({ spec: { placement: { constraints } } });

test('a task whose node changed its role or labels is rejected, others stay', () => {
  const node = aNode({ id: 'n', role: NodeRole.MANAGER });
  assert.deepEqual(
    enforce(
      { node },
      on('worker', constrained('node.role==worker')),
      on('manager', constrained('node.role==manager')),
      on('anywhere'),
    ),
    ['worker'],
  );
});

test('only tasks that are placed and wanted', () => {
  const node = { node: aNode({ id: 'n' }) };
  const unmet = constrained('node.id==other');
  for (const [state, desiredState, expected] of [
    [TaskState.PENDING, TaskState.RUNNING, 0],
    [TaskState.ASSIGNED, TaskState.READY, 1],
    [TaskState.RUNNING, TaskState.RUNNING, 1],
    [TaskState.RUNNING, TaskState.COMPLETE, 1],
    [TaskState.RUNNING, TaskState.SHUTDOWN, 0],
    [TaskState.COMPLETE, TaskState.COMPLETE, 0],
    [TaskState.FAILED, TaskState.RUNNING, 0],
  ] as const)
    assert.equal(
      enforce(node, on('t', { ...unmet, desiredState, status: { state } })).length,
      expected,
      `${TaskState[state]} wanted ${TaskState[desiredState]}`,
    );
});

test('only on active nodes', () => {
  for (const availability of [NodeSpec_Availability.PAUSE, NodeSpec_Availability.DRAIN])
    assert.deepEqual(
      enforce(
        { node: aNode({ id: 'n', spec: { availability } }) },
        on('t', constrained('node.id==other')),
      ),
      [],
    );
});

test('the constraints of the service count, not those that the task was made with', () => {
  const service = aService({
    spec: { task: { placement: { constraints: ['node.labels.disk==ssd'] } } },
    specVersion: { index: 5n },
  });
  const task = aTaskOf(service, { id: 't', nodeId: 'n', spec: {}, specVersion: { index: 1n } });
  assert.deepEqual(enforce({ node: aNode({ id: 'n' }) }, { service }, { task }), ['t']);
  // While an update replaces old tasks at its own pace, they are held to their own.
  const updating = {
    ...service,
    updateStatus: {
      state: UpdateStatus_UpdateState.UPDATING,
      message: '',
      startedAt: undefined,
      completedAt: undefined,
    },
  };
  assert.deepEqual(enforce({ node: aNode({ id: 'n' }) }, { service: updating }, { task }), []);
});

test('when CPUs or memory shrink, the youngest that no longer fit go', () => {
  const small = aNode({
    id: 'n',
    description: { resources: { nanoCpus: 1_000_000_000n, memoryBytes: 1n << 30n } },
  });
  assert.deepEqual(
    enforce(
      { node: small },
      reserving('young', { nanoCpus: 600_000_000n }, fixtureTime + 2),
      reserving('old', { nanoCpus: 600_000_000n }, fixtureTime),
      reserving('small', { nanoCpus: 400_000_000n }, fixtureTime + 3),
      reserving('memory', { memoryBytes: 2n << 30n }, fixtureTime + 4),
      on('free'),
    ).toSorted(),
    ['memory', 'young'],
  );
});

test('a container that was started by hand stays, whatever becomes of its node', () => {
  const small = aNode({ id: 'n', description: { resources: { nanoCpus: 0n, memoryBytes: 0n } } });
  assert.deepEqual(enforce({ node: small }, { task: anAttachment('n', ['front']) }), []);
});

test('a finished job task reserves nothing', () => {
  const small = aNode({ id: 'n', description: { resources: { nanoCpus: 1_000_000_000n } } });
  const done = reserving('done', { nanoCpus: 900_000_000n }).task;
  const state = TaskState.COMPLETE;
  assert.deepEqual(
    enforce(
      { node: small },
      { task: { ...done, desiredState: state, status: { ...done.status!, state } } },
      reserving('running', { nanoCpus: 900_000_000n }, fixtureTime + 1),
    ),
    [],
  );
});

test('a node that has not said what it has is not held to it', () => {
  const silent = { ...aNode({ id: 'n' }), description: undefined };
  assert.deepEqual(enforce({ node: silent }, reserving('t', { nanoCpus: 1n })), []);
});

test('generic resources: what was assigned must still be there', () => {
  const named = (kind: string, value: string): GenericResource => ({
    resource: { $case: 'namedResourceSpec', value: { kind, value } },
  });
  const discrete = (kind: string, value: bigint): GenericResource => ({
    resource: { $case: 'discreteResourceSpec', value: { kind, value } },
  });
  const node = aNode({
    id: 'n',
    description: {
      resources: { generic: [named('gpu', 'A'), named('gpu', 'B'), discrete('fpga', 2n)] },
    },
  });
  const using = (id: string, ...assignedGenericResources: GenericResource[]) =>
    on(id, { assignedGenericResources });
  assert.deepEqual(
    enforce(
      { node },
      using('a', named('gpu', 'A')),
      using('b', named('gpu', 'A')),
      using('c', named('gpu', 'C')),
      using('d', discrete('fpga', 2n)),
      using('e', discrete('fpga', 1n)),
      using('f', named('fpga', 'A')),
      using('g', named('gpu', 'B')),
    ),
    ['b', 'c', 'e', 'f'],
  );
});

test('a run looks at so many nodes as have little to reject, and names the others', () => {
  const store = new FakeStore();
  const task = ['a', 'b', 'c'].flatMap((nodeId) =>
    [1, 2].map((n) => aTask({ id: `${nodeId}${n}`, nodeId, ...constrained('node.labels.x==y') })),
  );
  store.seed({ node: ['a', 'b', 'c'].map((id) => aNode({ id })), task });
  const runner = new StageRunner(store, new ConstraintEnforcer(2));
  const runs = [runner.run(), runner.run(), runner.run()];
  assert.deepEqual(
    runs.map(({ changes }) => changes.length),
    [2, 2, 2],
  );
  assert.deepEqual(
    runs.map(({ unfinished }) => unfinished.map(({ id }) => id)),
    [['b', 'c'], ['c'], []],
  );
});
