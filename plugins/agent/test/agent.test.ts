import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Machine } from './agent-life.js';

const { PREPARING, READY, STARTING, RUNNING } = TaskState;
const { COMPLETE, SHUTDOWN, FAILED, REJECTED, REMOVE } = TaskState;

describe('a task', () => {
  let machine: Machine;
  beforeEach(async () => {
    machine = new Machine();
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
  });
  afterEach(async () => {
    await machine.stop();
    assert.deepEqual(machine.faults, []);
    assert.deepEqual(machine.manager.wentBack, []);
  });
  const reported = (id: string, state: TaskState, limitMs = 0) =>
    machine.until(
      `${id} is ${TaskState[state]}`,
      () => machine.manager.state(id) === state,
      limitMs,
    );
  const run = async (task = machine.task()) => {
    machine.manager.assign(task);
    await reported(task.id, RUNNING, 2_000);
    return task;
  };
  const statusOf = (id: string) => machine.manager.statuses.get(id);

  it('runs, ends and is removed without time of the agent’s own', async () => {
    const begun = machine.clock.monotonic();
    const task = await run();
    assert.equal(statusOf(task.id)?.message, 'started');
    assert.deepEqual(machine.runtime.running(), [task.id]);
    machine.runtime.exit(task.id, 0);
    await reported(task.id, COMPLETE);
    assert.equal(statusOf(task.id)?.message, 'finished');
    machine.manager.remove(task.id);
    await machine.until('it is removed', () => machine.runtime.containers.size === 0);
    await machine.until('it is forgotten', () => machine.disk.contents('agent').length === 0);
    assert.equal(machine.clock.monotonic(), begun);
  });

  it('says where its container is, and how it ended', async () => {
    const task = await run();
    const container = () => statusOf(task.id)?.runtimeStatus?.value;
    assert.equal(container()?.containerId, `fake-${task.id}`);
    assert.ok((container()?.pid ?? 0) > 0);
    await machine.clock.advance(5_000);
    machine.runtime.exit(task.id, 7, 'out of memory');
    await reported(task.id, FAILED);
    assert.equal(container()?.exitCode, 7);
    assert.equal(statusOf(task.id)?.message, 'started');
    assert.equal(statusOf(task.id)?.err, 'task: non-zero exit (7): out of memory');
  });

  it('is reported step by step when the steps take time', async () => {
    machine.runtime.behave({ prepareMs: 500, startMs: 500 });
    const task = await run();
    assert.deepEqual(machine.manager.history.get(task.id), [PREPARING, STARTING, RUNNING]);
  });

  it('is REJECTED when it cannot be prepared, and never tried again', async () => {
    machine.runtime.behave({ prepareError: new SwarmError('not-found', 'X', 'no such image') });
    const task = machine.task();
    machine.manager.assign(task);
    await reported(task.id, REJECTED);
    assert.equal(statusOf(task.id)?.err, 'no such image');
    assert.equal(statusOf(task.id)?.message, 'preparing');
    await machine.clock.advance(60_000);
    assert.deepEqual(machine.runtime.verbs, [`prepare ${task.id}`]);
  });

  it('is FAILED when it cannot be started', async () => {
    machine.runtime.behave({ startError: new SwarmError('not-found', 'X', 'no such command') });
    const task = machine.task();
    machine.manager.assign(task);
    await reported(task.id, FAILED);
    assert.equal(statusOf(task.id)?.err, 'no such command');
  });

  it('is REJECTED when no executor takes it', async () => {
    const task = machine.task({ spec: { runtime: { $case: 'generic', value: { kind: 'x' } } } });
    machine.manager.assign(task);
    await reported(task.id, REJECTED);
    assert.equal(statusOf(task.id)?.message, 'resolving controller failed');
    assert.equal(statusOf(task.id)?.err, 'exec: unsupported runtime');
    machine.manager.remove(task.id);
    await machine.until('it is forgotten', () => machine.disk.contents('agent').length === 0);
  });

  it('is REJECTED with a sentence of its own when it attaches a container: that is for Docker engines', async () => {
    const runtime = { $case: 'attachment', value: { containerId: 'c1' } } as const;
    const task = machine.task({ spec: { runtime } });
    machine.manager.assign(task);
    await reported(task.id, REJECTED);
    assert.equal(
      statusOf(task.id)?.err,
      'a container that is started by hand can only be attached by its own Docker engine, and this node is none',
    );
    machine.manager.remove(task.id);
    await machine.until('it is forgotten', () => machine.disk.contents('agent').length === 0);
  });

  it('is tried again after a second when the failure is temporary', async () => {
    machine.runtime.behave({
      prepareError: new SwarmError('unavailable', 'X', 'registry is busy'),
    });
    const task = machine.task();
    machine.manager.assign(task);
    await machine.until(
      'the reason is told',
      () => statusOf(task.id)?.err === 'registry is busy',
      200,
    );
    assert.equal(statusOf(task.id)?.state, PREPARING);
    await machine.clock.advance(3_000);
    assert.equal(machine.runtime.verbs.length, 4);
    machine.runtime.behave({});
    await reported(task.id, RUNNING, 1_000);
    assert.equal(statusOf(task.id)?.err, '');
  });

  it('rests at READY until it is released', async () => {
    const task = machine.task({ desiredState: READY });
    machine.manager.assign(task);
    await reported(task.id, READY);
    assert.equal(machine.runtime.containers.get(task.id)?.state, 'created');
    machine.manager.want(RUNNING, task.id);
    await reported(task.id, RUNNING);
  });

  it('is not disturbed while it is prepared by a release', async () => {
    machine.runtime.behave({ prepareMs: 1_000 });
    const task = machine.task({ desiredState: READY });
    machine.manager.assign(task);
    await machine.clock.advance(500);
    machine.manager.want(RUNNING, task.id);
    await reported(task.id, RUNNING, 600);
    assert.deepEqual(
      machine.runtime.verbs.map((verb) => verb.split(' ')[0]),
      ['prepare', 'update', 'start', 'wait'],
    );
  });

  it('goes on when less is wanted than was', async () => {
    machine.runtime.behave({ prepareMs: 1_000 });
    const task = machine.task();
    machine.manager.assign(task);
    await machine.clock.advance(500);
    machine.manager.want(READY, task.id);
    await reported(task.id, RUNNING, 600);
  });

  it('is stopped in the middle of being prepared', async () => {
    machine.runtime.behave({ prepareMs: 60_000 });
    const task = machine.task();
    machine.manager.assign(task);
    await reported(task.id, PREPARING, 200);
    machine.manager.want(SHUTDOWN, task.id);
    await reported(task.id, SHUTDOWN);
    assert.equal(statusOf(task.id)?.message, 'shutdown');
    assert.equal(machine.runtime.containers.size, 0);
  });

  describe('that is to be drained', () => {
    const drained = { serviceAnnotations: { labels: { 'swarmkit.stop.drain-delay': '5s' } } };
    const stopped = () => machine.runtime.verbs.some((verb) => verb.startsWith('shutdown'));

    it('says so, is left alone for the delay, and then gets its signal', async () => {
      const task = await run(machine.task(drained));
      machine.manager.want(SHUTDOWN, task.id);
      await machine.until('it drains', () => statusOf(task.id)?.message === 'draining', 2_000);
      assert.equal(statusOf(task.id)?.state, RUNNING);
      assert.notEqual(statusOf(task.id)?.drainUntil, undefined);
      await machine.clock.advance(2_000);
      machine.manager.want(REMOVE, task.id);
      await machine.clock.advance(2_000);
      assert.ok(!stopped(), 'it is not told before its time, whatever is wanted meanwhile');
      await reported(task.id, SHUTDOWN, 2_000);
    });

    it('may end by itself meanwhile', async () => {
      const task = await run(machine.task(drained));
      machine.manager.want(SHUTDOWN, task.id);
      await machine.until('it drains', () => statusOf(task.id)?.message === 'draining', 2_000);
      machine.runtime.exit(task.id, 0);
      await reported(task.id, COMPLETE, 1_000);
      assert.ok(!stopped());
    });
  });

  it('is granted its whole grace period, whatever is wanted meanwhile', async () => {
    machine.runtime.behave({ stopMs: 3_000 });
    const task = await run();
    const begun = machine.clock.monotonic();
    machine.manager.want(SHUTDOWN, task.id);
    await machine.clock.advance(1_000);
    machine.manager.want(REMOVE, task.id);
    await machine.clock.advance(1_000);
    machine.manager.remove(task.id);
    await machine.until('it is removed', () => machine.runtime.containers.size === 0, 2_000);
    assert.equal(machine.clock.monotonic() - begun, 3_000);
    assert.equal(machine.runtime.verbs.filter((verb) => verb.startsWith('shutdown')).length, 1);
  });

  it('is stopped softly when it is taken away while it runs', async () => {
    machine.runtime.behave({ stopMs: 2_000 });
    const task = await run();
    machine.manager.remove(task.id);
    await machine.clock.advance(1_900);
    assert.deepEqual(machine.runtime.running(), [task.id]);
    await machine.until('it is removed', () => machine.runtime.containers.size === 0, 200);
  });

  it('is not woken by a lower desired state', async () => {
    const task = await run();
    machine.manager.want(SHUTDOWN, task.id);
    await reported(task.id, SHUTDOWN);
    const before = [...machine.runtime.verbs];
    machine.manager.want(RUNNING, task.id);
    await machine.clock.advance(5_000);
    assert.deepEqual(machine.runtime.verbs, before);
    assert.equal(machine.manager.state(task.id), SHUTDOWN);
  });

  it('is stopped when the manager has buried it', async () => {
    const task = await run();
    machine.manager.assign({
      ...task,
      status: { ...statusOf(task.id)!, state: TaskState.ORPHANED },
    });
    await machine.until('it is stopped', () => machine.runtime.running().length === 0);
  });

  it('that ended before it came here is left alone', async () => {
    const task = machine.task({ status: { state: FAILED, err: 'long ago' } });
    machine.manager.assign(task);
    await machine.clock.advance(5_000);
    assert.deepEqual(machine.runtime.verbs, []);
    machine.manager.remove(task.id);
    await machine.until('it is removed', () => machine.runtime.verbs.includes(`remove ${task.id}`));
  });

  it('comes back after it was taken away, once the old one is gone', async () => {
    machine.runtime.behave({ removeMs: 1_000 });
    const task = await run();
    machine.manager.remove(task.id);
    machine.manager.assign(task);
    await machine.until('it runs again', () => machine.runtime.started.get(task.id) === 2, 2_000);
    await machine.until('it is on disk', () => machine.disk.contents('agent').length === 3);
  });

  it('is removed at last when the runtime refuses for a while', async () => {
    const task = await run();
    machine.runtime.available = false;
    machine.manager.remove(task.id);
    await machine.clock.advance(5_000);
    machine.runtime.available = true;
    await machine.until('it is removed', () => machine.runtime.containers.size === 0, 5_000);
  });

  it('waits while the runtime is away, and nothing ends because of it', async () => {
    const running = await run();
    machine.runtime.available = false;
    const fresh = machine.task();
    machine.manager.assign(fresh);
    await machine.until(
      'the reason is told',
      () => statusOf(running.id)?.err === 'the runtime is down',
      500,
    );
    assert.equal(statusOf(running.id)?.state, RUNNING);
    await machine.clock.advance(30_000);
    assert.equal(statusOf(fresh.id)?.err, 'the runtime is down');
    machine.runtime.available = true;
    await reported(fresh.id, RUNNING);
    await machine.until('all is well', () => statusOf(running.id)?.err === '');
    machine.runtime.exit(running.id, 0);
    await reported(running.id, COMPLETE);
  });

  it('that ended while the runtime was away is reported when it is back', async () => {
    const task = await run();
    machine.runtime.available = false;
    await machine.settle();
    machine.runtime.exit(task.id, 5);
    await machine.clock.advance(5_000);
    machine.runtime.available = true;
    await reported(task.id, FAILED, 1_000);
  });

  it('whose container vanished is FAILED', async () => {
    const task = await run();
    machine.runtime.vanish(task.id);
    await reported(task.id, FAILED);
    assert.equal(statusOf(task.id)?.err, 'container destroyed');
  });

  it('changes in what its executor may care about are handed over', async () => {
    const task = await run();
    machine.manager.assign({ ...task, annotations: { ...task.annotations!, labels: { a: 'b' } } });
    await machine.until('the controller knows', () =>
      machine.runtime.verbs.includes(`update ${task.id}`),
    );
    machine.runtime.exit(task.id, 0);
    await reported(task.id, COMPLETE);
  });
});

