import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs, timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
  type UpdateConfig,
  UpdateConfig_FailureAction as Action,
  UpdateConfig_UpdateOrder as Order,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { imageOf, replicas, Swarm, withImage, withTask } from './swarm.js';

const NEW = 'busybox:2';
const MONITOR_MS = 5000;

interface Options extends Partially<ServiceSpec> {
  readonly count?: number;
}

/** Running replicas of an old image, three of them unless you say otherwise. */
function running(update: Partially<UpdateConfig>, { count = 3, ...spec }: Options = {}): Swarm {
  const swarm = new Swarm('a', 'b');
  swarm.addService('web', { ...replicas(count), ...spec, update: { parallelism: 1n, ...update } });
  swarm.run();
  swarm.settle();
  // The spec was never updated, so there is nothing to say about an update.
  assert.equal(swarm.updateState('web'), 'none');
  swarm.now += 60_000;
  return swarm;
}

const made = (swarm: Swarm, image = NEW): readonly Task[] =>
  swarm.tasks('web').filter((task) => imageOf(task) === image);
const runningOld = (swarm: Swarm): number =>
  swarm.live('web').filter((task) => imageOf(task) !== NEW).length;

/** All agents do as they are told, once. */
const step = (swarm: Swarm): void => {
  swarm.work();
  swarm.run();
};
const begin = (swarm: Swarm): void => {
  swarm.setImage('web', NEW);
  swarm.run();
  // Nobody answers in the same millisecond.
  swarm.now += 1;
};

test('one slot at a time, the next when the new task runs; the status says so', () => {
  const swarm = running({});
  begin(swarm);
  const { updateStatus } = swarm.service('web');
  assert.equal(swarm.updateState('web'), 'UPDATING');
  assert.equal(updateStatus?.message, 'update in progress');
  assert.ok(updateStatus?.startedAt);
  for (let count = 1; count <= 3; count += 1) {
    assert.equal(made(swarm).length, count);
    const last = swarm.live('web').find((task) => imageOf(task) === NEW && task.nodeId === '')!;
    assert.equal(last.desiredState, TaskState.READY, 'the old one has not stopped');
    for (let i = 0; i < 3 && swarm.task(last.id).status!.state < TaskState.RUNNING; i += 1) {
      assert.equal(made(swarm).length, count);
      step(swarm);
    }
  }
  assert.equal(runningOld(swarm), 0);
  assert.equal(swarm.updateState('web'), 'UPDATING', 'the last ones are watched');
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  assert.equal(swarm.service('web').updateStatus?.message, 'update completed');
  assert.ok(swarm.service('web').updateStatus?.completedAt);
});

test('parallelism: that many at a time, and 0 is all at once', () => {
  for (const [parallelism, expected] of [
    [2n, 2],
    [0n, 5],
    [9n, 5],
  ] as const) {
    const swarm = running({ parallelism }, { count: 5 });
    begin(swarm);
    assert.equal(made(swarm).length, expected, `parallelism ${parallelism}`);
    swarm.settle();
    assert.equal(made(swarm).length, 5);
  }
});

test('delay: a rest after each slot, also for a new leader', () => {
  const swarm = running({ delay: durationFromMs(10_000) });
  begin(swarm);
  swarm.settle();
  assert.equal(made(swarm).length, 1);
  swarm.advance(9999);
  swarm.changeLeader();
  assert.equal(swarm.run().wakeAt, swarm.now + 1);
  assert.equal(made(swarm).length, 1);
  swarm.advance(1);
  assert.equal(made(swarm).length, 2);
});

test('stop-first: the old task is told to stop, and the new one starts when it has', () => {
  const swarm = running({}, { count: 1 });
  const old = swarm.inSlot('web', 1);
  begin(swarm);
  assert.equal(swarm.task(old.id).desiredState, TaskState.SHUTDOWN);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
  swarm.observe(old.id, TaskState.SHUTDOWN);
  swarm.run();
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.RUNNING);
});

