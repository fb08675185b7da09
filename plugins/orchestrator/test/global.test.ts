import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability, type ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { imageOf, Swarm, withTask } from './swarm.js';

const global = { mode: { $case: 'global', value: {} } } as const;
const at0 = { condition: Condition.ANY, delay: durationFromMs(0) };

function running(spec: Partially<ServiceSpec> = {}, ...nodes: string[]): Swarm {
  const swarm = new Swarm(...(nodes.length > 0 ? nodes : ['a', 'b']));
  swarm.addService('agent', { ...global, ...spec });
  swarm.run();
  swarm.settle();
  return swarm;
}

const count = (swarm: Swarm, node: string): number => swarm.onNode('agent', node).length;

test('one task on each node, tied to it from birth, and one on each node that comes later', () => {
  const swarm = new Swarm('a', 'b');
  swarm.addService('agent', global);
  swarm.run();
  for (const node of ['a', 'b']) {
    const [task] = swarm.onNode('agent', node);
    assert.equal(task?.desiredState, TaskState.RUNNING);
    assert.equal(task?.status?.state, TaskState.NEW);
    assert.equal(task?.slot, 0n);
  }
  swarm.addNode({ id: 'c' });
  swarm.run();
  assert.equal(count(swarm, 'c'), 1);
  assert.equal(swarm.live('agent').length, 3);
});

test('with a node its tasks are forgotten, history too', () => {
  const swarm = running({ task: { restart: at0 } });
  swarm.fail(swarm.onNode('agent', 'a')[0]!);
  swarm.settle();
  swarm.remove('node', 'a');
  swarm.run();
  const onA = swarm.tasks('agent').filter((task) => task.nodeId === 'a');
  assert.equal(onA.length, 2);
  assert.ok(onA.every((task) => task.desiredState === TaskState.REMOVE));
  assert.equal(count(swarm, 'b'), 1);
});

test('availability: drained it stops, active it comes back, paused nothing is replaced', () => {
  const swarm = running({ task: { restart: at0 } });
  const [first] = swarm.onNode('agent', 'a');
  swarm.setAvailability('a', NodeSpec_Availability.DRAIN);
  swarm.run();
  assert.equal(swarm.task(first!.id).desiredState, TaskState.SHUTDOWN);
  swarm.setAvailability('a', NodeSpec_Availability.ACTIVE);
  swarm.run();
  swarm.settle();
  const [second] = swarm.onNode('agent', 'a');
  assert.notEqual(second?.id, first!.id);

  swarm.setAvailability('a', NodeSpec_Availability.PAUSE);
  swarm.run();
  assert.equal(swarm.task(second!.id).desiredState, TaskState.RUNNING);
  swarm.fail(second!);
  swarm.run();
  assert.equal(swarm.task(second!.id).desiredState, TaskState.SHUTDOWN);
  assert.equal(count(swarm, 'a'), 0);
  swarm.setAvailability('a', NodeSpec_Availability.ACTIVE);
  swarm.run();
  assert.equal(count(swarm, 'a'), 1);
});

test('state: DOWN stops its task, READY brings one back, UNKNOWN changes nothing', () => {
  const swarm = running();
  const [task] = swarm.onNode('agent', 'a');
  swarm.setNodeState('a', NodeStatus_State.UNKNOWN);
  swarm.run();
  assert.equal(swarm.task(task!.id).desiredState, TaskState.RUNNING);
  swarm.setNodeState('a', NodeStatus_State.DOWN);
  swarm.run();
  assert.equal(swarm.task(task!.id).desiredState, TaskState.SHUTDOWN);
  swarm.setNodeState('a', NodeStatus_State.READY);
  swarm.run();
  assert.equal(count(swarm, 'a'), 1);
});

test('a deleted task is made again, as that of a replicated service is', () => {
  const swarm = running();
  swarm.remove('task', swarm.onNode('agent', 'a')[0]!.id);
  swarm.run();
  assert.equal(count(swarm, 'a'), 1);
});

test('a task that failed while it waited is not waited for on a node that is paused', () => {
  const swarm = running();
  swarm.fail(swarm.onNode('agent', 'a')[0]!);
  swarm.run();
  swarm.observe(swarm.onNode('agent', 'a')[0]!.id, TaskState.REJECTED);
  swarm.run();
  assert.equal(count(swarm, 'a'), 1);
  swarm.setAvailability('a', NodeSpec_Availability.PAUSE);
  swarm.run();
  assert.equal(count(swarm, 'a'), 0);
});

test('a failed task is replaced by its policy; with NONE it waits for another spec', () => {
  const swarm = running({ task: { restart: at0 } });
  const [failed] = swarm.onNode('agent', 'a');
  swarm.fail(failed!);
  swarm.run();
  assert.equal(swarm.task(failed!.id).desiredState, TaskState.SHUTDOWN);
  assert.equal(count(swarm, 'a'), 1);

  const once = running({ task: { restart: { condition: Condition.NONE } } });
  once.fail(once.onNode('agent', 'a')[0]!);
  once.settle();
  assert.equal(count(once, 'a'), 0);
  once.setImage('agent', 'busybox:2');
  once.run();
  assert.deepEqual(once.onNode('agent', 'a').map(imageOf), ['busybox:2']);
});

