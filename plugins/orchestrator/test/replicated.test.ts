import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aCluster, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { replicas, Swarm } from './swarm.js';

test('a new service gets its tasks in one run, in slots 1 to N', () => {
  const swarm = new Swarm();
  const service = swarm.addService('web', {
    ...replicas(3),
    endpoint: { ports: [{ targetPort: 80 }] },
  });
  const { changes } = swarm.run();
  assert.equal(changes.length, 3);
  assert.deepEqual(swarm.slots('web'), [1, 2, 3]);
  for (const task of swarm.tasks('web')) {
    assert.equal(task.desiredState, TaskState.RUNNING);
    assert.equal(task.status?.state, TaskState.NEW);
    assert.equal(task.status?.message, 'created');
    assert.equal(task.nodeId, '');
    assert.deepEqual(task.spec, service.spec?.task);
    assert.deepEqual(task.serviceAnnotations, service.spec?.annotations);
    assert.deepEqual(task.specVersion, service.specVersion);
    assert.deepEqual(task.endpoint?.spec, service.spec?.endpoint);
  }
});

test('without a log driver of its own a task takes the default of the cluster', () => {
  const swarm = new Swarm();
  const cluster = aCluster({ spec: { taskDefaults: { logDriver: { name: 'default-driver' } } } });
  swarm.write((draft) => draft.create('cluster', cluster));
  swarm.addService('plain');
  swarm.addService('own', { task: { logDriver: { name: 'own-driver' } } });
  swarm.run();
  assert.equal(swarm.inSlot('plain', 1).logDriver?.name, 'default-driver');
  assert.equal(swarm.inSlot('own', 1).logDriver?.name, 'own-driver');
});

test('scaled up, it takes the lowest free numbers; the others are not touched', () => {
  const swarm = new Swarm('a', 'b');
  swarm.addService('web', replicas(2));
  swarm.run();
  swarm.settle();
  const before = swarm.live('web').map((task) => task.id);
  swarm.scale('web', 5);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2, 3, 4, 5]);
  assert.ok(before.every((id) => swarm.task(id).desiredState === TaskState.RUNNING));
  assert.equal(swarm.updateState('web'), 'none');
});

test('scaled down, it has the surplus removed, and to nothing everything', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(3));
  swarm.run();
  swarm.settle();
  swarm.scale('web', 1);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1]);
  assert.equal(
    swarm.tasks('web').filter((task) => task.desiredState === TaskState.REMOVE).length,
    2,
  );
  swarm.scale('web', 0);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), []);
});

test('a deleted task is made again in its slot', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(2));
  swarm.run();
  swarm.settle();
  swarm.remove('task', swarm.inSlot('web', 1).id);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2]);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});

test('when the service is gone, its tasks and their history are to be removed', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(2));
  swarm.addService('other', replicas(1));
  swarm.run();
  swarm.settle();
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  swarm.remove('service', 'web');
  swarm.run();
  assert.equal(swarm.tasks('web').length, 3);
  assert.ok(swarm.tasks('web').every((task) => task.desiredState === TaskState.REMOVE));
  assert.deepEqual(swarm.slots('other'), [1]);
});

test('a service that is to be deleted is treated as gone', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(2));
  swarm.run();
  swarm.write((draft) =>
    draft.update('service', { ...draft.get('service', 'web')!, pendingDelete: true }),
  );
  swarm.run();
  assert.deepEqual(swarm.slots('web'), []);
});

test('who goes when it is scaled down: unplaced, then from the fullest node, stopped before running', () => {
  const swarm = new Swarm('a', 'b', 'c');
  const service = swarm.addService('web', replicas(7));
  const nodes = ['a', 'b', 'b', 'c', 'c', 'c', ''];
  swarm.store.seed({
    task: nodes.map((nodeId, i) =>
      aTaskOf(service, {
        slot: BigInt(i + 1),
        nodeId,
        status: { state: i === 0 ? TaskState.STARTING : TaskState.RUNNING },
      }),
    ),
  });
  swarm.run();
  for (const [count, kept] of [
    [6, [1, 2, 3, 4, 5, 6]],
    [4, [1, 2, 3, 4]],
    [2, [2, 4]],
  ] as const) {
    swarm.scale('web', count);
    swarm.run();
    assert.deepEqual(swarm.slots('web'), kept, `to ${count}`);
  }
});