test('stop-first: an old task that never stops is waited for one minute, a lost one not at all', () => {
  const swarm = running({}, { count: 2 });
  begin(swarm);
  assert.equal(swarm.advance(0).wakeAt, swarm.now + 59_999);
  swarm.advance(59_998);
  assert.equal(made(swarm)[0]?.desiredState, TaskState.READY);
  swarm.advance(1);
  assert.equal(made(swarm)[0]?.desiredState, TaskState.RUNNING);

  const other = running({}, { count: 1 });
  const node = other.inSlot('web', 1).nodeId;
  begin(other);
  other.setNodeState(node, NodeStatus_State.DOWN);
  other.run();
  assert.equal(made(other)[0]?.desiredState, TaskState.RUNNING);
});

test('start-first: the new task starts at once, the old one stops when it runs', () => {
  const swarm = running({ order: Order.START_FIRST }, { count: 1 });
  const old = swarm.inSlot('web', 1);
  begin(swarm);
  const [task] = made(swarm);
  assert.equal(task?.desiredState, TaskState.RUNNING);
  for (const state of [TaskState.ASSIGNED, TaskState.READY, TaskState.STARTING]) {
    swarm.observe(task!.id, state, { nodeId: 'b' });
    swarm.run();
    assert.equal(swarm.task(old.id).desiredState, TaskState.RUNNING);
  }
  swarm.observe(task!.id, TaskState.RUNNING);
  swarm.run();
  assert.equal(swarm.task(old.id).desiredState, TaskState.SHUTDOWN);
  assert.equal(swarm.inSlot('web', 1).id, task!.id);
});

test('start-first: a new task that fails leaves the old one alone, and is tried once', () => {
  const swarm = running(
    { order: Order.START_FIRST, failureAction: Action.CONTINUE },
    { count: 1, task: { restart: { condition: Condition.NONE } } },
  );
  const old = swarm.inSlot('web', 1);
  begin(swarm);
  swarm.fail(made(swarm)[0]!);
  swarm.run();
  swarm.advance(MONITOR_MS);
  swarm.settle();
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  assert.equal(swarm.task(old.id).desiredState, TaskState.RUNNING);
  assert.equal(made(swarm).length, 1);
});

test('start-first: when the restart of a failed new task runs, the old one stops after all', () => {
  const swarm = running({ order: Order.START_FIRST, failureAction: Action.CONTINUE }, { count: 1 });
  begin(swarm);
  swarm.fail(made(swarm)[0]!);
  swarm.run();
  assert.equal(runningOld(swarm), 1);
  swarm.settle();
  assert.equal(runningOld(swarm), 1);
  swarm.advance(5000);
  swarm.settle();
  assert.equal(runningOld(swarm), 0);
  assert.equal(swarm.live('web').length, 1);
});

test('start-first: an old task that fails while the new one starts is not replaced', () => {
  const swarm = running({ order: Order.START_FIRST }, { count: 1 });
  const old = swarm.inSlot('web', 1);
  begin(swarm);
  swarm.fail(old);
  swarm.run();
  assert.equal(swarm.task(old.id).desiredState, TaskState.SHUTDOWN);
  assert.equal(swarm.tasks('web').length, 2);
});

test('start-first: an old task that never started is not kept', () => {
  const swarm = running({ order: Order.START_FIRST }, { count: 1 });
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  const waiting = swarm.inSlot('web', 1);
  assert.equal(waiting.desiredState, TaskState.READY);
  swarm.now += 1;
  begin(swarm);
  assert.equal(swarm.task(waiting.id).desiredState, TaskState.SHUTDOWN);
});

test('what does not run is replaced first', () => {
  const swarm = running({}, { count: 4 });
  const third = swarm.inSlot('web', 3);
  swarm.setNodeState(third.nodeId, NodeStatus_State.UNKNOWN);
  swarm.observe(third.id, TaskState.STARTING);
  begin(swarm);
  assert.deepEqual(
    made(swarm).map((task) => task.slot),
    [3n],
  );
});

