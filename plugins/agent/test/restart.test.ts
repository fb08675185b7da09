import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Machine } from './agent-life.js';

const { PREPARING, RUNNING, COMPLETE, SHUTDOWN, FAILED, REJECTED } = TaskState;

for (const [how, end] of [
  ['an orderly stop', (machine: Machine) => machine.stop()],
  ['a kill', async (machine: Machine) => machine.kill()],
] as const)
  describe(`after ${how} the agent`, () => {
    let machine: Machine;
    beforeEach(async () => {
      machine = new Machine();
      await start();
    });
    afterEach(async () => {
      await machine.stop();
      assert.deepEqual(machine.faults, []);
      assert.deepEqual(machine.manager.wentBack, []);
    });
    const start = async () => {
      const streams = machine.manager.streams;
      await machine.start();
      await machine.until('in session', () => machine.manager.streams > streams, 500);
    };
    const restart = async (meanwhile?: () => void) => {
      await end(machine);
      meanwhile?.();
      await start();
    };
    const reported = (id: string, state: TaskState, limitMs = 0) =>
      machine.until(
        `${id} is ${TaskState[state]}`,
        () => machine.manager.state(id) === state,
        limitMs,
      );
    const run = async (task = machine.task()) => {
      machine.manager.assign(task);
      await reported(task.id, RUNNING, 2_000);
      await machine.settle();
      return task;
    };

    it('adopts what runs, and restarts nothing', async () => {
      const task = await run();
      const pid = machine.runtime.containers.get(task.id)?.pid;
      await restart();
      await machine.clock.advance(5_000);
      assert.equal(machine.runtime.containers.get(task.id)?.pid, pid);
      assert.equal(machine.runtime.started.get(task.id), 1);
      assert.equal(machine.manager.state(task.id), RUNNING);
      machine.runtime.exit(task.id, 3);
      await reported(task.id, FAILED);
    });

    it('reports what ended meanwhile', async () => {
      const [a, b] = [await run(), await run()];
      await restart(() => {
        machine.runtime.exit(a.id, 0);
        machine.runtime.exit(b.id, 9);
      });
      await reported(a.id, COMPLETE);
      await reported(b.id, FAILED);
      assert.equal(machine.manager.statuses.get(b.id)?.runtimeStatus?.value.exitCode, 9);
    });

    it('reports FAILED for what vanished meanwhile', async () => {
      const task = await run();
      await restart(() => machine.runtime.containers.delete(task.id));
      await reported(task.id, FAILED);
      assert.equal(machine.manager.statuses.get(task.id)?.err, 'container destroyed');
      assert.equal(machine.runtime.made.get(task.id), 1);
    });

    it('goes on from the middle of prepare and start', async () => {
      machine.runtime.behave({ prepareMs: 1_000, startMs: 1_000 });
      const first = machine.task();
      machine.manager.assign(first);
      await machine.clock.advance(500);
      await restart();
      await machine.clock.advance(1_500);
      await restart();
      await reported(first.id, RUNNING, 3_000);
      assert.equal(machine.runtime.made.get(first.id), 1);
      assert.equal(machine.runtime.started.get(first.id), 1);
    });

    it('does not run again what was REJECTED, although it could be prepared now', async () => {
      machine.runtime.behave({ prepareError: new SwarmError('not-found', 'X', 'no such image') });
      const task = machine.task();
      machine.manager.assign(task);
      await reported(task.id, REJECTED);
      machine.runtime.behave({});
      machine.server.up = false;
      await end(machine);
      await machine.start();
      await machine.clock.advance(5_000);
      assert.equal(machine.runtime.containers.size, 0);
      machine.server.up = true;
    });

    it('does what was wanted meanwhile', async () => {
      const [a, b] = [await run(), await run()];
      await restart(() => {
        machine.manager.want(SHUTDOWN, a.id);
        machine.manager.remove(b.id);
      });
      await reported(a.id, SHUTDOWN);
      await machine.until('removed', () => !machine.runtime.containers.has(b.id));
    });

    it('keeps everything running when there is no manager', async () => {
      const task = await run();
      machine.server.up = false;
      await end(machine);
      await machine.start();
      await machine.clock.advance(120_000);
      assert.deepEqual(machine.runtime.running(), [task.id]);
      machine.runtime.exit(task.id, 0);
      await machine.settle();
      machine.server.up = true;
      await reported(task.id, COMPLETE, 8_100);
    });

    it('waits with a task that needs a secret until it was given the secret again', async () => {
      machine.runtime.behave({ prepareMs: 1_000 });
      const task = machine.task({
        spec: {
          runtime: { $case: 'container', value: { image: 'x', secrets: [{ secretId: 's1' }] } },
        },
      });
      machine.manager.assign(task, { secret: Secret.create({ id: 's1' }) });
      await reported(task.id, PREPARING, 500);
      machine.server.up = false;
      await end(machine);
      await machine.start();
      const verbs = machine.runtime.verbs.length;
      await machine.clock.advance(10_000);
      assert.equal(machine.runtime.verbs.length, verbs);
      machine.server.up = true;
      await reported(task.id, RUNNING, 10_000);
    });

    it('removes what the runtime holds and nobody knows, once it was told everything', async () => {
      const task = await run();
      machine.server.up = false;
      await end(machine);
      machine.runtime.make({ id: 'stray', nodeId: machine.nodeId });
      machine.runtime.make({ id: 'neighbour', nodeId: 'another node' });
      await machine.start();
      await machine.clock.advance(10_000);
      assert.ok(machine.runtime.containers.has('stray'), 'removed before the manager was heard');
      machine.server.up = true;
      await machine.until('it is removed', () => !machine.runtime.containers.has('stray'), 8_100);
      await machine.clock.advance(5_000);
      assert.deepEqual([...machine.runtime.containers.keys()], [task.id, 'neighbour']);
    });

    it('goes on removing what it was told to remove, without a manager', async () => {
      const task = await run();
      machine.runtime.available = false;
      machine.manager.remove(task.id);
      await machine.settle();
      machine.server.up = false;
      await end(machine);
      machine.runtime.available = true;
      await machine.start();
      await machine.until('it is removed', () => machine.runtime.containers.size === 0);
      await machine.until('it is forgotten', () => machine.disk.contents('agent').length === 0);
    });

    it('removes the tasks of the node that it was before, without asking', async () => {
      await run();
      machine.server.up = false;
      await end(machine);
      machine.identity$.next(machine.identity('manager', 'another'));
      await machine.start();
      await machine.until('removed', () => machine.runtime.containers.size === 0);
      await machine.until('forgotten', () => machine.disk.contents('agent').length === 0);
    });
  });