test('a slot in the middle of a start-first update goes before one that stands', () => {
  const swarm = new Swarm('a', 'b');
  const service = swarm.addService('web', replicas(2));
  const running = (slot: bigint, nodeId: string) => aTaskOf(service, { slot, nodeId });
  swarm.store.seed({ task: [running(1n, 'a'), running(1n, 'b'), running(2n, 'a')] });
  swarm.scale('web', 1);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [2]);
});

test('history of slots that are not wanted any more is to be removed', () => {
  const swarm = new Swarm('a');
  const service = swarm.addService('web', replicas(1));
  const ended = { desiredState: TaskState.SHUTDOWN, status: { state: TaskState.FAILED } };
  swarm.store.seed({
    task: [aTaskOf(service), aTaskOf(service, { id: 'old', slot: 5n, ...ended })],
  });
  swarm.run();
  assert.equal(swarm.task('old').desiredState, TaskState.REMOVE);
});

test('scaled down tasks that still run are left to stop in peace', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(3));
  swarm.run();
  swarm.settle();
  swarm.scale('web', 1);
  swarm.run();
  swarm.updateService('web', (spec) => ({ ...spec, update: undefined }));
  swarm.run();
  assert.equal(swarm.tasks('web').length, 3);
});

test('scaled 3, 1, 3 before anything stopped, there are three again, also with condition NONE', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', {
    ...replicas(3),
    task: { restart: { condition: RestartPolicy_RestartCondition.NONE } },
  });
  swarm.run();
  swarm.settle();
  swarm.scale('web', 1);
  swarm.run();
  swarm.scale('web', 3);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2, 3]);
});

test('DOWN, drained and deleted nodes lose their tasks; paused and unknown ones keep them', () => {
  const swarm = new Swarm('a', 'b', 'c', 'd', 'e', 'f');
  swarm.addService('web', replicas(6));
  swarm.run();
  swarm.settle();
  const on = (node: string) => swarm.onNode('web', node);
  for (const node of ['a', 'b', 'c', 'd', 'e', 'f']) assert.equal(on(node).length, 1, node);
  const lost = ['a', 'b', 'c'].map((node) => on(node)[0]!);

  swarm.setNodeState('a', NodeStatus_State.DOWN);
  swarm.setAvailability('b', NodeSpec_Availability.DRAIN);
  swarm.remove('node', 'c');
  swarm.setNodeState('d', NodeStatus_State.UNKNOWN);
  swarm.setNodeState('e', NodeStatus_State.DISCONNECTED);
  swarm.setAvailability('f', NodeSpec_Availability.PAUSE);
  swarm.run();

  for (const task of lost) {
    assert.equal(swarm.task(task.id).desiredState, TaskState.SHUTDOWN);
    const replacement = swarm.inSlot('web', Number(task.slot));
    assert.equal(replacement.nodeId, '');
    assert.equal(replacement.desiredState, TaskState.READY);
  }
  for (const node of ['d', 'e', 'f']) assert.equal(on(node).length, 1, node);
});

test('what replaces a drained task waits for it to stop, and for nothing else', () => {
  const swarm = new Swarm('a', 'b');
  swarm.addService('web', replicas(1));
  swarm.run();
  swarm.settle();
  const old = swarm.inSlot('web', 1);
  swarm.setAvailability(old.nodeId, NodeSpec_Availability.DRAIN);
  const { wakeAt } = swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  assert.equal(wakeAt, swarm.now + 60_000);
  swarm.observe(old.id, TaskState.SHUTDOWN);
  swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});

test('what replaces a task on a dead node waits for its delay alone', () => {
  const swarm = new Swarm('a', 'b');
  swarm.addService('web', replicas(1));
  swarm.run();
  swarm.settle();
  swarm.setNodeState(swarm.inSlot('web', 1).nodeId, NodeStatus_State.DOWN);
  assert.equal(swarm.run().wakeAt, swarm.now + 5000);
  swarm.advance(4999);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  swarm.advance(1);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});

test('a task that is told to stop and does not is waited for one minute', () => {
  const swarm = new Swarm('a', 'b');
  swarm.addService('web', replicas(1));
  swarm.run();
  swarm.settle();
  swarm.setAvailability(swarm.inSlot('web', 1).nodeId, NodeSpec_Availability.DRAIN);
  swarm.run();
  swarm.advance(59_999);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  swarm.advance(1);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});
