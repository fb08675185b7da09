import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import type { Dependencies, ExecutorEvent } from '@swarmkit/sdk/contracts/executor';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { eventually, within } from '@swarmkit/sdk/testkit/eventually';
import { shellTask } from '@swarmkit/sdk/testkit/executor-conformance';
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { Subject } from 'rxjs';
import { processesMarked } from '../shell/cgroups.js';
import { ProcessExecutor } from '../shell/process-executor.js';
import { marked } from './leftovers.js';

const memory = mkdtempSync('/dev/shm/swk-process-');
const calm = new AbortController().signal;
const file = (name: string) => ({
  $case: 'file' as const,
  value: { name, uid: '7', gid: '8', mode: 0o444 },
});
const given: Dependencies = {
  secret: (id) =>
    id === 'gone' ? undefined : Secret.fromPartial({ id, spec: { data: Buffer.from(`${id}\n`) } }),
  config: (id) => Config.fromPartial({ id, spec: { data: Buffer.from(`${id}\n`) } }),
};
const secret = (secretId: string, name: string) => ({
  secretId,
  secretName: name,
  target: file(name),
});

describe('secrets and configs of a process', () => {
  let executor: ProcessExecutor;
  let logs: MemoryTaskLogs;
  beforeEach(() => {
    const events = new Subject<ExecutorEvent>();
    logs = new MemoryTaskLogs();
    executor = new ProcessExecutor({
      dir: path.join(memory, 'tasks'),
      memoryDir: path.join(memory, 'secrets'),
      clock: {
        now: Date.now,
        monotonic: () => performance.now(),
        after: (ms, run) => {
          const timer = setTimeout(run, ms);
          return () => clearTimeout(timer);
        },
      },
      logs,
      events: { name: 'e', dropped: 0, publish: (event) => events.next(event), facts$: events },
    });
  });
  afterEach(async () => {
    for (const id of await executor.existing()) await executor.discard(id);
    executor.close();
  });
  after(() => rmSync(memory, { recursive: true, force: true }));

  it('are where a variable says, in memory, for this user alone, and go with the task', async () => {
    const task = shellTask(
      '',
      'cat $SWARMKIT_FILES/run/secrets/key $SWARMKIT_FILES/run/secret/up $SWARMKIT_FILES/etc/motd; echo $SWARMKIT_FILES',
      {
        secrets: [secret('s1', 'key'), secret('s2', '../secret/up')],
        configs: [{ configId: 'c', configName: 'm', target: file('../../etc/motd') }],
      },
    );
    const controller = executor.controller(task, given);
    assert.equal(await controller.prepare(calm), 'done');
    await controller.start(calm);
    assert.equal((await within(15_000, 'the end', controller.wait(calm))).code, 0);
    await eventually('the output', () => logs.text(task.id, 'stdout')?.length === 4);
    const [a, b, c, root = ''] = logs.text(task.id, 'stdout') ?? [];
    assert.deepEqual([a, b, c], ['s1', 's2', 'c']);
    const folder = path.join(memory, 'secrets/process', task.id);
    assert.equal(root, path.join(folder, 'root'));
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    const key = statSync(path.join(root, 'run/secrets/key'));
    assert.deepEqual([key.mode & 0o777, key.uid], [0o600, process.getuid?.()]);
    await controller.remove(calm);
    assert.equal(existsSync(folder), false);
    controller.close();
  });

  it('that the node was not given fail the task before it starts', async () => {
    const task = shellTask('', 'exit 0', { secrets: [secret('gone', 'key')] });
    await assert.rejects(executor.controller(task, given).prepare(calm), /secret gone not found/);
  });

  it('are refused together with a user of its own, and nothing of them is in the refusal', () => {
    const task = shellTask('', 'exit 0', { secrets: [secret('s1', 'key')], user: 'nobody' });
    assert.throws(
      () => executor.controller(task, given),
      (error) =>
        messageOf(error).startsWith(
          'a plain process cannot have secrets and configs together with a user of its own;',
        ),
    );
  });

  it('what a process left running ends with it', async () => {
    const script = 'sleep 1000 & (sleep 1000 &) ; echo ready; read line < $GO; exit 4';
    const go = path.join(memory, 'go');
    execFileSync('mkfifo', [go]);
    const task = shellTask('', script, { env: [`GO=${go}`] });
    const controller = executor.controller(task, given);
    await controller.prepare(calm);
    await controller.start(calm);
    await eventually(
      'both to run',
      () => marked(task.id).filter((one) => /^\d+: sleep 1000/.test(one)).length === 2,
    );
    writeFileSync(go, 'on\n');
    assert.equal((await within(15_000, 'the end', controller.wait(calm))).code, 4);
    await controller.remove(calm);
    assert.deepEqual(marked(task.id), []);
    controller.close();
  });

  it('where no control group can be made, it is known by its mark', () => {
    const child = spawn('sleep', ['1000'], { env: { SWARMKIT_TASK_ID: 'without-group' } });
    try {
      assert.deepEqual(processesMarked('without-group'), [child.pid]);
      assert.deepEqual(processesMarked('without'), []);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