test('nothing is replaced for what no task has: replicas, policies, other credentials', () => {
  const swarm = running({});
  const before = swarm.live('web').map((task) => task.id);
  swarm.updateService('web', (spec) => ({
    ...spec,
    update: undefined,
    annotations: { ...spec.annotations!, labels: { tier: 'web' } },
  }));
  swarm.run();
  swarm.updateService('web', (spec) =>
    withTask(spec, (task) => ({
      ...task,
      runtime: {
        ...task.runtime!,
        value: { ...task.runtime!.value, pullOptions: { registryAuth: 'secret' } },
      } as typeof task.runtime,
    })),
  );
  swarm.run();
  assert.deepEqual(
    swarm.live('web').map((task) => task.id),
    before,
  );
  assert.equal(swarm.updateState('web'), 'none');
});

test('constraints that every node meets keep the tasks; others replace those that must go', () => {
  const swarm = running({}, { count: 2 });
  swarm.setLabel('a', 'disk', 'ssd');
  const on = (node: string) => swarm.onNode('web', node).map((task) => imageOf(task));
  assert.equal(on('a').length, 1);
  const constrain = (constraint: string): void => {
    swarm.updateService('web', (spec) =>
      withTask(spec, (task) => ({
        ...task,
        placement: {
          ...task.placement!,
          constraints: [constraint],
          platforms: [],
          preferences: [],
          maxReplicas: 0n,
        },
      })),
    );
    swarm.run();
  };
  const before = swarm.live('web').map((task) => task.id);
  constrain('node.role==worker');
  assert.deepEqual(
    swarm.live('web').map((task) => task.id),
    before,
  );
  constrain('node.labels.disk==ssd');
  assert.equal(on('a').length, 1);
  assert.equal(on('b').length, 0);
  assert.equal(swarm.updateState('web'), 'UPDATING');
});

test('another update in the middle goes on from where things are', () => {
  const swarm = running({ parallelism: 1n }, { count: 3 });
  begin(swarm);
  step(swarm);
  swarm.setImage('web', 'busybox:3');
  swarm.run();
  // The slot that was under way first: it does not run.
  assert.deepEqual(
    made(swarm, 'busybox:3').map((task) => task.slot),
    [1n],
  );
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  assert.ok(swarm.live('web').every((task) => imageOf(task) === 'busybox:3'));
});

test('a scale-down in the middle of an update does not lose its way', () => {
  const swarm = running({}, { count: 4 });
  begin(swarm);
  swarm.scale('web', 2);
  swarm.run();
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.live('web').length, 2);
  assert.ok(swarm.live('web').every((task) => imageOf(task) === NEW));
  assert.equal(swarm.updateState('web'), 'COMPLETED');
});

test('a new task that cannot be placed holds the update where it is', () => {
  const swarm = running({}, { count: 3 });
  begin(swarm);
  for (const task of swarm.tasks('web'))
    if (task.desiredState === TaskState.SHUTDOWN) swarm.observe(task.id, TaskState.SHUTDOWN);
  swarm.run();
  assert.equal(swarm.advance(3_600_000).changes.length, 0);
  assert.equal(made(swarm).length, 1);
  assert.equal(runningOld(swarm), 2);
});

test('failure, pause: no more slots, and it stays so until somebody asks for something else', () => {
  const swarm = running({ failureAction: Action.PAUSE }, { count: 3 });
  begin(swarm);
  step(swarm);
  const [task] = made(swarm);
  swarm.fail(task!);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.equal(
    swarm.service('web').updateStatus?.message,
    `update paused due to failure or early termination of task ${task!.id}`,
  );
  swarm.advance(MONITOR_MS * 10);
  swarm.settle();
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.equal(runningOld(swarm), 2);

  swarm.updateService('web', (spec) => ({
    ...spec,
    update: { ...spec.update!, failureAction: Action.CONTINUE },
  }));
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  assert.equal(runningOld(swarm), 0);
});

test('failure: what fails after it was watched is for the restart policy alone', () => {
  const swarm = running({ failureAction: Action.PAUSE, delay: durationFromMs(1_000_000) });
  begin(swarm);
  swarm.settle();
  swarm.advance(999_000);
  swarm.fail(made(swarm)[0]!);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
});

