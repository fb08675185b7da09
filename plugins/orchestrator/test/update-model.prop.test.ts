/**
 * Every combination of what an update can be told, on a small cluster where places are scarce, with new
 * tasks that fail, hang or become healthy late: no update hangs, none goes beyond its parallelism, its
 * order or its failure ratio, and a leader that takes over between any two commits changes nothing about
 * where it ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTaskDirty } from '@swarmkit/sdk/model/dirty-task';
import { holdsResources, observedState } from '@swarmkit/sdk/model/task';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { noRoomFor } from '@swarmkit/sdk/model/update-room';
import { describeTask, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  TaskState,
  UpdateConfig_FailureAction as Action,
  UpdateConfig_UpdateOrder as Order,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { imageOf, Swarm } from './swarm.js';

const OLD = 'busybox:latest';
const NEW = 'busybox:new';
const DEADLINE_MS = 120_000;
const HEALTHY_AFTER_MS = 3000;

interface Case {
  readonly global: boolean;
  readonly nodes: number;
  readonly replicas: number;
  readonly order: Order;
  readonly parallelism: number;
  readonly delayMs: number;
  readonly monitorMs: number;
  readonly failureAction: Action;
  readonly rollbackAction: Action;
  readonly maxFailureRatio: number;
  readonly hostPort: boolean;
  readonly maxReplicas: number;
  readonly healthCheck: boolean;
  /** What becomes of the nth new task: 0 runs, 1 fails at its start, 2 fails soon after, 3 never starts. */
  readonly fates: readonly number[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  global: fc.boolean(),
  nodes: fc.integer({ min: 1, max: 3 }),
  replicas: fc.integer({ min: 1, max: 4 }),
  order: fc.constantFrom(Order.STOP_FIRST, Order.START_FIRST),
  parallelism: fc.nat(3),
  delayMs: fc.constantFrom(0, 500, 7000),
  monitorMs: fc.constantFrom(0, 1000, 5000),
  failureAction: fc.constantFrom(Action.PAUSE, Action.CONTINUE, Action.ROLLBACK),
  rollbackAction: fc.constantFrom(Action.PAUSE, Action.CONTINUE, Action.ROLLBACK),
  maxFailureRatio: fc.constantFrom(0, 0.3, 1),
  hostPort: fc.boolean(),
  maxReplicas: fc.nat(2),
  healthCheck: fc.boolean(),
  fates: fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3), { minLength: 1, maxLength: 6 }),
});

const specOf = (each: Case): Partially<ServiceSpec> => {
  const config = (failureAction: Action) => ({
    order: each.order,
    parallelism: BigInt(each.parallelism),
    delay: durationFromMs(each.delayMs),
    monitor: durationFromMs(each.monitorMs),
    failureAction,
    maxFailureRatio: each.maxFailureRatio,
  });
  return {
    annotations: { labels: { 'swarmkit.update.progress-deadline': `${DEADLINE_MS}ms` } },
    mode: each.global
      ? { $case: 'global', value: {} }
      : { $case: 'replicated', value: { replicas: BigInt(each.replicas) } },
    update: config(each.failureAction),
    rollback: config(each.rollbackAction),
    task: {
      placement: { maxReplicas: BigInt(each.maxReplicas) },
      restart: { condition: 2, delay: durationFromMs(1000) },
    },
    ...(each.hostPort
      ? { endpoint: { ports: [{ publishedPort: 80, publishMode: 1, targetPort: 80 }] } }
      : {}),
  };
};

/** A swarm whose scheduler knows places, and whose agents let each new task meet its fate. */
class Life {
  readonly swarm: Swarm;
  private readonly fateOf = new Map<string, number>();
  private readonly startedAt = new Map<string, number>();
  private next = 0;

  constructor(readonly of: Case) {
    this.swarm = new Swarm(...['a', 'b', 'c'].slice(0, of.nodes));
    this.swarm.addService('web', specOf(of));
  }

  get service(): Service {
    return this.swarm.service('web');
  }

  private fate(task: Task): number {
    if (imageOf(task) !== NEW) return 0;
    let fate = this.fateOf.get(task.id);
    if (fate === undefined) {
      fate = this.of.fates[this.next++ % this.of.fates.length]!;
      this.fateOf.set(task.id, fate);
    }
    return fate;
  }

