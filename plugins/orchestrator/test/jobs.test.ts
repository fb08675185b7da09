import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability, type ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Swarm, withTask } from './swarm.js';

const at0 = { condition: Condition.ON_FAILURE, delay: durationFromMs(0) };

function job(mode: Partially<ServiceSpec>['mode'], spec: Partially<ServiceSpec> = {}): Swarm {
  const swarm = new Swarm('a', 'b');
  swarm.addService('job', { task: { restart: at0 }, ...spec, mode });
  swarm.run();
  return swarm;
}

const replicated = (
  maxConcurrent: number,
  totalCompletions: number,
  spec?: Partially<ServiceSpec>,
) =>
  job(
    {
      $case: 'replicatedJob',
      value: {
        maxConcurrent: BigInt(maxConcurrent),
        totalCompletions: BigInt(totalCompletions),
      },
    },
    spec,
  );
const global = (spec?: Partially<ServiceSpec>) => job({ $case: 'globalJob', value: {} }, spec);

const complete = (swarm: Swarm, slot: number): void =>
  swarm.observe(swarm.inSlot('job', slot).id, TaskState.COMPLETE);
const rerun = (swarm: Swarm): void => {
  swarm.updateService('job', (spec) =>
    withTask(spec, (task) => ({ ...task, forceUpdate: task.forceUpdate + 1n })),
  );
  swarm.run();
};
const count = (swarm: Swarm, node: string): number => swarm.onNode('job', node).length;

test('replicated job: max concurrent tasks, in slots from 0, to be completed', () => {
  const swarm = replicated(2, 5);
  assert.deepEqual(swarm.slots('job'), [0, 1]);
  for (const task of swarm.tasks('job')) {
    assert.equal(task.desiredState, TaskState.COMPLETE);
    assert.deepEqual(task.jobIteration, { index: 0n });
  }
});

test('replicated job: both limits hold until it is done', () => {
  const swarm = replicated(2, 5);
  for (let done = 0; done < 5; done += 1) {
    complete(swarm, done);
    swarm.run();
    assert.deepEqual(swarm.slots('job'), [0, 1, 2, 3, 4].slice(0, Math.min(5, done + 3)));
  }
  assert.equal(swarm.tasks('job').length, 5);
});

test('replicated job: more tasks than it should have are no reason to make more', () => {
  const swarm = replicated(2, 2);
  const service = swarm.service('job');
  swarm.store.seed({
    task: [5n, 6n].map((slot) =>
      aTaskOf(service, { slot, desiredState: TaskState.COMPLETE, jobIteration: { index: 0n } }),
    ),
  });
  swarm.changeLeader();
  assert.equal(swarm.run().changes.length, 0);
});

test('replicated job: a failed task is restarted in its slot, a finished one never, also under ANY', () => {
  const swarm = replicated(1, 2, { task: { restart: { ...at0, condition: Condition.ANY } } });
  const first = swarm.inSlot('job', 0);
  swarm.fail(first);
  swarm.run();
  assert.equal(swarm.task(first.id).desiredState, TaskState.SHUTDOWN);
  const second = swarm.inSlot('job', 0);
  assert.equal(second.desiredState, TaskState.COMPLETE);
  assert.deepEqual(second.jobIteration, { index: 0n });
  complete(swarm, 0);
  swarm.run();
  assert.equal(swarm.task(second.id).desiredState, TaskState.COMPLETE);
  assert.deepEqual(swarm.slots('job'), [0, 1]);
});

test('replicated job: a slot that used up its attempts is given up, and stays so', () => {
  const swarm = replicated(2, 3, { task: { restart: { ...at0, maxAttempts: 1n } } });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    swarm.advance(1000);
    swarm.fail(swarm.inSlot('job', 0));
    swarm.run();
  }
  assert.deepEqual(swarm.slots('job'), [1, 2]);
  complete(swarm, 1);
  complete(swarm, 2);
  swarm.run();
  assert.deepEqual(swarm.slots('job'), [1, 2]);
  assert.equal(swarm.tasks('job').length, 4);
});

test('replicated job: what was told to stop frees its slot', () => {
  const swarm = replicated(1, 1);
  const [task] = swarm.tasks('job');
  swarm.observe(task!.id, TaskState.RUNNING, {
    desiredState: TaskState.SHUTDOWN,
    nodeId: 'a',
  });
  swarm.run();
  assert.deepEqual(swarm.slots('job'), [0]);
  assert.equal(swarm.tasks('job').length, 2);
});

test('replicated job: an update is a new iteration; the old one is cleared, its results stay', () => {
  const swarm = replicated(2, 3);
  complete(swarm, 0);
  swarm.run();
  const [done, ...others] = swarm.tasks('job');
  rerun(swarm);
  assert.equal(swarm.task(done!.id).desiredState, TaskState.COMPLETE);
  for (const task of others) assert.equal(swarm.task(task.id).desiredState, TaskState.REMOVE);
  const now = swarm.live('job').filter((task) => task.jobIteration?.index === 1n);
  assert.deepEqual(
    now.map((task) => task.slot),
    [0n, 1n],
  );
  assert.equal(swarm.updateState('job'), 'none');
});