test('failure: what another update made is not counted, and what was lost with its node is not one', () => {
  const swarm = running({ failureAction: Action.PAUSE, delay: durationFromMs(30_000) });
  begin(swarm);
  swarm.settle();
  const [first] = made(swarm);
  // The same tasks are wanted, at another pace: the first slot is up to date already.
  swarm.updateService('web', (spec) => ({
    ...spec,
    update: { ...spec.update!, delay: durationFromMs(1000) },
  }));
  swarm.advance(2000);
  swarm.settle();
  swarm.now += 1;
  swarm.fail(first!);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
  swarm.removeNode(made(swarm)[1]!.nodeId);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
});

test('failure: up to the ratio is borne, more is not', () => {
  const swarm = running(
    // As it comes off the wire: a 32-bit float, here a little less than 5/6.
    { failureAction: Action.PAUSE, parallelism: 0n, maxFailureRatio: Math.fround(5 / 6) },
    { count: 6, task: { restart: { condition: Condition.NONE } } },
  );
  begin(swarm);
  for (const task of made(swarm).slice(1)) swarm.fail(task);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
  swarm.fail(made(swarm)[0]!);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'PAUSED');
});

test('failure: a slot that fails until its history is full is not cleared of blame', () => {
  const restart = { condition: Condition.ANY, delay: durationFromMs(0), maxAttempts: 2n };
  const swarm = running(
    { failureAction: Action.PAUSE, maxFailureRatio: 0.5 },
    { count: 3, task: { restart } },
  );
  begin(swarm);
  const failIn = (slot: number): void => {
    const newest = () => swarm.tasks('web').findLast((task) => Number(task.slot) === slot)!;
    for (let i = 0; i < 10 && newest().status?.state !== TaskState.RUNNING; i += 1) {
      swarm.now += 10;
      step(swarm);
    }
    swarm.fail(newest());
    swarm.run();
    // As the reaper does: as many are kept as there are attempts.
    const kept = swarm.tasks('web').filter((task) => Number(task.slot) === slot);
    for (const task of kept.slice(0, -3)) swarm.remove('task', task.id);
    swarm.run();
  };
  for (let attempt = 0; attempt < 3; attempt += 1) failIn(1);
  assert.ok(made(swarm).filter(({ slot }) => slot === 1n).length === 3, 'nothing old is left');
  assert.equal(swarm.updateState('web'), 'UPDATING', 'one of three is borne');
  failIn(2);
  assert.equal(swarm.updateState('web'), 'PAUSED', 'two are not');
});

test('a slot whose old task was forgotten while the new one comes up is under way', () => {
  const restart = { condition: Condition.ANY, delay: durationFromMs(0), maxAttempts: 1n };
  const swarm = running({}, { count: 2, task: { restart } });
  const before = imageOf(swarm.inSlot('web', 1));
  // Slot 1 has been at the new image once, and is at another one now.
  swarm.setImage('web', NEW);
  swarm.settle();
  swarm.advance(MONITOR_MS * 2);
  swarm.setImage('web', before);
  swarm.settle();
  swarm.advance(MONITOR_MS * 2);
  begin(swarm);
  const tried = swarm.live('web').find((task) => imageOf(task) === NEW)!;
  // Reapers go by the time when tasks ended: the one in the middle may go first.
  for (const task of swarm.tasks('web'))
    if (task.slot === tried.slot && imageOf(task) !== NEW) swarm.remove('task', task.id);
  swarm.run();
  const inUse = swarm.live('web').filter((task) => imageOf(task) === NEW);
  assert.deepEqual(
    inUse.map(({ id }) => id),
    [tried.id],
    'the other slot waits',
  );
  swarm.settle();
  assert.equal(runningOld(swarm), 0);
});

/** Never two in a row, so that some of the new tasks run. */
function failEveryOther(swarm: Swarm, image: string): void {
  let failLast = true;
  const seen = new Set<string>();
  while (swarm.updateState('web') === 'UPDATING') {
    swarm.advance(10);
    for (const task of swarm.live('web')) {
      if (seen.has(task.id) || imageOf(task) !== image) continue;
      if (task.desiredState !== TaskState.RUNNING) continue;
      seen.add(task.id);
      if (failLast) swarm.fail(task);
      failLast = !failLast;
    }
    swarm.run();
    swarm.work();
    swarm.run();
  }
}