  /** One step of every task; whether any moved. */
  step(): boolean {
    let moved = false;
    for (const task of this.swarm.tasks('web')) if (this.move(task)) moved = true;
    return moved;
  }

  private move(task: Task): boolean {
    const { swarm } = this;
    const state = observedState(task);
    if (state > TaskState.RUNNING) return false;
    if (state < TaskState.ASSIGNED) {
      if (task.desiredState > TaskState.RUNNING) {
        swarm.observe(task.id, TaskState.SHUTDOWN);
        return true;
      }
      const nodeId = this.placeFor(task);
      if (nodeId !== undefined) swarm.observe(task.id, TaskState.ASSIGNED, { nodeId });
      return nodeId !== undefined;
    }
    if (task.desiredState > TaskState.RUNNING) {
      swarm.observe(task.id, TaskState.SHUTDOWN);
      return true;
    }
    return this.advance(task, state);
  }

  private advance(task: Task, state: TaskState): boolean {
    const { swarm } = this;
    const fate = this.fate(task);
    if (state < TaskState.READY) {
      if (fate === 3) return false;
      swarm.observe(task.id, TaskState.READY);
      return true;
    }
    if (task.desiredState < TaskState.RUNNING) return false;
    if (state < TaskState.STARTING) {
      this.startedAt.set(task.id, swarm.now);
      swarm.observe(task.id, fate === 1 ? TaskState.FAILED : TaskState.STARTING);
      return true;
    }
    if (state === TaskState.STARTING) {
      const healthyAt = (this.startedAt.get(task.id) ?? 0) + HEALTHY_AFTER_MS;
      if (this.of.healthCheck && swarm.now < healthyAt) return false;
      swarm.observe(task.id, TaskState.RUNNING);
      return true;
    }
    if (fate !== 2) return false;
    this.fateOf.set(task.id, 0);
    swarm.fail(task);
    return true;
  }

  /** A task that stops holds its place until it has stopped. */
  private placeFor(task: Task): string | undefined {
    const fits = (nodeId: string): boolean => {
      const there = this.swarm.tasks('web').filter((each) => each.nodeId === nodeId);
      const holding = there.filter((each) => each.id !== task.id && holdsResources(each));
      const active = holding.filter((each) => each.desiredState <= TaskState.COMPLETE);
      if (this.of.hostPort && holding.length > 0) return false;
      return this.of.maxReplicas === 0 || active.length < this.of.maxReplicas;
    };
    if (task.nodeId !== '') return fits(task.nodeId) ? task.nodeId : undefined;
    return ['a', 'b', 'c'].slice(0, this.of.nodes).find(fits);
  }

  /** The next commit: of agents if any has something to say, else of time. False when all is at rest. */
  tick(): boolean {
    this.swarm.now += 1;
    const moved = this.step();
    const { changes, wakeAt } = this.swarm.run();
    if (moved || changes.length > 0) return true;
    const starting = this.swarm
      .tasks('web')
      .some((task) => observedState(task) === TaskState.STARTING);
    const until = Math.min(wakeAt ?? Infinity, starting ? this.swarm.now + 1000 : Infinity);
    if (until === Infinity) return false;
    this.swarm.now = until;
    return true;
  }
}

const ENDED = ['COMPLETED', 'PAUSED', 'ROLLBACK_COMPLETED', 'ROLLBACK_PAUSED'];
const LIMIT = 3000;

/** Lets the update run to its end; calls back after each commit. */
function runUpdate(life: Life, after: () => void): void {
  for (let ticks = 0; !ENDED.includes(life.swarm.updateState('web')); ticks += 1) {
    const tasks = () => life.swarm.tasks('web').map(describeTask).join(', ');
    assert.ok(ticks < LIMIT, `no end: ${life.swarm.updateState('web')}: ${tasks()}`);
    const goesOn = life.tick();
    after();
    if (ENDED.includes(life.swarm.updateState('web'))) return;
    assert.ok(goesOn, `it hangs in ${life.swarm.updateState('web')}: ${tasks()}`);
  }
}

/** Old tasks run wherever they fit; what does not fit never will, and is no matter of the update. */
function settled(each: Case): Life {
  const life = new Life(each);
  life.swarm.run();
  for (let ticks = 0; ticks < 200 && life.tick(); ticks += 1);
  life.swarm.now += 60_000;
  return life;
}

