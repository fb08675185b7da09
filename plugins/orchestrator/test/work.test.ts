import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { dirtyOf, runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { TaskState, UpdateConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { orchestrate } from '../core/orchestrate.js';
import { Orchestrator } from '../shell/orchestrator.js';
import { anyone, imageOf, replicas, Swarm, withImage } from './swarm.js';

/** How much is read for a change depends on what changed, not on the size of the cluster. */

/** How many tasks one run, shown these commits, is handed by the store. */
function tasksRead(swarm: Swarm, act: () => void): number {
  const before = swarm.store.commits.length;
  act();
  const dirty = dirtyOf(swarm.store.commits.slice(before));
  let read = 0;
  swarm.store.updateNow(anyone, (draft) => {
    const counting: Draft = Object.assign(Object.create(draft) as Draft, {
      get: (kind: ObjectKind, id: string) => draft.get(kind, id),
      slots: (serviceId: string) => draft.slots(serviceId),
      find: (kind: ObjectKind, by: Parameters<Draft['find']>[1]) => {
        const found = draft.find(kind, by);
        if (kind === 'task') read += found.length;
        return found;
      },
    });
    orchestrate({ draft: counting, now: swarm.now, id: () => `new${read}`, dirty }, 500);
  });
  return read;
}

const SERVICES = 50;
const TASKS = 5;

function crowded(): Swarm {
  const swarm = new Swarm('a', 'b', 'c');
  for (let i = 0; i < SERVICES; i += 1) {
    const service = swarm.addService(`service${i}`, replicas(TASKS));
    swarm.store.seed({
      task: Array.from({ length: TASKS }, (_, slot) =>
        aTaskOf(service, { slot: BigInt(slot + 1), nodeId: slot % 2 === 0 ? 'a' : 'b' }),
      ),
    });
  }
  swarm.run();
  return swarm;
}

test('a failed task costs a look at its slot', () => {
  const swarm = crowded();
  const read = tasksRead(swarm, () => swarm.fail(swarm.inSlot('service7', 1)));
  assert.equal(read, 1);
});

test('a node that changes without consequence costs a look at its tasks', () => {
  const swarm = crowded();
  const onA = swarm.store.view().find('task', { by: 'node', id: 'a' }).length;
  assert.equal(
    tasksRead(swarm, () => swarm.setLabel('a', 'disk', 'ssd')),
    onA,
  );
  assert.equal(
    tasksRead(swarm, () => swarm.setLabel('c', 'disk', 'ssd')),
    0,
  );
});

test('time alone costs a look at what waits', () => {
  const swarm = crowded();
  swarm.fail(swarm.inSlot('service7', 1));
  swarm.run();
  assert.equal(
    tasksRead(swarm, () => undefined),
    1,
  );
  swarm.now += 5000;
  assert.equal(
    tasksRead(swarm, () => undefined),
    1 + 2,
  );
});

/** New tasks by service in each run until nothing is left. */
function bitByBit(store: FakeStore, limit: number): readonly Readonly<Record<string, number>>[] {
  const runner = new StageRunner(store, new Orchestrator(limit));
  const runs: Record<string, number>[] = [];
  for (;;) {
    const { changes, unfinished } = runner.run();
    const counts: Record<string, number> = {};
    for (const { kind, object } of changes)
      if (kind === 'task') counts[object.serviceId] = (counts[object.serviceId] ?? 0) + 1;
    runs.push(counts);
    if (unfinished.length === 0) return runs;
  }
}

test('a run makes so many changes and no more, the same for each service, and the next goes on', () => {
  const service = (id: string, count: number) => aService({ id, spec: replicas(count) });
  const store = new FakeStore();
  store.seed({ service: [service('big', 70), service('other', 40), service('small', 3)] });
  assert.deepEqual(bitByBit(store, 60), [
    { big: 20, other: 20, small: 3 },
    { big: 30, other: 20 },
    { big: 20 },
  ]);
  store.updateNow(anyone, (draft) => draft.remove('service', 'big'));
  assert.deepEqual(bitByBit(store, 60).slice(0, 2), [{ big: 20 }, { big: 50 }]);
});

/** A service that has so many slots, each with so much history. */
function aged(slots: number, history: number): Swarm {
  const swarm = new Swarm('a', 'b');
  const service = swarm.addService('web', replicas(slots));
  const inSlot = (slot: number, more: Parameters<typeof aTaskOf>[1]) =>
    aTaskOf(service, { slot: BigInt(slot + 1), nodeId: slot % 2 === 0 ? 'a' : 'b', ...more });
  const over = { desiredState: TaskState.SHUTDOWN, status: { state: TaskState.SHUTDOWN } };
  swarm.store.seed({
    task: Array.from({ length: slots }, (_, slot) => [
      ...Array.from({ length: history }, () => inSlot(slot, over)),
      inSlot(slot, {}),
    ]).flat(),
  });
  swarm.run();
  return swarm;
}

const scaleTo = (count: number) => (swarm: Swarm) =>
  swarm.updateService('web', (spec) => ({ ...spec, ...replicas(count) }) as typeof spec);

test('what is read for a change grows neither with the slots of the service nor with their history', () => {
  for (const [what, act, expected] of [
    ['one more replica', scaleTo(21), () => 0],
    ['a status', (swarm) => swarm.observe(swarm.inSlot('web', 3).id, TaskState.RUNNING), () => 0],
    ['a failure', (swarm) => swarm.fail(swarm.inSlot('web', 3)), (history) => 1 + history],
  ] as readonly (readonly [string, (swarm: Swarm) => unknown, (history: number) => number])[])
    for (const history of [0, 4]) {
      const swarm = aged(20, history);
      assert.equal(
        tasksRead(swarm, () => void act(swarm)),
        expected(history),
        `${what}, ${history} old tasks a slot`,
      );
    }
});

test('a step of an update reads what is under way and what comes next, however large and old the service', () => {
  const costs = [
    [40, 0],
    [40, 4],
    [400, 4],
  ].map(([slots = 0, history = 0]) => {
    const swarm = aged(slots, history);
    swarm.updateService('web', (spec) => ({
      ...withImage(spec, 'other'),
      update: UpdateConfig.fromPartial({ parallelism: 3n, monitor: { seconds: 2n } }),
    }));
    const steps: number[] = [tasksRead(swarm, () => undefined)];
    for (let step = 0; step < 9; step += 1) {
      swarm.work();
      swarm.run();
      swarm.now += 700;
      steps.push(tasksRead(swarm, () => undefined));
    }
    return { most: Math.max(...steps), history };
  });
  // Three under way, what they rest and are watched in a second of, and three more; each with its history.
  for (const { most, history } of costs) assert.ok(most <= 12 * (2 + history), `${most} tasks`);
  assert.equal(costs[1]?.most, costs[2]?.most);
});

test('a paused update and one that a person has to continue cost a look at what moves', () => {
  const read = [0, 4].map((history) => {
    const swarm = aged(40, history);
    swarm.updateService('web', (spec) => withImage(spec, 'other'));
    swarm.run();
    swarm.advance(1000);
    swarm.fail(swarm.tasks('web').find((task) => imageOf(task) === 'other')!);
    swarm.run();
    assert.equal(swarm.updateState('web'), 'PAUSED');
    return tasksRead(swarm, () => swarm.fail(swarm.inSlot('web', 30))) - 2 * history;
  });
  assert.ok(Math.max(...read) <= 6, String(read));
});

test('a completed task of a job costs a look at what moves, however many were completed before', () => {
  const read = [30, 300].map((completed) => {
    const swarm = new Swarm('a');
    const value = { maxConcurrent: 4n, totalCompletions: BigInt(completed + 50) };
    const service = swarm.addService('job', { mode: { $case: 'replicatedJob', value } });
    const task = (slot: number, state: TaskState) =>
      aTaskOf(service, {
        slot: BigInt(slot),
        nodeId: 'a',
        desiredState: TaskState.COMPLETE,
        jobIteration: { index: 0n },
        status: { state },
      });
    swarm.store.seed({
      task: Array.from({ length: completed }, (_, slot) => task(slot, TaskState.COMPLETE)),
    });
    swarm.run();
    assert.equal(swarm.slots('job').at(-1), completed + 3);
    swarm.work();
    swarm.work();
    return tasksRead(swarm, () =>
      swarm.observe(swarm.inSlot('job', completed + 1).id, TaskState.COMPLETE),
    );
  });
  // Slot 0 is always looked at.
  assert.deepEqual(read, [1, 1]);
});

test('numbers in use are left out, however they lie, when more slots are filled', () => {
  const swarm = aged(4, 0);
  swarm.fail(swarm.inSlot('web', 2));
  scaleTo(7)(swarm);
  swarm.run();
  assert.deepEqual(swarm.slots('web'), [1, 2, 3, 4, 5, 6, 7]);
});

test('a slot out of date among others that are not: all of them are read, since an update begins', () => {
  const swarm = new Swarm('a');
  const service = swarm.addService('web', replicas(3));
  const old = { specVersion: { index: 0n }, spec: { forceUpdate: 7n } };
  const waiting = { ...old, desiredState: TaskState.READY, status: { state: TaskState.READY } };
  swarm.store.seed({
    task: [1n, 2n, 3n].map((slot) =>
      aTaskOf(service, { slot, nodeId: 'a', ...(slot === 3n ? waiting : {}) }),
    ),
  });
  swarm.run();
  assert.equal(swarm.updateState('web'), 'UPDATING');
  assert.deepEqual(swarm.slots('web'), [1, 2, 3]);
});

test('a run reads so many slots and no more, and nobody is always last', () => {
  const store = new FakeStore();
  const everywhere = (id: string) =>
    aService({ id, spec: { mode: { $case: 'global', value: {} } } });
  store.seed({
    node: Array.from({ length: 60 }, (_, at) => aNode({ id: `n${at}` })),
    service: ['a', 'b', 'c'].map(everywhere),
  });
  while (runStage(store, new Orchestrator(1000)).changes.length > 0);
  const left = ['a', 'b', 'c'].map((first) => {
    store.index = BigInt(parseInt(first, 36));
    return runStage(store, new Orchestrator(1)).unfinished.map(({ id }) => id);
  });
  assert.deepEqual(left, [
    ['b', 'c'],
    ['c', 'a'],
    ['a', 'b'],
  ]);
  const slow = new StageRunner(store, new Orchestrator(1));
  let runs = 1;
  while (slow.run().unfinished.length > 0) runs += 1;
  assert.equal(runs, 3);
});

test('a removed service costs a run what it can take away, not all that there is', () => {
  for (const history of [0, 4]) {
    const swarm = aged(600, history);
    const read = tasksRead(swarm, () => swarm.remove('service', 'web'));
    assert.ok(read <= 501 + history, `${read} tasks were read`);
    const runner = new StageRunner(swarm.store, swarm.orchestrator);
    while (runner.run({ now: swarm.now }).unfinished.length > 0);
    for (const task of swarm.tasks('web')) assert.equal(task.desiredState, TaskState.REMOVE);
  }
});
