/**
 * What every Executor must do, whatever runs beneath: call `executorConformance` at the top of a test
 * file with a way to open the executor. All commands are `sh` scripts, so that they run in a busybox
 * image and on a bare machine alike. Nothing here sleeps: it waits for facts, with a deadline.
 */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import type {
  Dependencies,
  Executor,
  ExecutorEvent,
  TaskController,
} from '../contracts/executor.js';
import { isRetryable, isSwarmError, messageOf } from '../plugin/errors.js';
import { Config, Secret, Task } from '../wire/gen/swarmkit/objects.js';
import { ContainerSpec } from '../wire/gen/swarmkit/specs.js';
import { eventually, within } from './eventually.js';
import { MemoryTaskLogs } from './memory-task-logs.js';

export interface OpenExecutor {
  readonly executor: Executor;
  /** Lets go as a crashing agent does: what runs goes on. */
  close(): Promise<void>;
}

export interface ExecutorConformance {
  readonly name: string;
  /** Why it cannot run here. Under CI=true a reason is a failure. */
  readonly skip?: string | undefined;
  /** Starts the runtime, once. */
  setUp?(): Promise<void>;
  /** Ends the runtime and all that is left. */
  tearDown?(): Promise<void>;
  /** A new executor over the same runtime and folders. Two are never open at a time. */
  open(logs: MemoryTaskLogs): Promise<OpenExecutor>;
  /** Image of the test containers; has `sh` and the usual applets. '' where there are no images. */
  readonly image: string;
  /** Health checks are run. */
  readonly healthchecks?: boolean;
  /** Secrets and configs are put into the container as files. */
  readonly dependencies?: boolean;
  /** Several nodes may use this runtime at once, each seeing only its own. */
  readonly shared?: boolean;
}

type SpecParts = Partial<ContainerSpec>;

const noDependencies: Dependencies = { secret: () => undefined, config: () => undefined };
/** A signal that never aborts; many verbs listen to it at once. */
const calm = new AbortController().signal;
setMaxListeners(0, calm);
let taskNumber = 0;

/** A task as an agent gets it, that runs `script` in a shell. */
export function shellTask(image: string, script: string, parts: SpecParts = {}): Task {
  // Ids stay unique over processes, so that a leftover of an earlier run cannot be adopted.
  const head = `conf${process.pid.toString(36)}x`;
  const id = head + (++taskNumber).toString(36).padStart(25 - head.length, '0');
  const spec = ContainerSpec.fromPartial({ image, command: ['sh', '-c', script], ...parts });
  return Task.fromPartial({
    id,
    serviceId: 'conformanceservice0000000',
    nodeId: 'conformancenode0000000000',
    slot: 1n,
    annotations: { name: '' },
    serviceAnnotations: { name: 'conformance' },
    spec: { runtime: { $case: 'container', value: spec } },
  });
}

