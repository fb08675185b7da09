import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { replicas, Swarm } from './swarm.js';

const DELAY_MS = 2000;

function running(labels: Record<string, string> = {}, historyLimit = 5n): Swarm {
  const swarm = new Swarm('a', 'b');
  const orchestration = { taskHistoryRetentionLimit: historyLimit };
  const spec = { annotations: { name: 'default' }, orchestration };
  swarm.write((draft) => draft.create('cluster', { id: 'c', meta: undefined, spec } as never));
  swarm.addService('web', {
    ...replicas(1),
    annotations: { labels },
    task: { restart: { condition: Condition.ANY, delay: durationFromMs(DELAY_MS) } },
  });
  swarm.run();
  swarm.settle();
  return swarm;
}

/** The live task runs for so long and fails; how long its replacement is held back. */
function crash(swarm: Swarm, runsMs = 10): number {
  const task = swarm.inSlot('web', 1);
  swarm.advance(runsMs);
  const failedAt = swarm.now;
  swarm.fail(task);
  swarm.run();
  const replacement = swarm.inSlot('web', 1);
  assert.equal(replacement.desiredState, TaskState.READY);
  // Only one task a slot is kept, as by a reaper whose history limit is 1.
  swarm.remove('task', task.id);
  swarm.changeLeader();
  while (swarm.inSlot('web', 1).desiredState === TaskState.READY) {
    const { wakeAt } = swarm.run();
    assert.ok(wakeAt !== undefined);
    swarm.advance(wakeAt - swarm.now);
  }
  const waited = swarm.now - failedAt;
  swarm.settle();
  return waited;
}

test('a crash loop: the restart delay, then more and more on top of it, up to five minutes', () => {
  const swarm = running();
  assert.equal(crash(swarm), DELAY_MS, 'the first failure costs nothing');
  for (let failures = 2; failures <= 14; failures += 1) {
    const extra = crash(swarm) - DELAY_MS;
    const longest = Math.min(300_000, 1000 * 2 ** (failures - 2));
    assert.ok(extra >= longest / 2 && extra <= longest, `${failures} failures: ${extra} ms`);
  }
});

test('what ran for a minute begins anew', () => {
  const swarm = running();
  for (let i = 0; i < 5; i += 1) crash(swarm);
  assert.equal(crash(swarm, 60_000), DELAY_MS);
  assert.ok(crash(swarm, 59_999) > DELAY_MS);
});

test('the task says how often, and when it starts', () => {
  const swarm = running();
  crash(swarm);
  assert.deepEqual(swarm.inSlot('web', 1).restartBackoff, { failures: 1, startAfter: undefined });
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  const { failures, startAfter } = swarm.inSlot('web', 1).restartBackoff!;
  assert.equal(failures, 2);
  assert.ok(timestampToMs(startAfter)! > swarm.now + DELAY_MS);
});

test('a task that can never start is a crash loop too; one that finishes is none', () => {
  const swarm = running();
  const end = (state: TaskState): Task => {
    swarm.observe(swarm.inSlot('web', 1).id, state);
    swarm.run();
    const task = swarm.inSlot('web', 1);
    swarm.advance(10_000);
    return task;
  };
  end(TaskState.REJECTED);
  assert.equal(end(TaskState.REJECTED).restartBackoff?.failures, 2);
  assert.equal(end(TaskState.COMPLETE).restartBackoff, undefined);
});

test('another spec begins anew', () => {
  const swarm = running();
  crash(swarm);
  crash(swarm);
  swarm.setImage('web', 'busybox:2');
  swarm.settle();
  assert.equal(swarm.inSlot('web', 1).restartBackoff, undefined);
  assert.equal(crash(swarm), DELAY_MS);
});

test('off by label: the restart delay alone', () => {
  const swarm = running({ 'swarmkit.restart.backoff': 'off' });
  for (let i = 0; i < 5; i += 1) assert.equal(crash(swarm), DELAY_MS);
});

test('a clock that was far ahead holds nothing back for long', () => {
  const swarm = running();
  swarm.now += 3_600_000;
  crash(swarm);
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  swarm.now -= 7_200_000;
  swarm.changeLeader();
  swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});