describe('when the process is killed', () => {
  let machine: Machine;
  beforeEach(async () => {
    machine = new Machine();
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
  });
  afterEach(() => machine.stop());
  const restart = async (survivors = 0) => {
    const streams = machine.manager.streams;
    machine.kill(survivors);
    machine.disk.release();
    await machine.start();
    await machine.until('in session', () => machine.manager.streams > streams, 500);
  };

  it('between the runtime’s create and the first write, the task is found again and not lost', async () => {
    machine.disk.hold();
    const task = machine.task();
    machine.manager.assign(task);
    await machine.until('it runs', () => machine.runtime.running().length === 1);
    await restart();
    await machine.until('it is RUNNING', () => machine.manager.state(task.id) === RUNNING, 200);
    assert.equal(machine.runtime.made.get(task.id), 1);
    assert.equal(machine.runtime.started.get(task.id), 1);
    await machine.until('it is on disk', () => machine.disk.contents('agent').length === 3);
  });

  it('and the task is no longer wanted, nothing is left of it', async () => {
    machine.disk.hold();
    const task = machine.task();
    machine.manager.assign(task);
    await machine.until('it runs', () => machine.runtime.running().length === 1);
    machine.kill();
    machine.manager.remove(task.id);
    machine.disk.release();
    await machine.start();
    await machine.until('it is removed', () => machine.runtime.containers.size === 0, 500);
  });

  it('an end was told to nobody before it was on disk', async () => {
    const task = machine.task();
    machine.manager.assign(task);
    await machine.until('it is RUNNING', () => machine.manager.state(task.id) === RUNNING, 200);
    await machine.settle();
    machine.disk.hold();
    machine.runtime.exit(task.id, 1);
    await machine.clock.advance(4_000);
    assert.equal(machine.manager.state(task.id), RUNNING);
    machine.disk.release();
    await machine.until('it is FAILED', () => machine.manager.state(task.id) === FAILED);
  });
});

describe('the disk', () => {
  let machine: Machine;
  beforeEach(async () => {
    machine = new Machine();
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
  });
  afterEach(async () => {
    await machine.stop();
    assert.deepEqual(machine.faults, []);
  });
  const state = (id: string, wanted: TaskState, limitMs = 200) =>
    machine.until(
      `${id} is ${TaskState[wanted]}`,
      () => machine.manager.state(id) === wanted,
      limitMs,
    );

  it('may be full: tasks run and end all the same, and are written when there is room', async () => {
    machine.disk.full = true;
    const [a, b] = machine.tasks(2);
    machine.manager.assign(a!, b!);
    await state(a!.id, RUNNING);
    machine.runtime.exit(a!.id, 0);
    await state(a!.id, COMPLETE);
    assert.equal(machine.disk.contents('agent').length, 0);
    await machine.clock.advance(10_000);
    assert.equal(machine.said.filter((line) => line.includes('not saved')).length, 1);
    machine.disk.full = false;
    await machine.until('written', () => machine.disk.contents('agent').length === 6, 1_100);
    assert.ok(machine.said.includes('the task database can be written again'));
  });

  it('may refuse a write while a newer one waits: the newer one is what counts', async () => {
    const task = machine.task();
    machine.manager.assign(task);
    await state(task.id, RUNNING);
    await machine.settle();
    machine.disk.hold();
    machine.manager.want(COMPLETE, task.id);
    await machine.settle();
    machine.runtime.exit(task.id, 0);
    await machine.settle();
    machine.manager.want(SHUTDOWN, task.id);
    await machine.settle();
    machine.disk.full = true;
    machine.disk.release();
    await machine.settle();
    machine.disk.full = false;
    await machine.clock.advance(1_100);
    await machine.settle();
    const stored = machine.disk
      .contents('agent')
      .find(([key]) => Buffer.from(key).toString().endsWith('/data'));
    assert.equal(Task.decode(stored![1]).desiredState, SHUTDOWN);
  });

  it('may hold a record that cannot be read: the task is adopted from the manager’s copy', async () => {
    const task = machine.task();
    machine.manager.assign(task);
    await state(task.id, RUNNING);
    await machine.settle();
    machine.kill();
    for (const part of ['data', 'status']) {
      const key = Buffer.from(`tasks/${task.id}/${part}`);
      machine.disk.tamper('agent', key, Uint8Array.of(0xff, 0xff, 0xff));
    }
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 2, 500);
    assert.ok(machine.said.some((line) => line.includes('cannot be read')));
    await machine.settle();
    assert.equal(machine.runtime.made.get(task.id), 1);
    machine.runtime.exit(task.id, 0);
    await state(task.id, COMPLETE);
  });
});
