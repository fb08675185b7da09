/**
 * Random walks through the life of a small cluster. `Swarm.run` checks every single run for
 * determinism, idempotence and precise dirty sets; here are the promises about slots that hold at any
 * time, and that everything comes right in bounded time once nothing goes wrong any more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTaskDirty } from '@swarmkit/sdk/model/dirty-task';
import { isGlobal, isJob, observedState } from '@swarmkit/sdk/model/task';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { describeTask, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, type ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
  UpdateConfig_FailureAction as Action,
  UpdateConfig_UpdateOrder as Order,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { SlowSwarm } from './slow-swarm.js';
import { replicas, Swarm, withImage, withTask } from './swarm.js';

const nodeIds = ['a', 'b', 'c', 'd'];
const serviceIds = ['one', 'two', 'three'];

const duration = fc
  .constantFrom(undefined, 0, 500, 5000)
  .map((ms) => (ms === undefined ? {} : { delay: durationFromMs(ms) }));
const updateConfig = fc
  .record({
    parallelism: fc.constantFrom(0n, 1n, 2n),
    delay: duration,
    order: fc.constantFrom(Order.STOP_FIRST, Order.START_FIRST),
    failureAction: fc.constantFrom(Action.PAUSE, Action.CONTINUE, Action.ROLLBACK),
    maxFailureRatio: fc.constantFrom(0, 0.5),
  })
  .map(({ delay, ...config }) => ({ ...config, ...delay }));
const restart = fc
  .record({
    condition: fc.constantFrom(Condition.ANY, Condition.ANY, Condition.ON_FAILURE, Condition.NONE),
    delay: duration,
    maxAttempts: fc.constantFrom(0n, 0n, 2n),
    window: fc.constantFrom(undefined, 3000),
  })
  .map(({ delay, window, ...policy }) => ({
    ...policy,
    ...delay,
    ...(window === undefined ? {} : { window: durationFromMs(window) }),
  }));
const mode: fc.Arbitrary<Partially<ServiceSpec>> = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map(replicas),
  fc.constant({ mode: { $case: 'global', value: {} } } as const),
  fc
    .record({ maxConcurrent: fc.integer({ min: 1, max: 3 }), totalCompletions: fc.nat(4) })
    .map(({ maxConcurrent, totalCompletions }) => ({
      mode: {
        $case: 'replicatedJob',
        value: {
          maxConcurrent: BigInt(maxConcurrent),
          totalCompletions: BigInt(totalCompletions),
        },
      } as const,
    })),
  fc.constant({ mode: { $case: 'globalJob', value: {} } } as const),
);
const spec: fc.Arbitrary<Partially<ServiceSpec>> = fc
  .record({
    mode,
    restart,
    update: updateConfig,
    rollback: updateConfig,
    annotations: fc.constantFrom({}, { labels: { 'swarmkit.restart.backoff': 'off' } }),
  })
  .map(({ mode, restart, ...rest }) => ({ ...mode, ...rest, task: { restart } }));

type Step = (swarm: Swarm) => void;
const step = <T>(arbitrary: fc.Arbitrary<T>, name: string, act: (swarm: Swarm, value: T) => void) =>
  arbitrary.map(
    (value): Step =>
      Object.assign((swarm: Swarm) => act(swarm, value), {
        [fc.toStringMethod]: () => `${name} ${fc.stringify(value)}`,
      }),
  );

const node = fc.constantFrom(...nodeIds);
const service = fc.constantFrom(...serviceIds);
const hasNode = (swarm: Swarm, id: string) => swarm.store.view().get('node', id) !== undefined;
const hasService = (swarm: Swarm, id: string) =>
  swarm.store.view().get('service', id) !== undefined;

/** The nth task that fits, if any. */
function pick(swarm: Swarm, nth: number, fits: (task: Task) => boolean): Task | undefined {
  const tasks = swarm.store.view().find('task', { by: 'all' }).filter(fits);
  return tasks[nth % Math.max(1, tasks.length)];
}
const isPlaced = (task: Task): boolean =>
  task.nodeId !== '' &&
  observedState(task) >= TaskState.ASSIGNED &&
  observedState(task) <= TaskState.RUNNING;