const rollingBack = (rollback: Action): Swarm =>
  running(
    { failureAction: Action.ROLLBACK, parallelism: 1n, maxFailureRatio: 0.4 },
    {
      count: 4,
      task: { restart: { condition: Condition.NONE } },
      rollback: { failureAction: rollback, parallelism: 1n, maxFailureRatio: 0.4 },
    },
  );

test('failure, rollback: three new tasks, then three of the old kind, and it is over', () => {
  const swarm = rollingBack(Action.PAUSE);
  const before = swarm.service('web');
  const old = imageOf(swarm.inSlot('web', 1));
  begin(swarm);
  const oldOnes = made(swarm, old).length;
  failEveryOther(swarm, NEW);
  assert.equal(made(swarm).length, 3);
  swarm.settle();
  assert.equal(made(swarm, old).length - oldOnes, 3);
  assert.equal(swarm.updateState('web'), 'ROLLBACK_STARTED');
  swarm.advance(MONITOR_MS);
  const after = swarm.service('web');
  assert.equal(swarm.updateState('web'), 'ROLLBACK_COMPLETED');
  assert.equal(after.updateStatus?.message, 'rollback completed');
  assert.deepEqual(after.spec, before.spec);
  assert.deepEqual(after.specVersion, before.specVersion);
  assert.equal(after.previousSpec, undefined);
  assert.equal(swarm.live('web').length, 4);
  assert.ok(swarm.live('web').every((task) => imageOf(task) === old));
});

test('failure, rollback that fails too: it pauses, or goes on where it was told to', () => {
  for (const [action, state] of [
    [Action.PAUSE, 'ROLLBACK_PAUSED'],
    [Action.CONTINUE, 'ROLLBACK_COMPLETED'],
    [Action.ROLLBACK, 'ROLLBACK_PAUSED'],
  ] as const) {
    const swarm = rollingBack(action);
    const old = imageOf(swarm.inSlot('web', 1));
    begin(swarm);
    failEveryOther(swarm, NEW);
    assert.equal(swarm.updateState('web'), 'ROLLBACK_STARTED');
    const before = made(swarm, old).length;
    for (let round = 0; round < 20; round += 1) {
      swarm.advance(10);
      for (const task of swarm.live('web'))
        if (imageOf(task) === old && task.status!.state < TaskState.RUNNING) swarm.fail(task);
      swarm.run();
    }
    swarm.advance(MONITOR_MS * 2);
    assert.equal(swarm.updateState('web'), state);
    assert.ok(made(swarm, old).length - before <= 1, 'each slot is tried once');
  }
});

test('failure, rollback: what failed in an earlier update does not count', () => {
  const action = { failureAction: Action.ROLLBACK, parallelism: 2n };
  const swarm = running(action, { count: 2, rollback: { parallelism: 1n } });
  swarm.updateService('web', (spec) => ({
    ...withImage(spec, 'busybox:1'),
    update: { ...spec.update!, failureAction: Action.CONTINUE },
  }));
  swarm.run();
  // Slot 2 fails once on its way to the spec that will be the previous one.
  swarm.fail(swarm.inSlot('web', 2));
  swarm.advance(10_000);
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  swarm.settle();
  swarm.advance(60_000);
  swarm.updateService('web', (spec) => ({
    ...withImage(spec, NEW),
    update: { ...spec.update!, failureAction: Action.ROLLBACK, parallelism: 1n },
  }));
  swarm.run();
  swarm.now += 1;
  swarm.fail(made(swarm)[0]!);
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'ROLLBACK_COMPLETED');
});