export function executorConformance(setup: ExecutorConformance): void {
  const failing = setup.skip !== undefined && process.env.CI === 'true';
  describe(`executor conformance: ${setup.name}`, { skip: failing ? false : setup.skip }, () => {
    let logs = new MemoryTaskLogs();
    let opened: Promise<OpenExecutor> | undefined;
    let events: ExecutorEvent[] = [];
    const used = new Set<string>();

    before(async () => {
      assert.equal(setup.skip, undefined, setup.skip);
      await setup.setUp?.();
    });
    after(() => setup.tearDown?.());

    const open = async (): Promise<OpenExecutor> => {
      const made = await setup.open(logs);
      made.executor.events$.subscribe((event) => events.push(event));
      return made;
    };
    const executor = async (): Promise<Executor> => {
      opened ??= open();
      return (await opened).executor;
    };
    const close = async (): Promise<void> => {
      const last = opened;
      opened = undefined;
      await (await last)?.close();
    };
    const reopen = async (): Promise<void> => {
      await close();
      await executor();
    };
    const control = async (task: Task, dependencies = noDependencies): Promise<TaskController> => {
      used.add(task.id);
      return (await executor()).controller(task, dependencies);
    };
    const shell = (script: string, parts?: SpecParts): Task =>
      shellTask(setup.image, script, parts);
    const run = async (task: Task): Promise<TaskController> => {
      const controller = await control(task);
      await within(30_000, 'prepare', controller.prepare(calm));
      await within(30_000, 'start', controller.start(calm));
      return controller;
    };
    const ended = (controller: TaskController) => within(15_000, 'the end', controller.wait(calm));
    const said = (task: Task, line: string) =>
      eventually(`the line "${line}"`, () => logs.text(task.id)?.includes(line) === true, {
        explain: () => `have ${JSON.stringify(logs.text(task.id))}`,
      });
    const ms = (millis: number) => ({ seconds: 0n, nanos: millis * 1_000_000 });

    afterEach(async () => {
      const current = await executor();
      for (const id of used) await within(20_000, 'discard', current.discard(id));
      used.clear();
      await close();
      logs = new MemoryTaskLogs();
      events = [];
    });

    it('describes the machine', async () => {
      const description = await (await executor()).describe();
      assert.equal(
        description.platform?.os,
        process.platform === 'win32' ? 'windows' : process.platform,
      );
      assert.match(
        description.platform?.architecture ?? '',
        /^(x86_64|aarch64|arm\w*|ppc64le|s390x|riscv64)$/,
      );
      assert.ok((description.resources?.nanoCpus ?? 0n) >= 1_000_000_000n);
      assert.ok((description.resources?.memoryBytes ?? 0n) > 1_000_000n);
      assert.notEqual(description.engine?.engineVersion ?? '', '');
    });

    it('runs a task from prepare to remove', async () => {
      const task = shell('echo hello; exit 0');
      const controller = await control(task);
      assert.equal(await controller.containerStatus(), undefined);
      assert.equal(await controller.prepare(calm), 'done');
      assert.deepEqual(
        [...(await (await executor()).existing())].filter((id) => id === task.id),
        [task.id],
      );
      assert.equal(await controller.start(calm), 'done');
      assert.deepEqual({ code: (await ended(controller)).code }, { code: 0 });
      await said(task, 'hello');
      assert.equal((await controller.containerStatus())?.exitCode, 0);
      await controller.remove(calm);
      assert.ok(!(await (await executor()).existing()).includes(task.id));
      controller.close();
    });

    it('shows a task its secrets and configs', {
      skip: setup.dependencies === true ? false : 'it takes none',
    }, async () => {
      const file = (name: string) => ({
        $case: 'file' as const,
        value: { name, uid: '7', gid: '8', mode: 0o440 },
      });
      const task = shell(
        'cat /run/secrets/password /etc/motd; stat -c "%u:%g %a" /run/secrets/password; echo x > /etc/motd || echo refused',
        {
          secrets: [{ secretId: 's', secretName: 'pw', target: file('password') }],
          configs: [{ configId: 'c', configName: 'm', target: file('/etc/motd') }],
        },
      );
      const given: Dependencies = {
        secret: (id) => Secret.fromPartial({ id, spec: { data: Buffer.from('geheim\n') } }),
        config: (id) => Config.fromPartial({ id, spec: { data: Buffer.from('welcome\n') } }),
      };
      const controller = await control(task, given);
      await within(30_000, 'prepare', controller.prepare(calm));
      await within(30_000, 'start', controller.start(calm));
      await ended(controller);
      await said(task, 'refused');
      const lines = logs.text(task.id, 'stdout')?.filter((line) => line !== 'refused');
      assert.deepEqual(lines, ['geheim', 'welcome', '7:8 440']);
      const missing = shell('exit 0', {
        secrets: [{ secretId: 's', secretName: 'pw', target: file('password') }],
      });
      const refused = await control(missing);
      await assert.rejects(refused.prepare(calm), /secret s not found/);
    });

    it('lists what it holds for one node', async () => {
      const task = shell('exit 0');
      await (await control(task)).prepare(calm);
      const current = await executor();
      assert.ok((await current.existing(task.nodeId)).includes(task.id));
      if (setup.shared === true)
        assert.ok(!(await current.existing('anothernode00000000000000')).includes(task.id));
    });

    it('answers "already" to a verb that was done', async () => {
      const controller = await run(shell('exec sleep 1000'));
      const before = await controller.containerStatus();
      assert.ok((before?.pid ?? 0) > 0);
      assert.notEqual(before?.containerId, '');
      assert.equal(await controller.prepare(calm), 'already');
      assert.equal(await controller.start(calm), 'already');
      assert.deepEqual(await controller.containerStatus(), before);
    });

    it('reports the exit code', async () => {
      const controller = await run(shell('exit 7'));
      assert.equal((await ended(controller)).code, 7);
      assert.equal((await controller.containerStatus())?.exitCode, 7);
    });

    it('says by an event that a task ended', async () => {
      const task = shell('exit 0');
      await ended(await run(task));
      await eventually('an event', () =>
        events.some((e) => e.what === 'exited' && e.taskId === task.id),
      );
    });

    it('passes arguments, environment and working directory', async () => {
      const task = shell('', {
        command: ['sh', '-c', 'echo "$GREETING,$0,$1,$(pwd)"'],
        args: ['zero', 'one two'],
        env: ['GREETING=good morning'],
        dir: '/tmp',
      });
      await ended(await run(task));
      await said(task, 'good morning,zero,one two,/tmp');
    });

    it('hands over both streams, whole, with a last line that has no newline', async () => {
      const task = shell(
        'i=0; while [ $i -lt 500 ]; do echo line$i; i=$((i+1)); done; echo oops >&2; printf end',
      );
      await ended(await run(task));
      await said(task, 'end');
      await said(task, 'oops');
      assert.deepEqual(logs.text(task.id, 'stdout'), [
        ...Array.from({ length: 500 }, (_, i) => `line${i}`),
        'end',
      ]);
      assert.deepEqual(logs.text(task.id, 'stderr'), ['oops']);
    });

    it('stops with SIGTERM, and the task may say its own code', async () => {
      const task = shell("trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done");
      const controller = await run(task);
      await said(task, 'ready');
      await within(8_000, 'shutdown within the grace period', controller.shutdown(calm));
      assert.equal((await ended(controller)).code, 3);
    });

    it('stops with the signal that the spec names', async () => {
      const task = shell(
        "trap 'exit 4' INT; trap '' TERM; echo ready; while :; do sleep 0.1; done",
        {
          stopSignal: 'SIGINT',
        },
      );
      const controller = await run(task);
      await said(task, 'ready');
      await within(8_000, 'shutdown within the grace period', controller.shutdown(calm));
      assert.equal((await ended(controller)).code, 4);
    });

    it('kills what outlives its grace period', async () => {
      const task = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done", {
        stopGracePeriod: ms(300),
      });
      const controller = await run(task);
      await said(task, 'ready');
      const begun = performance.now();
      await within(8_000, 'shutdown', controller.shutdown(calm));
      assert.ok(performance.now() - begun >= 290, 'the grace period was not granted');
      assert.equal((await ended(controller)).code, 137);
      await within(1_000, 'shutdown of a stopped task', controller.shutdown(calm));
    });

    it('terminates at once', async () => {
      const task = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
      const controller = await run(task);
      await said(task, 'ready');
      await within(5_000, 'terminate', controller.terminate(calm));
      assert.equal((await ended(controller)).code, 137);
    });

    it('shuts down and removes what never ran', async () => {
      const fresh = await control(shell('exit 0'));
      await fresh.shutdown(calm);
      await fresh.terminate(calm);
      await fresh.remove(calm);
      const prepared = await control(shell('exit 0'));
      await prepared.prepare(calm);
      await prepared.shutdown(calm);
      await prepared.remove(calm);
      await prepared.remove(calm);
      assert.deepEqual(
        [...(await (await executor()).existing())].filter((id) => used.has(id)),
        [],
      );
    });

    it('removes a running task, and again', async () => {
      const task = shell('exec sleep 1000');
      const controller = await run(task);
      await within(10_000, 'remove', controller.remove(calm));
      await within(10_000, 'remove', controller.remove(calm));
      assert.ok(!(await (await executor()).existing()).includes(task.id));
    });

    it('names the command that is not there', async () => {
      const controller = await control(shell('', { command: ['/no/such/program'] }));
      const error = await controller
        .prepare(calm)
        .then(() => controller.start(calm))
        .then(
          () => assert.fail('it started'),
          (failure: unknown) => failure,
        );
      assert.ok(isSwarmError(error), `not a SwarmError: ${messageOf(error)}`);
      assert.match(error.message, /\/no\/such\/program/);
      assert.equal(isRetryable(error), false);
      await controller.remove(calm);
    });

    it('refuses a task that is not a container', async () => {
      const current = await executor();
      const attachment = Task.fromPartial({
        id: 'attachment0000000000000000'.slice(0, 25),
        spec: { runtime: { $case: 'attachment', value: { containerId: 'x' } } },
      });
      assert.equal(current.accepts(attachment), false);
      assert.throws(
        () => current.controller(attachment, noDependencies),
        /^SwarmError: exec: unsupported runtime$/,
      );
    });

    it('lets a wait be aborted and taken up again', async () => {
      const task = shell("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done");
      const controller = await run(task);
      await said(task, 'ready');
      const abort = new AbortController();
      const waiting = controller.wait(abort.signal);
      abort.abort();
      await assert.rejects(within(2_000, 'the aborted wait', waiting));
      await controller.shutdown(calm);
      assert.equal((await ended(controller)).code, 5);
    });

    it('does nothing for a signal that has aborted already', async () => {
      const controller = await control(shell('exec sleep 1000'));
      await assert.rejects(controller.prepare(AbortSignal.abort()));
      assert.equal(await controller.containerStatus(), undefined);
    });

    it('adopts a running task after a restart of the agent', async () => {
      const task = shell("trap 'echo bye; exit 6' TERM; echo ready; while :; do sleep 0.1; done");
      const first = await run(task);
      await said(task, 'ready');
      const status = await first.containerStatus();
      await reopen();
      assert.ok((await (await executor()).existing()).includes(task.id));
      const adopted = await control(task);
      assert.equal(await adopted.prepare(calm), 'already');
      assert.equal(await adopted.start(calm), 'already');
      assert.deepEqual(await adopted.containerStatus(), status);
      const waiting = ended(adopted);
      await adopted.shutdown(calm);
      assert.equal((await waiting).code, 6);
      await said(task, 'bye');
    });

    it('reports what ended while no agent looked', async () => {
      const task = shell("trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done");
      const controller = await run(task);
      await said(task, 'ready');
      const pid = (await controller.containerStatus())?.pid ?? 0;
      await close();
      process.kill(pid, 'SIGTERM');
      await eventually('the process to end', () => !isRunning(pid));
      const adopted = await control(task);
      assert.equal(await adopted.start(calm), 'already');
      assert.equal((await ended(adopted)).code, 8);
    });

    it('starts after a restart what was only prepared', async () => {
      const task = shell('echo late; exit 9');
      await (await control(task)).prepare(calm);
      await reopen();
      const controller = await control(task);
      assert.equal(await controller.prepare(calm), 'already');
      assert.equal(await controller.start(calm), 'done');
      assert.equal((await ended(controller)).code, 9);
      await said(task, 'late');
    });

    it('discards a running task that has no controller', async () => {
      const task = shell('exec sleep 1000');
      const pid = (await (await run(task)).containerStatus())?.pid ?? 0;
      await reopen();
      const current = await executor();
      await within(10_000, 'discard', current.discard(task.id));
      assert.ok(!(await current.existing()).includes(task.id));
      await eventually('the process to end', () => !isRunning(pid));
      await current.discard(task.id);
    });

    it('runs several tasks side by side', async () => {
      const tasks = Array.from({ length: 5 }, (_, i) => shell(`echo I am ${i}; exit ${i}`));
      const exits = await Promise.all(tasks.map(async (task) => ended(await run(task))));
      assert.deepEqual(
        exits.map((exit) => exit.code),
        [0, 1, 2, 3, 4],
      );
      for (const [i, task] of tasks.entries()) await said(task, `I am ${i}`);
    });

    describe('health check', { skip: setup.healthchecks === true ? false : 'not offered' }, () => {
      const check = (test: string, retries = 1) => ({
        healthcheck: {
          test: ['CMD-SHELL', test],
          interval: ms(150),
          timeout: ms(5000),
          retries,
          startPeriod: undefined,
          startInterval: undefined,
        },
      });

      it('start resolves when the task is healthy', async () => {
        const task = shell(
          'sleep 0.4; touch /tmp/healthy; exec sleep 1000',
          check('test -e /tmp/healthy', 50),
        );
        await run(task);
        await eventually('an event', () =>
          events.some((e) => e.what === 'healthy' && e.taskId === task.id),
        );
      });

      it('start fails when the task is unhealthy, and the task is stopped', async () => {
        const controller = await control(
          shell('exec sleep 1000', { ...check('exit 1'), stopGracePeriod: ms(100) }),
        );
        await controller.prepare(calm);
        await assert.rejects(
          within(15_000, 'start', controller.start(calm)),
          /unhealthy container/,
        );
        assert.notEqual((await controller.containerStatus())?.exitCode, 0);
      });

      it('a task that falls ill later ends with the reason', async () => {
        const task = shell('touch /tmp/healthy; exec sleep 1000', {
          ...check('test -e /tmp/healthy && rm /tmp/healthy'),
          stopGracePeriod: ms(100),
        });
        const controller = await run(task);
        assert.equal((await ended(controller)).reason, 'unhealthy container');
      });
    });
  });
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