test('replicated job: what waits to be restarted does not outlive its iteration', () => {
  const swarm = replicated(1, 1, { task: { restart: { condition: Condition.ON_FAILURE } } });
  swarm.fail(swarm.inSlot('job', 0));
  swarm.run();
  const waiting = swarm.inSlot('job', 0);
  swarm.observe(waiting.id, TaskState.REJECTED);
  swarm.run();
  rerun(swarm);
  assert.equal(swarm.task(waiting.id).desiredState, TaskState.REMOVE);
});

test('global job: one task on each node that is ready, active and meets the constraints', () => {
  const swarm = new Swarm('fit', 'drained', 'paused', 'unknown', 'other');
  for (const node of ['fit', 'drained', 'paused', 'unknown']) swarm.setLabel(node, 'disk', 'ssd');
  swarm.setAvailability('drained', NodeSpec_Availability.DRAIN);
  swarm.setAvailability('paused', NodeSpec_Availability.PAUSE);
  swarm.setNodeState('unknown', NodeStatus_State.UNKNOWN);
  swarm.addService('job', {
    mode: { $case: 'globalJob', value: {} },
    task: { placement: { constraints: ['node.labels.disk==ssd'] } },
  });
  swarm.run();
  assert.deepEqual(
    swarm.live('job').map((task) => [task.nodeId, task.desiredState]),
    [['fit', TaskState.COMPLETE]],
  );
  swarm.setNodeState('unknown', NodeStatus_State.READY);
  swarm.run();
  assert.equal(count(swarm, 'unknown'), 1);
});

test('global job: failed tasks are restarted up to max attempts, finished ones never', () => {
  const swarm = global({ task: { restart: { ...at0, maxAttempts: 1n } } });
  swarm.observe(swarm.onNode('job', 'b')[0]!.id, TaskState.COMPLETE);
  for (const expected of [1, 0]) {
    swarm.advance(1000);
    swarm.fail(swarm.onNode('job', 'a')[0]!);
    swarm.run();
    assert.equal(count(swarm, 'a'), expected);
  }
  assert.equal(swarm.tasks('job').length, 3);
});

test('global job: a node that is drained loses its running task, a paused one keeps it', () => {
  const swarm = global();
  swarm.setAvailability('a', NodeSpec_Availability.DRAIN);
  swarm.setAvailability('b', NodeSpec_Availability.PAUSE);
  swarm.run();
  assert.deepEqual([count(swarm, 'a'), count(swarm, 'b')], [0, 1]);
});

test('global job: what failed on a paused node is made again when the node is back', () => {
  const swarm = global();
  swarm.setAvailability('a', NodeSpec_Availability.PAUSE);
  swarm.fail(swarm.onNode('job', 'a')[0]!);
  swarm.run();
  assert.equal(count(swarm, 'a'), 0);
  swarm.setAvailability('a', NodeSpec_Availability.ACTIVE);
  swarm.run();
  assert.equal(count(swarm, 'a'), 1);
});

for (const delay of [0, 5_000])
  test(`global job: what completed while its node was away is not run again; a replacement that failed waits ${delay} ms`, () => {
    const swarm = global({ task: { restart: { ...at0, delay: durationFromMs(delay) } } });
    const [first] = swarm.onNode('job', 'a');
    swarm.observe(first!.id, TaskState.RUNNING);
    swarm.setNodeState('a', NodeStatus_State.DOWN);
    swarm.run();
    swarm.setNodeState('a', NodeStatus_State.READY);
    swarm.run();
    const [second] = swarm.onNode('job', 'a');
    assert.notEqual(second?.id, first!.id);
    if (delay === 0) swarm.observe(first!.id, TaskState.COMPLETE);
    swarm.fail(second!);
    swarm.run();
    assert.equal(count(swarm, 'a'), delay === 0 ? 0 : 1);
    if (delay > 0) swarm.observe(first!.id, TaskState.COMPLETE);
    swarm.advance(delay);
    assert.equal(count(swarm, 'a'), 0);
    assert.equal(swarm.tasks('job').length, delay === 0 ? 3 : 4);
  });

test('global job: an update clears all of the old iteration', () => {
  const swarm = global();
  swarm.observe(swarm.onNode('job', 'a')[0]!.id, TaskState.COMPLETE);
  const old = swarm.tasks('job');
  rerun(swarm);
  for (const task of old) assert.equal(swarm.task(task.id).desiredState, TaskState.REMOVE);
  assert.deepEqual([count(swarm, 'a'), count(swarm, 'b')], [1, 1]);
});