test('failure, rollback that a person asked for: it pauses, and does not roll forward again', () => {
  const swarm = running({}, { count: 2, rollback: { failureAction: Action.ROLLBACK } });
  begin(swarm);
  swarm.settle();
  swarm.advance(MONITOR_MS);
  swarm.write((draft) => {
    const service = draft.get('service', 'web')!;
    return draft.update('service', {
      ...service,
      spec: service.previousSpec,
      specVersion: service.previousSpecVersion,
      previousSpec: service.spec,
      previousSpecVersion: service.specVersion,
      updateStatus: {
        state: UpdateStatus_UpdateState.ROLLBACK_STARTED,
        startedAt: timestampFromMs(swarm.now),
        completedAt: undefined,
        message: 'manually requested rollback',
      },
    });
  });
  swarm.run();
  swarm.now += 1;
  swarm.fail(swarm.inSlot('web', 1));
  swarm.run();
  assert.equal(swarm.updateState('web'), 'ROLLBACK_PAUSED');
});

test('failure, rollback without a previous spec: it pauses', () => {
  const swarm = running({ failureAction: Action.ROLLBACK }, { count: 2 });
  begin(swarm);
  swarm.write((draft) =>
    draft.update('service', { ...draft.get('service', 'web')!, previousSpec: undefined }),
  );
  swarm.fail(made(swarm)[0]!);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'PAUSED');
});

test('a history that keeps nothing does not make the update hasty', () => {
  const swarm = running({}, { count: 3 });
  swarm.write((draft) => {
    const cluster = {
      id: 'cluster',
      meta: undefined,
      spec: { annotations: { name: 'default' }, orchestration: { taskHistoryRetentionLimit: 0n } },
    };
    draft.create('cluster', cluster as never);
  });
  begin(swarm);
  for (const task of swarm.tasks('web'))
    if (task.desiredState === TaskState.SHUTDOWN) swarm.remove('task', task.id);
  swarm.run();
  swarm.run();
  assert.equal(made(swarm).length, 1, 'the new one does not run yet');
  assert.equal(runningOld(swarm), 2);
});

test('failure: the monitor period begins when the task is seen running, be its start long or short', () => {
  const outcome = (startsAfterMs: number, runsForMs: number): string => {
    const swarm = running({ monitor: durationFromMs(2000) }, { count: 2 });
    begin(swarm);
    const [task] = made(swarm);
    swarm.observe(task!.id, TaskState.PREPARING, { nodeId: 'a' });
    swarm.advance(startsAfterMs);
    swarm.observe(task!.id, TaskState.RUNNING);
    swarm.advance(runsForMs);
    swarm.fail(task!);
    swarm.run();
    return swarm.updateState('web');
  };
  assert.equal(outcome(1_200_000, 2000), 'PAUSED', 'twenty minutes to start, two seconds to fail');
  assert.equal(outcome(10, 2001), 'UPDATING', 'it ran longer than it was watched');
});

test('failure: what never ran counts, however long it took to fail', () => {
  const swarm = running({}, { count: 2 });
  begin(swarm);
  const [task] = made(swarm);
  swarm.observe(task!.id, TaskState.PREPARING, { nodeId: 'a' });
  swarm.advance(3_600_000);
  swarm.observe(task!.id, TaskState.REJECTED);
  swarm.run();
  assert.equal(swarm.updateState('web'), 'PAUSED');
});

const withLabel = (label: string, value: string): Partially<ServiceSpec> => ({
  annotations: { labels: { [label]: value } },
});
const DEADLINE = 'swarmkit.update.progress-deadline';

test('progress deadline: a new task that does not run pauses the update and tells why; the next begins anew', () => {
  const swarm = running({}, { count: 2, ...withLabel(DEADLINE, '90s') });
  begin(swarm);
  const [task] = made(swarm);
  swarm.write((draft) => {
    const waiting = draft.get('task', task!.id)!;
    const status = { ...waiting.status!, err: 'no suitable node (1 node not available)' };
    draft.update('task', { ...waiting, status });
  });
  const { startedAt } = swarm.service('web').updateStatus!;
  swarm.advance(89_998);
  swarm.changeLeader();
  assert.equal(swarm.run().wakeAt, swarm.now + 1);
  assert.equal(swarm.updateState('web'), 'UPDATING');
  swarm.advance(1);
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.deepEqual(swarm.service('web').updateStatus, {
    state: UpdateStatus_UpdateState.PAUSED,
    startedAt,
    completedAt: undefined,
    message: `update paused: task ${task!.id} does not run after 90 s (no suitable node (1 node not available))`,
  });
  swarm.advance(3_600_000);
  assert.equal(made(swarm).length, 1, 'paused');
  // The same task spec once more: the task that waits gets its time again.
  swarm.updateService('web', (spec) => ({ ...spec, update: { ...spec.update!, parallelism: 2n } }));
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
  swarm.settle();
  swarm.advance(MONITOR_MS);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
});

