import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs, timestampFromMs } from '@swarmkit/sdk/model/time';
import { aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import {
  type RestartPolicy,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Orchestrator } from '../shell/orchestrator.js';
import { imageOf, replicas, Swarm, withImage } from './swarm.js';

const { COMPLETE, FAILED, READY, REJECTED, RUNNING, SHUTDOWN } = TaskState;

function job(at: number, total: number, restart: Partial<RestartPolicy> = {}): Swarm {
  const swarm = new Swarm('a', 'b');
  swarm.addService('job', {
    mode: {
      $case: 'replicatedJob',
      value: { maxConcurrent: BigInt(at), totalCompletions: BigInt(total) },
    },
    task: {
      restart: { condition: Condition.ON_FAILURE, delay: durationFromMs(1000), ...restart },
    },
  });
  swarm.run();
  swarm.settle();
  return swarm;
}

test('each failing task of a job is restarted in its own slot, and no other slot is filled beside it', () => {
  const swarm = job(3, 9);
  for (const [slot, state] of [
    [0, FAILED],
    [2, REJECTED],
  ] as const) {
    const failed = swarm.inSlot('job', slot);
    swarm.observe(failed.id, state);
    swarm.run();
    assert.equal(swarm.task(failed.id).desiredState, SHUTDOWN);
    assert.equal(swarm.inSlot('job', slot).desiredState, READY);
  }
  assert.deepEqual(swarm.slots('job'), [0, 1, 2]);
  assert.equal(swarm.tasks('job').length, 5);
});

test('what failed and waits for its restart counts as running: the job makes nothing in its place', () => {
  const swarm = job(2, 9);
  swarm.fail(swarm.inSlot('job', 0));
  swarm.run();
  assert.deepEqual(swarm.slots('job'), [0, 1]);
  swarm.observe(swarm.inSlot('job', 1).id, COMPLETE);
  swarm.run();
  // Slot 1 is done, 0 waits: one more may run.
  assert.deepEqual(swarm.slots('job'), [0, 1, 2]);
  assert.equal(swarm.inSlot('job', 0).desiredState, READY);
  swarm.advance(1000);
  assert.equal(swarm.inSlot('job', 0).desiredState, COMPLETE);
});

test('slots of tasks that were told to stop are the first to be used again', () => {
  const swarm = job(3, 9);
  for (const slot of [0, 2])
    swarm.observe(swarm.inSlot('job', slot).id, RUNNING, { desiredState: SHUTDOWN });
  swarm.run();
  assert.deepEqual(swarm.slots('job'), [0, 1, 2]);
  assert.equal(swarm.tasks('job').length, 5);
});

test('the last completions: no more tasks than are missing', () => {
  const swarm = job(4, 5);
  for (const slot of [0, 1, 2]) swarm.observe(swarm.inSlot('job', slot).id, COMPLETE);
  swarm.run();
  // Three are done, one runs: one more and no four.
  assert.deepEqual(swarm.slots('job'), [0, 1, 2, 3, 4]);
});

test('a job may run one task and as many more as it has attempts, and then rests', () => {
  for (const [maxAttempts, expected] of [
    [1n, 2],
    [3n, 4],
  ] as const) {
    const swarm = job(1, 1, { maxAttempts });
    for (let i = 0; i < 10; i++) {
      for (const task of swarm.live('job')) if (task.status!.state <= RUNNING) swarm.fail(task);
      swarm.run();
      // Longer than any restart delay, also that of a crash loop.
      swarm.advance(600_000);
      swarm.settle();
    }
    assert.equal(swarm.tasks('job').length, expected, `${maxAttempts} attempts`);
    assert.equal(swarm.run().wakeAt, undefined);
  }
});

test('a job that has too many tasks, or no numbers at all, holds up no other service', () => {
  const swarm = new Swarm('a');
  const crowded = swarm.addService('crowded', {
    mode: { $case: 'replicatedJob', value: { maxConcurrent: 1n, totalCompletions: 1n } },
  });
  swarm.store.seed({
    task: [0n, 1n, 2n].map((slot) =>
      aTaskOf(crowded, { slot, desiredState: COMPLETE, jobIteration: { index: 0n } }),
    ),
  });
  swarm.addService('empty', {
    mode: { $case: 'replicatedJob', value: { maxConcurrent: 0n, totalCompletions: 0n } },
  });
  swarm.write((draft) =>
    draft.update('service', { ...draft.get('service', 'empty')!, jobStatus: undefined }),
  );
  swarm.addService('web', replicas(2));
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2]);
  assert.equal(swarm.tasks('crowded').length, 3);
  assert.deepEqual(swarm.tasks('empty'), []);
});

test('a large job that is rolled back goes on whatever fails before all of it was made again', () => {
  const swarm = new Swarm('a', 'b');
  const slowly = new StageRunner(swarm.store, new Orchestrator(10));
  const run = () =>
    slowly.run({ now: swarm.now, id: () => `t${swarm.tasks('job').length}.${made++}` });
  let made = 0;
  swarm.addService('job', {
    mode: { $case: 'replicatedJob', value: { maxConcurrent: 30n, totalCompletions: 30n } },
    task: { restart: { condition: Condition.ON_FAILURE, delay: durationFromMs(0) } },
  });
  while (run().unfinished.length > 0);
  swarm.observe(swarm.inSlot('job', 1).id, COMPLETE);
  swarm.updateService('job', (spec) => withImage(spec, 'another'));
  swarm.write((draft) =>
    draft.update('service', {
      ...draft.get('service', 'job')!,
      updateStatus: {
        state: UpdateStatus_UpdateState.ROLLBACK_STARTED,
        message: 'manually requested rollback',
        startedAt: timestampFromMs(swarm.now),
        completedAt: undefined,
      },
    }),
  );
  const ofRollback = () => swarm.live('job').filter((task) => imageOf(task) === 'another');
  const inSlotOne = () => ofRollback().find(({ slot }) => slot === 1n);
  while (inSlotOne() === undefined) run();
  assert.ok(ofRollback().length < 30, 'all at once');
  swarm.now += 1000;
  swarm.fail(inSlotOne()!);
  for (let runs = 0; run().unfinished.length > 0; runs += 1) assert.ok(runs < 20, 'stuck');
  assert.equal(ofRollback().length, 30);
  assert.equal(swarm.updateState('job'), 'ROLLBACK_COMPLETED');
});