test('nodes that come and go use up no attempts', () => {
  const swarm = running({ task: { restart: { ...at0, maxAttempts: 1n } } });
  for (let round = 0; round < 4; round += 1) {
    swarm.advance(1000);
    swarm.setAvailability('a', NodeSpec_Availability.DRAIN);
    swarm.settle();
    assert.equal(count(swarm, 'a'), 0);
    swarm.setAvailability('a', NodeSpec_Availability.ACTIVE);
    swarm.settle();
    assert.equal(count(swarm, 'a'), 1);
  }
  for (const expected of [1, 0]) {
    swarm.advance(1000);
    swarm.fail(swarm.onNode('agent', 'a')[0]!);
    swarm.settle();
    assert.equal(count(swarm, 'a'), expected);
  }
});

test('only nodes that meet the constraints; a change of either side is followed', () => {
  const swarm = running();
  swarm.setLabel('a', 'disk', 'ssd');
  const constrain = (...constraints: string[]): void => {
    swarm.updateService('agent', (spec) =>
      withTask(spec, (task) => ({
        ...task,
        placement: { constraints, preferences: [], platforms: [], maxReplicas: 0n },
      })),
    );
    swarm.run();
  };
  constrain('node.labels.disk==ssd');
  assert.deepEqual([count(swarm, 'a'), count(swarm, 'b')], [1, 0]);
  swarm.setLabel('b', 'disk', 'ssd');
  swarm.setLabel('a', 'disk', 'hdd');
  swarm.run();
  assert.deepEqual([count(swarm, 'a'), count(swarm, 'b')], [0, 1]);
  constrain();
  assert.deepEqual([count(swarm, 'a'), count(swarm, 'b')], [1, 1]);
});

test('a node that no longer meets the constraints loses its task', () => {
  const swarm = new Swarm('a', 'b');
  swarm.setLabel('a', 'disk', 'ssd');
  swarm.addService('agent', {
    ...global,
    task: { placement: { constraints: ['node.labels.disk==ssd'] } },
  });
  swarm.run();
  swarm.settle();
  assert.equal(count(swarm, 'a'), 1);
  swarm.setLabel('a', 'disk', 'hdd');
  swarm.run();
  assert.equal(count(swarm, 'a'), 0);
});

test('updates go node by node, and leave out paused nodes', () => {
  const swarm = running({}, 'a', 'b', 'c');
  swarm.now += 60_000;
  swarm.setAvailability('b', NodeSpec_Availability.PAUSE);
  swarm.setImage('agent', 'busybox:2');
  swarm.run();
  const updated = () => swarm.live('agent').filter((task) => imageOf(task) === 'busybox:2');
  assert.deepEqual(
    updated().map((task) => task.nodeId),
    ['a'],
  );
  swarm.settle();
  assert.deepEqual(
    updated()
      .map((task) => task.nodeId)
      .sort(),
    ['a', 'c'],
  );
  swarm.advance(5000);
  assert.equal(swarm.updateState('agent'), 'COMPLETED');
  swarm.setAvailability('b', NodeSpec_Availability.ACTIVE);
  swarm.run();
  assert.equal(updated().length, 3);
});

test('a node that is paused half way: what comes up there counts, what waits for it holds up nobody', () => {
  for (const [state, next] of [
    [TaskState.STARTING, 0],
    [TaskState.PENDING, 1],
  ] as const) {
    const swarm = running({}, 'a', 'b');
    swarm.now += 60_000;
    swarm.setImage('agent', 'busybox:2');
    swarm.run();
    const updated = () => swarm.live('agent').filter((task) => imageOf(task) === 'busybox:2');
    const [first] = updated();
    assert.equal(updated().length, 1);
    swarm.observe(first!.id, state);
    swarm.setAvailability(first!.nodeId, NodeSpec_Availability.PAUSE);
    swarm.run();
    assert.equal(updated().length, 1 + next);
    swarm.observe(first!.id, TaskState.RUNNING);
    swarm.run();
    assert.equal(updated().length, 2);
  }
});

test('nodes that an update will not come to do not water down its failures', () => {
  const update = { parallelism: 1n, maxFailureRatio: 0.4 };
  const placement = { constraints: ['node.labels.disk != hdd'] };
  for (const leaveOut of [
    (swarm: Swarm, node: string) => swarm.setNodeState(node, NodeStatus_State.DOWN),
    (swarm: Swarm, node: string) => swarm.setAvailability(node, NodeSpec_Availability.PAUSE),
    (swarm: Swarm, node: string) => swarm.setLabel(node, 'disk', 'hdd'),
  ]) {
    const swarm = running({ update, task: { restart: at0, placement } }, 'a', 'b', 'c', 'd');
    swarm.now += 60_000;
    leaveOut(swarm, 'c');
    leaveOut(swarm, 'd');
    swarm.run();
    swarm.settle();
    swarm.setImage('agent', 'busybox:2');
    swarm.run();
    swarm.now += 1;
    swarm.fail(swarm.onNode('agent', 'a')[0]!);
    swarm.run();
    assert.equal(swarm.updateState('agent'), 'PAUSED', `${leaveOut}`);
  }
});

test('what an update tried on a node counts also when the node is paused then', () => {
  const update = { parallelism: 1n, maxFailureRatio: 0.4 };
  const swarm = running({ update, task: { restart: at0 } }, 'a', 'b', 'c');
  swarm.now += 60_000;
  swarm.setImage('agent', 'busybox:2');
  swarm.run();
  swarm.now += 1;
  swarm.fail(swarm.onNode('agent', 'a')[0]!);
  swarm.setAvailability('a', NodeSpec_Availability.PAUSE);
  swarm.run();
  assert.equal(swarm.updateState('agent'), 'UPDATING', 'one of three');
});

test('the service gone, its tasks go', () => {
  const swarm = running();
  swarm.remove('service', 'agent');
  swarm.run();
  assert.ok(swarm.tasks('agent').every((task) => task.desiredState === TaskState.REMOVE));
});