const steps = fc.oneof(
  { weight: 8, arbitrary: step(fc.constant(0), 'work', (swarm) => void swarm.work()) },
  { weight: 2, arbitrary: step(fc.constant(0), 'reap', (swarm) => swarm.reap()) },
  {
    weight: 6,
    arbitrary: step(fc.constantFrom(1, 500, 4000, 60_000), 'advance', (swarm, ms) => {
      swarm.now += ms;
    }),
  },
  { weight: 1, arbitrary: step(fc.constant(0), 'changeLeader', (swarm) => swarm.changeLeader()) },
  {
    weight: 5,
    arbitrary: step(
      fc.record({
        nth: fc.nat(50),
        state: fc.constantFrom(
          TaskState.FAILED,
          TaskState.FAILED,
          TaskState.REJECTED,
          TaskState.COMPLETE,
        ),
      }),
      'end',
      (swarm, { nth, state }) => {
        const task = pick(swarm, nth, isPlaced);
        if (task !== undefined) swarm.observe(task.id, state);
      },
    ),
  },
  {
    weight: 1,
    arbitrary: step(fc.nat(50), 'removeTask', (swarm, nth) => {
      const task = pick(swarm, nth, () => true);
      if (task !== undefined) swarm.remove('task', task.id);
    }),
  },
  {
    weight: 2,
    arbitrary: step(node, 'toggleNode', (swarm, id) => {
      if (hasNode(swarm, id)) swarm.removeNode(id);
      else swarm.addNode({ id });
    }),
  },
  {
    weight: 3,
    arbitrary: step(
      fc.record({
        id: node,
        availability: fc.constantFrom(
          NodeSpec_Availability.ACTIVE,
          NodeSpec_Availability.PAUSE,
          NodeSpec_Availability.DRAIN,
        ),
      }),
      'availability',
      (swarm, { id, availability }) => {
        if (hasNode(swarm, id)) swarm.setAvailability(id, availability);
      },
    ),
  },
  {
    weight: 3,
    arbitrary: step(
      fc.record({
        id: node,
        state: fc.constantFrom(
          NodeStatus_State.READY,
          NodeStatus_State.DOWN,
          NodeStatus_State.UNKNOWN,
        ),
      }),
      'nodeState',
      (swarm, { id, state }) => {
        if (hasNode(swarm, id)) swarm.setNodeState(id, state);
      },
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      fc.record({ id: node, disk: fc.constantFrom('ssd', 'hdd') }),
      'label',
      (swarm, { id, disk }) => {
        if (hasNode(swarm, id)) swarm.setLabel(id, 'disk', disk);
      },
    ),
  },
  {
    weight: 2,
    arbitrary: step(fc.record({ id: service, spec }), 'service', (swarm, { id, spec }) => {
      if (!hasService(swarm, id)) swarm.addService(id, spec);
    }),
  },
  {
    weight: 1,
    arbitrary: step(service, 'removeService', (swarm, id) => {
      if (hasService(swarm, id)) swarm.remove('service', id);
    }),
  },
  {
    weight: 2,
    arbitrary: step(
      fc.record({ id: service, count: fc.nat(4) }),
      'scale',
      (swarm, { id, count }) => {
        if (hasService(swarm, id) && swarm.service(id).spec?.mode?.$case === 'replicated')
          swarm.scale(id, count);
      },
    ),
  },
  {
    weight: 2,
    arbitrary: step(
      fc.record({ id: service, image: fc.constantFrom('v1', 'v2', 'v3') }),
      'image',
      (swarm, { id, image }) => {
        if (hasService(swarm, id)) swarm.setImage(id, image);
      },
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      fc.record({ id: service, constraints: fc.constantFrom([], ['node.labels.disk==ssd']) }),
      'constrain',
      (swarm, { id, constraints }) => {
        if (hasService(swarm, id)) setConstraints(swarm, id, constraints);
      },
    ),
  },
);

function setConstraints(swarm: Swarm, id: string, constraints: readonly string[]): void {
  swarm.updateService(id, (before) =>
    withTask(before, (task) => ({
      ...task,
      placement: { constraints, preferences: [], platforms: [], maxReplicas: 0n },
    })),
  );
}

const services = (swarm: Swarm): readonly Service[] =>
  swarm.store.view().find('service', { by: 'all' });

/** Results of former iterations of a job stay; they are none of this one. */
const liveNow = (swarm: Swarm, service: Service): readonly Task[] =>
  swarm
    .live(service.id)
    .filter((task) => task.jobIteration?.index === service.jobStatus?.jobIteration?.index);

/** What holds after every run, whatever happened. */
function checkSlots(swarm: Swarm): void {
  for (const service of services(swarm)) {
    const bySlot = new Map<string, Task[]>();
    for (const task of liveNow(swarm, service)) {
      const key = isGlobal(service) ? task.nodeId : task.slot.toString();
      bySlot.set(key, [...(bySlot.get(key) ?? []), task]);
    }
    const wanted = service.spec?.mode;
    if (wanted?.$case === 'replicatedJob')
      assert.ok(
        bySlot.size <= Number(wanted.value.totalCompletions),
        `${service.id} does too much`,
      );
    if (wanted?.$case === 'replicated')
      assert.ok(bySlot.size <= Number(wanted.value.replicas), `${service.id} has too many slots`);
    for (const [slot, tasks] of bySlot) {
      const text = `${service.id} ${slot}: ${tasks.map(describeTask).join(', ')}`;
      assert.ok(tasks.length <= 2, text);
      const starting = [service.spec?.update?.order, service.spec?.rollback?.order];
      if (!starting.includes(Order.START_FIRST)) assert.equal(tasks.length, 1, text);
    }
  }
}

