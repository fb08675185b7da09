import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  type RestartPolicy,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { replicas, Swarm } from './swarm.js';

const restarting = (restart: Partially<RestartPolicy>, count = 2): Partially<ServiceSpec> => ({
  ...replicas(count),
  task: { restart },
});

const at0 = { condition: Condition.ANY, delay: durationFromMs(0) };

function running(spec: Partially<ServiceSpec>): Swarm {
  const swarm = new Swarm('a', 'b');
  // As SwarmKit does it: what backing off adds is in crash-loop.test.ts.
  const annotations = { labels: { 'swarmkit.restart.backoff': 'off' } };
  swarm.addService('web', { annotations, ...spec });
  swarm.run();
  swarm.settle();
  return swarm;
}

test('any: what failed and what completed is stopped and replaced in its slot', () => {
  const swarm = running(restarting(at0));
  for (const [slot, state] of [
    [1, TaskState.FAILED],
    [2, TaskState.COMPLETE],
  ] as const) {
    const old = swarm.inSlot('web', slot);
    swarm.observe(old.id, state);
    swarm.run();
    assert.equal(swarm.task(old.id).desiredState, TaskState.SHUTDOWN);
    const replacement = swarm.inSlot('web', slot);
    assert.notEqual(replacement.id, old.id);
    // Nothing to wait for: no delay, and the old one has stopped.
    assert.equal(replacement.desiredState, TaskState.RUNNING);
  }
});

test('on failure: what completed stays, and is replaced only by a change of the spec', () => {
  const swarm = running(restarting({ condition: Condition.ON_FAILURE, delay: durationFromMs(0) }));
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2]);
  const finished = swarm.inSlot('web', 2);
  swarm.observe(finished.id, TaskState.COMPLETE);
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), [1]);
  assert.equal(swarm.task(finished.id).desiredState, TaskState.SHUTDOWN);

  swarm.updateService('web', (spec) => ({ ...spec, update: undefined }));
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), [1], 'nothing that matters changed');
  swarm.setImage('web', 'busybox:2');
  swarm.run();
  // The finished one first: it has nothing to lose.
  assert.deepEqual(swarm.slots('web'), [1, 2]);
});

test('none: nothing is restarted, and a new spec replaces what stopped, one by one', () => {
  const swarm = running(restarting({ condition: Condition.NONE }));
  swarm.fail(swarm.inSlot('web', 1));
  swarm.observe(swarm.inSlot('web', 2).id, TaskState.COMPLETE);
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), []);
  swarm.setImage('web', 'busybox:2');
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1]);
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), [1, 2]);
});

test('none is also the zero value of a policy that is there; without a policy it is any', () => {
  const swarm = running(restarting({}));
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [2]);
  const other = running(replicas(1));
  other.fail(other.inSlot('web', 1));
  other.run();
  assert.deepEqual(other.slots('web'), [1]);
});

test('the replacement is prepared at once and started after the delay', () => {
  const swarm = running(restarting({ condition: Condition.ANY, delay: durationFromMs(100) }));
  swarm.fail(swarm.inSlot('web', 1));
  assert.equal(swarm.run().wakeAt, swarm.now + 100);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  swarm.advance(99);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  assert.equal(swarm.advance(1).wakeAt, undefined);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});

test('the delay is five seconds when nothing is said', () => {
  for (const spec of [replicas(1), restarting({ condition: Condition.ANY }, 1)]) {
    const swarm = running(spec);
    swarm.fail(swarm.inSlot('web', 1));
    assert.equal(swarm.run().wakeAt, swarm.now + 5000);
  }
});

test('a task that fails while it waits for its start keeps the delay', () => {
  const swarm = running(replicas(1));
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  for (let round = 0; round < 5; round += 1) {
    const waiting = swarm.inSlot('web', 1);
    swarm.advance(1000);
    swarm.observe(waiting.id, TaskState.REJECTED);
    assert.equal(swarm.run().wakeAt, swarm.now + 4000);
    assert.equal(swarm.inSlot('web', 1).id, waiting.id);
    swarm.advance(4000);
    assert.notEqual(swarm.inSlot('web', 1).id, waiting.id);
    assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  }
});

test('max attempts: a slot runs that many and one more, and each slot has its own count', () => {
  const swarm = running(restarting({ ...at0, maxAttempts: 2n }));
  for (let attempt = 0; attempt < 2; attempt += 1) {
    swarm.advance(1000);
    swarm.fail(swarm.inSlot('web', 1));
    swarm.settle();
    assert.deepEqual(swarm.slots('web'), [1, 2]);
  }
  swarm.advance(1000);
  swarm.fail(swarm.inSlot('web', 1));
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), [2]);
  swarm.fail(swarm.inSlot('web', 2));
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), [2]);
});

test('max attempts: a new leader counts the same', () => {
  const swarm = running(restarting({ ...at0, maxAttempts: 1n }, 1));
  swarm.advance(1000);
  swarm.fail(swarm.inSlot('web', 1));
  swarm.settle();
  swarm.changeLeader();
  swarm.advance(1000);
  swarm.fail(swarm.inSlot('web', 1));
  swarm.settle();
  assert.deepEqual(swarm.slots('web'), []);
});

test('max attempts: a new spec version starts a new count', () => {
  const swarm = running(restarting({ ...at0, maxAttempts: 1n }, 1));
  const failTwice = (): void => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      assert.deepEqual(swarm.slots('web'), [1]);
      swarm.advance(1000);
      swarm.fail(swarm.inSlot('web', 1));
      swarm.settle();
    }
    assert.deepEqual(swarm.slots('web'), []);
  };
  failTwice();
  swarm.setImage('web', 'busybox:2');
  swarm.settle();
  failTwice();
});

test('window: attempts outside of it are forgotten', () => {
  const swarm = running(restarting({ ...at0, maxAttempts: 1n, window: durationFromMs(500) }, 1));
  const failAfter = (ms: number): readonly number[] => {
    swarm.advance(ms);
    swarm.fail(swarm.inSlot('web', 1));
    swarm.settle();
    return swarm.slots('web');
  };
  assert.deepEqual(failAfter(100), [1], 'the first restart');
  assert.deepEqual(failAfter(600), [1], 'the first restart is outside');
  assert.deepEqual(failAfter(500), [1], 'the edge is outside');
  assert.deepEqual(failAfter(499), [], 'the last restart is inside');
});

test('no crash loop is a busy one: also when the reaper leaves no history', () => {
  const swarm = running(replicas(1));
  let made = 0;
  for (let second = 0; second < 60; second += 1) {
    swarm.advance(1000);
    swarm.work();
    const [task] = swarm.live('web');
    if (task?.desiredState === TaskState.RUNNING && task.status!.state <= TaskState.RUNNING) {
      swarm.fail(task);
      made += 1;
    }
    swarm.run();
    for (const old of swarm.tasks('web'))
      if (old.desiredState > TaskState.RUNNING) swarm.remove('task', old.id);
    swarm.run();
  }
  assert.ok(made <= 13, `${made} starts in a minute`);
});

test('a time stamp from a clock far ahead does not hold a task back for long', () => {
  const swarm = running(replicas(1));
  swarm.fail(swarm.inSlot('web', 1));
  swarm.now += 3_600_000;
  swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  swarm.now -= 3_600_000;
  swarm.changeLeader();
  swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});