function checkOrder(life: Life): void {
  const { of, swarm } = life;
  const bySlot = new Map<string, Task[]>();
  for (const task of swarm.tasks('web')) {
    const key = of.global ? task.nodeId : String(task.slot);
    bySlot.set(key, [...(bySlot.get(key) ?? []), task]);
  }
  let underWay = 0;
  for (const tasks of bySlot.values()) {
    const wanted = tasks.filter((task) => task.desiredState <= TaskState.RUNNING);
    const startFirst = of.order === Order.START_FIRST;
    assert.ok(wanted.length <= (startFirst ? 2 : 1), tasks.map(describeTask).join(', '));
    const newest = wanted.find((task) => imageOf(task) === NEW);
    if (newest !== undefined && observedState(newest) < TaskState.RUNNING) underWay += 1;
    // Stop-first: nothing new is started while an old one of the slot may still run, for a minute.
    if (startFirst || newest?.desiredState !== TaskState.RUNNING) continue;
    const old = tasks.filter((task) => task !== newest && holdsResources(task));
    assert.deepEqual(old.map(describeTask), []);
  }
  const failed = swarm.tasks('web').some((task) => observedState(task) === TaskState.FAILED);
  const parallelism = of.parallelism === 0 ? Infinity : of.parallelism;
  // Restarts of failed ones come on top.
  if (!failed && swarm.updateState('web') === 'UPDATING')
    assert.ok(underWay <= parallelism, `${underWay} under way`);
}

const numRuns = Number(process.env.UPDATE_RUNS ?? 250);

test('no combination hangs, and each keeps to its order and parallelism', () => {
  fc.assert(
    fc.property(cases, (each) => {
      const life = settled(each);
      const { swarm } = life;
      swarm.setImage('web', NEW);
      swarm.run();
      const { spec, updateStatus } = life.service;
      const nodes = swarm.store.view().find('node', { by: 'all' });
      const impossible = noRoomFor(spec!, spec!.update, nodes);
      if (impossible !== undefined && updateStatus !== undefined) {
        assert.equal(swarm.updateState('web'), 'PAUSED');
        assert.equal(updateStatus.message, `update paused: ${impossible}`);
        return;
      }
      runUpdate(life, () => checkOrder(life));
      checkEnd(life);
    }),
    { numRuns, includeErrorInReport: true },
  );
});

function checkEnd(life: Life): void {
  const { swarm, of, service } = life;
  const state = swarm.updateState('web');
  const failing = of.fates.some((fate) => fate === 1 || fate === 2);
  const hanging = of.fates.includes(3);
  if (state === 'COMPLETED' && of.failureAction !== Action.CONTINUE && of.maxFailureRatio === 0)
    for (const task of swarm.live('web'))
      assert.ok(!isTaskDirty(service, task, undefined), describeTask(task));
  if (state === 'PAUSED') assert.ok(failing || hanging || isFull(of), 'a pause without a reason');
  if (state.startsWith('ROLLBACK')) {
    assert.equal(of.failureAction, Action.ROLLBACK);
    assert.ok(failing);
    assert.equal(imageOf({ spec: service.spec!.task } as Task), OLD);
  }
}

/** Not all replicas have a place: what waits for one misses the deadline. */
const isFull = ({ global, replicas, nodes, hostPort, maxReplicas }: Case): boolean =>
  !global && replicas > nodes * (hostPort ? 1 : maxReplicas || Infinity);

test('a leader that takes over after any commit ends where the old one would have', () => {
  fc.assert(
    fc.property(cases, fc.nat(60), (each, cut) => {
      const ends = [undefined, cut].map((at) => {
        const life = settled(each);
        life.swarm.setImage('web', NEW);
        if (at === 0) life.swarm.changeLeader();
        life.swarm.run();
        let commits = 0;
        runUpdate(life, () => {
          commits += 1;
          if (commits === at) life.swarm.changeLeader();
        });
        const tasks = life.swarm.live('web').map((task) => `${task.slot} ${imageOf(task)}`);
        return { state: life.swarm.updateState('web'), tasks: tasks.sort() };
      });
      assert.deepEqual(ends[1], ends[0]);
    }),
    { numRuns: Math.ceil(numRuns / 3), includeErrorInReport: true },
  );
});