/** Nothing goes wrong any more; whoever waits for a person gets one. */
function heal(swarm: Swarm): void {
  swarm.now += 1;
  for (const id of nodeIds) {
    if (!hasNode(swarm, id)) swarm.addNode({ id });
    swarm.setNodeState(id, NodeStatus_State.READY);
    swarm.setAvailability(id, NodeSpec_Availability.ACTIVE);
    swarm.setLabel(id, 'disk', 'ssd');
  }
  swarm.run();
  swarm.now += 1;
  for (const { id, spec, updateStatus } of services(swarm)) {
    const { condition, maxAttempts } = spec!.task!.restart!;
    const gaveUp = condition !== Condition.ANY || maxAttempts !== 0n;
    if (!gaveUp && updateStatus === undefined) continue;
    swarm.updateService(id, (before) => {
      const update = { ...before.update!, failureAction: Action.CONTINUE };
      return { ...withImage(before, 'healed'), update };
    });
  }
  swarm.run();
}

function checkConverged(swarm: Swarm, service: Service): void {
  const live = liveNow(swarm, service);
  const text = `${service.id}: ${live.map(describeTask)}`;
  if (isJob(service)) {
    // What was told to stop, and completed all the same, is done too.
    const done = swarm.tasks(service.id).filter(isDoneNow(service));
    const places = new Set(done.map((task) => `${task.slot} ${isGlobal(service) && task.nodeId}`));
    assert.equal(places.size, wantedCount(service), text);
    assert.ok(live.every(isDoneNow(service)), text);
    return;
  }
  assert.equal(live.length, wantedCount(service), text);
  for (const task of live) {
    assert.equal(observedState(task), TaskState.RUNNING, describeTask(task));
    assert.equal(task.desiredState, TaskState.RUNNING, describeTask(task));
    const on = swarm.store.view().get('node', task.nodeId);
    assert.ok(!isTaskDirty(service, task, on), `${describeTask(task)} is out of date`);
  }
  const state = swarm.updateState(service.id);
  assert.ok(['none', 'COMPLETED', 'ROLLBACK_COMPLETED'].includes(state), state);
}

const isDoneNow =
  (service: Service) =>
  (task: Task): boolean =>
    observedState(task) === TaskState.COMPLETE &&
    task.jobIteration?.index === service.jobStatus?.jobIteration?.index;

function wantedCount(service: Service): number {
  const mode = service.spec?.mode;
  if (mode?.$case === 'replicated') return Number(mode.value.replicas);
  if (mode?.$case === 'replicatedJob') return Number(mode.value.totalCompletions);
  return nodeIds.length;
}

const LIMIT_ROUNDS = 300;

for (const [how, make, numRuns] of [
  ['', (...ids: string[]) => new Swarm(...ids), 150],
  [', bit by bit', (...ids: string[]) => new SlowSwarm(...ids), 60],
] as const)
  test(`slots hold their promises on any walk, and all comes right in the end${how}`, () => {
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 1, maxLength: 2 }),
        fc.array(steps, { maxLength: 60, size: 'max' }),
        (specs, walk) => {
          const swarm = make('a', 'b');
          for (const [i, each] of specs.entries()) swarm.addService(serviceIds[i]!, each);
          swarm.run();
          checkSlots(swarm);
          for (const act of walk) {
            // No two commits share a millisecond in which an agent answered.
            swarm.now += 1;
            act(swarm);
            swarm.run();
            checkSlots(swarm);
          }
          heal(swarm);
          let rounds = 0;
          for (let quiet = false; !quiet; rounds += 1) {
            assert.ok(
              rounds < LIMIT_ROUNDS,
              `no rest: ${swarm.store.view().find('task', { by: 'all' }).map(describeTask).join(', ')}`,
            );
            swarm.now += 1;
            const moved = swarm.work() || swarm.finishJobs();
            swarm.reap();
            const { changes, wakeAt } = swarm.run();
            checkSlots(swarm);
            quiet = !moved && changes.length === 0 && wakeAt === undefined;
            if (!moved && changes.length === 0 && wakeAt !== undefined) swarm.now = wakeAt;
          }
          for (const service of services(swarm)) checkConverged(swarm, service);
        },
      ),
      { numRuns },
    );
  });
