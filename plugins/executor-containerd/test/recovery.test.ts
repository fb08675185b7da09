/** containerd dies and comes back; the tasks do not notice. */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import { ContainerdFixture, containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { eventually, within } from '@swarmkit/sdk/testkit/eventually';
import { shellTask } from '@swarmkit/sdk/testkit/executor-conformance';
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import type { ContainerdExecutor } from '../shell/executor.js';
import {
  BUSYBOX_REFERENCE,
  importBusybox,
  newExecutor,
  type RecordedLog,
  recordedLog,
  skipWithout,
} from './support.js';

const calm = new AbortController().signal;
setMaxListeners(0, calm);
const unavailable = {
  kind: 'unavailable',
  code: 'CONTAINERD_UNAVAILABLE',
  message:
    /^containerd at \S+ does not answer; start it, or set executor-containerd\.address to its socket$/,
};

describe('recovery', skipWithout(containerdMissing()), () => {
  let fixture: ContainerdFixture;
  let executor: ContainerdExecutor;
  let log: RecordedLog;
  let logs: MemoryTaskLogs;
  let events: ExecutorEvent[];

  beforeEach(async () => {
    fixture = await ContainerdFixture.start();
    await importBusybox(fixture);
    log = recordedLog();
    logs = new MemoryTaskLogs();
    events = [];
    executor = newExecutor(fixture, logs, log);
    executor.events$.subscribe((event) => events.push(event));
    await happened('available');
  });
  afterEach(() => {
    executor.stop();
    fixture.stop();
  });

  const count = (what: ExecutorEvent['what']): number =>
    events.filter((event) => event.what === what).length;
  const happened = (what: ExecutorEvent['what'], times = 1) =>
    eventually(`${what} (${times})`, () => count(what) >= times);
  const task = (script: string) => shellTask(BUSYBOX_REFERENCE, script);
  const begin = async (script: string) => {
    const made = task(script);
    const controller = executor.controller(made);
    await controller.prepare(calm);
    await controller.start(calm);
    await eventually('ready', () => logs.text(made.id)?.includes('ready') === true);
    return { task: made, controller, pid: (await controller.containerStatus())?.pid ?? 0 };
  };
  const patient = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done";

  it('says once that containerd is gone, and that it is back', async () => {
    await fixture.crash();
    await happened('unavailable');
    await assert.rejects(executor.describe(), unavailable);
    await assert.rejects(executor.controller(task('true')).prepare(calm), unavailable);
    await assert.rejects(executor.existing(), unavailable);
    assert.equal(log.warnings.length, 1);
    assert.match(
      log.warnings[0] ?? '',
      /does not answer; start it, .*; containers run on, and this node tries again$/,
    );
    await fixture.launch();
    await happened('available', 2);
    assert.equal(count('unavailable'), 1);
    await begin('echo ready; sleep 100');
  });

  it('a wait lasts through it, and the container runs on', async () => {
    const { controller, pid } = await begin(patient);
    const exit = controller.wait(calm);
    await fixture.crash();
    await happened('unavailable');
    await fixture.launch();
    await happened('available', 2);
    assert.equal((await controller.containerStatus())?.pid, pid);
    await controller.shutdown(calm);
    assert.deepEqual(await within(10_000, 'the end', exit), { code: 5 });
  });

  it('hears of what ended meanwhile', async () => {
    const { controller, pid } = await begin(patient);
    const exit = controller.wait(calm);
    await fixture.crash();
    await happened('unavailable');
    process.kill(pid, 'SIGTERM');
    await eventually('the process to end', () => !isAlive(pid));
    await fixture.launch();
    assert.deepEqual(await within(15_000, 'the end', exit), { code: 5 });
  });

  it('a stop without containerd fails at once and can be tried again', async () => {
    const { controller, pid } = await begin(patient);
    await fixture.crash();
    await happened('unavailable');
    await assert.rejects(within(3_000, 'the refusal', controller.shutdown(calm)), unavailable);
    assert.ok(isAlive(pid));
    await fixture.launch();
    await happened('available', 2);
    await controller.shutdown(calm);
    assert.equal((await controller.wait(calm)).code, 5);
  });

  it('keeps the output that was written while containerd was away', async () => {
    const { task: made, controller } = await begin(
      "echo ready; trap 'echo late; exit 0' TERM; while :; do sleep 0.1; done",
    );
    await fixture.crash();
    await happened('unavailable');
    process.kill((await controller.containerStatus())?.pid ?? 0, 'SIGTERM');
    await eventually('late', () => logs.text(made.id)?.includes('late') === true);
  });

  it('starts before containerd does', async () => {
    await fixture.crash();
    executor.stop();
    events = [];
    executor = newExecutor(fixture, logs, log);
    executor.events$.subscribe((event) => events.push(event));
    await happened('unavailable');
    await fixture.launch();
    await happened('available');
    await begin('echo ready; sleep 100');
  });

  it('a task survives the crash of agent and containerd together', async () => {
    const { task: made, pid } = await begin(patient);
    executor.stop();
    await fixture.crash();
    await fixture.launch();
    executor = newExecutor(fixture, logs, log);
    const adopted = executor.controller(made);
    assert.equal(await adopted.prepare(calm), 'already');
    assert.equal(await adopted.start(calm), 'already');
    assert.equal((await adopted.containerStatus())?.pid, pid);
    await adopted.shutdown(calm);
    assert.equal((await adopted.wait(calm)).code, 5);
  });
});

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