describe('many tasks', () => {
  const start = async (config?: ConstructorParameters<typeof Machine>[0]): Promise<Machine> => {
    const machine = new Machine(config);
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
    return machine;
  };
  const all = (machine: Machine, state: TaskState, count: number) => () =>
    [...machine.manager.statuses.values()].filter((status) => status.state === state).length ===
    count;

  it('are prepared and started four at a time, each to its end before the next begins', async () => {
    const machine = await start();
    machine.runtime.behave({ prepareMs: 10, startMs: 30 });
    const begun = machine.clock.monotonic();
    machine.manager.assign(...machine.tasks(40));
    await machine.until('the first run', () => machine.runtime.running().length >= 4, 50);
    await machine.until('all run', all(machine, RUNNING, 40), 2_000);
    assert.equal(machine.runtime.mostHeavy, 4);
    assert.ok(machine.clock.monotonic() - begun <= 400 + 20, 'slower than four at a time');
    await machine.stop();
  });

  it('as many as the configuration says', async () => {
    const machine = await start({ controlSocket: '/control', heavyLimit: 9 });
    machine.runtime.behave({ prepareMs: 10 });
    machine.manager.assign(...machine.tasks(20));
    await machine.until('all run', all(machine, RUNNING, 20), 2_000);
    assert.equal(machine.runtime.mostHeavy, 9);
    await machine.stop();
  });

  it('cost a handful of disk writes and reports', async () => {
    const machine = await start();
    const writes = machine.writes;
    let answer = (): void => undefined;
    machine.manager.answer = new Promise((resolve) => {
      answer = resolve;
    });
    machine.manager.assign(...machine.tasks(50));
    await machine.until('all run', () => machine.runtime.running().length === 50);
    answer();
    await machine.until('all are reported', all(machine, RUNNING, 50), 200);
    assert.ok(machine.manager.calls.length <= 2, `${machine.manager.calls.length} reports`);
    assert.ok(machine.writes - writes <= 10, `${machine.writes - writes} writes`);
    await machine.stop();
  });

  it('are not held up by one that takes long to start', async () => {
    const machine = await start();
    const slow = machine.tasks(8);
    machine.runtime.behave((task) =>
      slow.some(({ id }) => id === task.id) ? { startMs: 300_000 } : {},
    );
    machine.manager.assign(...slow);
    await machine.settle();
    const quick = machine.task();
    machine.manager.assign(quick);
    await machine.until('it runs', () => machine.manager.state(quick.id) === RUNNING, 5_000);
    await machine.stop();
  });

  it('are told to stop all at once', async () => {
    const machine = await start();
    const tasks = machine.tasks(50);
    machine.manager.assign(...tasks);
    await machine.until('all run', all(machine, RUNNING, 50), 200);
    machine.runtime.behave({ stopMs: 1_000 });
    const begun = machine.clock.monotonic();
    machine.manager.want(REMOVE, ...tasks.map(({ id }) => id));
    await machine.until('all stopped', all(machine, SHUTDOWN, 50), 1_500);
    assert.ok(machine.clock.monotonic() - begun <= 1_010);
    await machine.stop();
  });
});