test('progress deadline: it holds for a rollback too, and what runs in time meets it', () => {
  const swarm = running({}, { count: 1, ...withLabel(DEADLINE, '10s') });
  begin(swarm);
  swarm.settle();
  swarm.advance(60_000);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
  swarm.write((draft) => {
    const service = draft.get('service', 'web')!;
    draft.update('service', {
      ...service,
      spec: service.previousSpec,
      specVersion: service.previousSpecVersion,
      previousSpec: service.spec,
      previousSpecVersion: service.specVersion,
      updateStatus: {
        state: UpdateStatus_UpdateState.ROLLBACK_STARTED,
        startedAt: timestampFromMs(swarm.now),
        completedAt: undefined,
        message: 'manually requested rollback',
      },
    });
  });
  swarm.run();
  swarm.advance(10_000);
  assert.equal(swarm.updateState('web'), 'ROLLBACK_PAUSED');
  assert.match(
    swarm.service('web').updateStatus!.message,
    /^rollback paused: task \w+ does not run/,
  );
});

test('an update that can never end, from a spec that nobody checked, pauses before it touches anything', () => {
  const swarm = running(
    { order: Order.START_FIRST },
    {
      count: 2,
      endpoint: { ports: [{ publishedPort: 80, publishMode: 1, protocol: 0, targetPort: 80 }] },
    },
  );
  begin(swarm);
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.equal(
    swarm.service('web').updateStatus?.message,
    'update paused: start-first needs room for 3 tasks, but host port 80 can be used once on a node, and there are 2 nodes for them',
  );
  assert.equal(made(swarm).length, 0);
});

test('a delay as long as the monitor period: the last tasks are watched a second longer than the delay', () => {
  const swarm = running({ delay: durationFromMs(MONITOR_MS) }, { count: 1 });
  begin(swarm);
  swarm.settle();
  swarm.advance(MONITOR_MS + 999);
  assert.equal(swarm.updateState('web'), 'UPDATING');
  swarm.advance(1);
  assert.equal(swarm.updateState('web'), 'COMPLETED');
});

test('progress deadline of nothing: the update pauses in the run that begins it, and is silent where a task is', () => {
  const swarm = running({}, { count: 1, ...withLabel(DEADLINE, '0s') });
  begin(swarm);
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.match(swarm.service('web').updateStatus!.message, /does not run after 0 s \(created\)$/);

  const silent = running({}, { count: 1, ...withLabel(DEADLINE, '10s') });
  begin(silent);
  silent.write((draft) => {
    const task = draft.get('task', made(silent)[0]!.id)!;
    draft.update('task', { ...task, status: { ...task.status!, message: '' } });
  });
  silent.advance(10_000);
  assert.match(silent.service('web').updateStatus!.message, /does not run after 10 s$/);
});

test('what a new leader made counts as under way, also when its clock says that it is older than what it replaced', () => {
  const swarm = running({ parallelism: 2n, order: Order.START_FIRST });
  begin(swarm);
  const late = made(swarm);
  assert.equal(late.length, 2);
  swarm.changeLeader();
  swarm.now -= 500;
  swarm.setImage('web', 'busybox:3');
  swarm.run();
  swarm.now += 1;
  swarm.run();
  const underWay = made(swarm, 'busybox:3');
  assert.equal(underWay.length, 2);
  for (const task of late) assert.equal(swarm.task(task.id).desiredState, TaskState.SHUTDOWN);
  swarm.now += 60_000;
  swarm.settle();
  assert.deepEqual(
    swarm.live('web').map((task) => imageOf(task)),
    ['busybox:3', 'busybox:3', 'busybox:3'],
  );
});
