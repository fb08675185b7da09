import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Machine } from './agent-life.js';

const { ASSIGNED, RUNNING, COMPLETE, SHUTDOWN, FAILED, REMOVE } = TaskState;

describe('agent', () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine();
  });
  afterEach(async () => {
    await machine.stop();
    assert.deepEqual(machine.faults, []);
  });
  const reported = (id: string, state: TaskState, limitMs = 0) =>
    machine.until(
      `${id} is ${TaskState[state]}`,
      () => machine.manager.state(id) === state,
      limitMs,
    );

  it('runs a task and reports it', async () => {
    await machine.start();
    const task = machine.task();
    machine.manager.assign(task);
    await reported(task.id, RUNNING, 1000);
    assert.deepEqual(machine.runtime.running(), [task.id]);
    machine.runtime.exit(task.id, 0);
    await reported(task.id, COMPLETE);
    machine.manager.remove(task.id);
    await machine.until('removed', () => machine.runtime.containers.size === 0);
    await machine.until('forgotten', () => machine.disk.contents('agent').length === 0);
    void ASSIGNED;
    void SHUTDOWN;
    void FAILED;
    void REMOVE;
  });
});
