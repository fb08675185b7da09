import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { durationFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import { containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, type ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  RestartPolicy_RestartCondition,
  TaskState,
  UpdateConfig,
  UpdateConfig_UpdateOrder,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { type SingleNode, startSingleNode } from '../harness/single-node.js';
import { serviceSpec, sleeping, withContainer, withReplicas } from '../harness/specs.js';
import { until } from '../harness/until.js';

/** A service's life on a real containerd, from its creation to its removal. */

const cleanup = new Cleanup();
let node: SingleNode;

describe('services on containerd', { skip: containerdMissing() ?? false }, () => {
  before(async () => {
    node = await startSingleNode(cleanup);
  });
  after(() => cleanup.run());
  afterEach(async () => {
    await node.swarm.empty();
    await until('no container is left', async () => (await node.containers.all()).size === 0);
  });

  it('replicated: grows and shrinks by whole slots, and leaves nothing behind', async () => {
    const { swarm, containers } = node;
    const service = await swarm.create(serviceSpec({ name: 'web', replicas: 3 }));
    const three = await swarm.running(service.id, 3);
    const before = await containers.running();
    assert.deepEqual(slotsOf(three), [1, 2, 3]);

    await swarm.change(service.id, (spec) => withReplicas(spec, 5));
    assert.deepEqual(slotsOf(await swarm.running(service.id, 5)), [1, 2, 3, 4, 5]);
    const five = await containers.running();
    for (const [id, process] of before) assert.equal(five.get(id), process, 'not touched');

    await swarm.change(service.id, (spec) => withReplicas(spec, 2));
    await swarm.running(service.id, 2);
    const two = await until('two containers run', async () => {
      const now = await containers.running();
      return now.size === 2 ? now : undefined;
    });
    for (const [id, process] of two) assert.equal(five.get(id), process, 'not touched');

    await swarm.change(service.id, (spec) => withReplicas(spec, 0));
    await swarm.running(service.id, 0);
    await until('none runs', async () => (await containers.running()).size === 0);
  });

  it('global: one task on the node, through update and removal', async () => {
    const { swarm, containers } = node;
    const service = await swarm.create(serviceSpec({ name: 'each', global: true }));
    const [first] = await swarm.running(service.id, 1);
    assert.equal(first?.slot, 0n);
    assert.equal(first?.nodeId, (await swarm.nodes())[0]?.id);
    await swarm.change(service.id, (spec) => withContainer(spec, { args: ['sleep', '7777'] }));
    const [second] = await until('the new task runs', async () => {
      const up = await swarm.running(service.id, 1);
      return up[0]?.id === first?.id ? undefined : up;
    });
    assert.deepEqual(commandOf(second), ['sleep', '7777']);
    assert.equal((await containers.running()).size, 1);
  });

  for (const [order, lowest, highest] of [
    ['STOP_FIRST', 2, 3],
    ['START_FIRST', 3, 4],
  ] as const)
    it(`an update goes task by task, ${order}`, async () => {
      const { swarm, containers } = node;
      const update = UpdateConfig.fromPartial({
        parallelism: 1n,
        delay: durationFromMs(50),
        monitor: durationFromMs(200),
        order: UpdateConfig_UpdateOrder[order],
      });
      const service = await swarm.create({ ...serviceSpec({ name: 'web', replicas: 3 }), update });
      await swarm.running(service.id, 3);
      const before = await containers.running();
      const updated = await swarm.change(service.id, (spec) =>
        withContainer(spec, { args: ['sleep', '8888'] }),
      );
      const counts = new Set<number>();
      await until('the update is completed', async () => {
        counts.add(runningOf(await swarm.tasks(service.id)));
        const { updateStatus } = await swarm.service(service.id);
        return updateStatus?.state === UpdateStatus_UpdateState.COMPLETED;
      });
      assert.ok(Math.min(...counts) >= lowest, `${[...counts]} ran`);
      assert.ok(Math.max(...counts) <= highest, `${[...counts]} ran`);
      const now = await swarm.running(service.id, 3);
      for (const task of now) {
        assert.deepEqual(commandOf(task), ['sleep', '8888']);
        assert.deepEqual(task.specVersion, updated.specVersion);
      }
      const after = await containers.running();
      assert.deepEqual(
        [...after.keys()].sort(),
        now.map(({ id }) => id).sort(),
        'exactly these run',
      );
      for (const id of before.keys()) assert.ok(!after.has(id));
    });

  it('an update that fails stops where it is, and the rest runs on', async () => {
    const { swarm } = node;
    const update = UpdateConfig.fromPartial({ parallelism: 1n, monitor: durationFromMs(5_000) });
    const service = await swarm.create({ ...serviceSpec({ name: 'web', replicas: 3 }), update });
    await swarm.running(service.id, 3);
    await swarm.change(service.id, (spec) => withContainer(spec, { args: ['no-such-program'] }));
    const paused = await until('the update is paused', async () => {
      const { updateStatus } = await swarm.service(service.id);
      return updateStatus?.state === UpdateStatus_UpdateState.PAUSED ? updateStatus : undefined;
    });
    assert.match(paused.message, /^update paused due to failure or early termination of task /);
    assert.equal(runningOf(await swarm.tasks(service.id)), 2);
    await swarm.change(service.id, (spec) => withContainer(spec, { args: [...sleeping] }));
    await swarm.running(service.id, 3);
  });

  describe('restart policy', () => {
    it('a killed container is replaced in its slot, after the delay', async () => {
      const { swarm, containers } = node;
      const service = await swarm.create(withRestart('ANY', 1_000));
      const [first] = await swarm.running(service.id, 1);
      await containers.kill(first?.id ?? '');
      const dead = await swarm.task(
        'it is noticed',
        service.id,
        (task) => task.status?.state === TaskState.FAILED,
      );
      assert.equal(dead.id, first?.id);
      assert.equal(dead.status?.err, 'task: non-zero exit (137)');
      const [second] = await swarm.running(service.id, 1);
      assert.notEqual(second?.id, first?.id);
      assert.equal(second?.slot, first?.slot);
      const waited = startedAt(second) - startedAt(dead);
      assert.ok(waited >= 1_000, `${waited} ms between the end and the new start`);
    });

    for (const [condition, args, state] of [
      ['NONE', ['sh', '-c', 'exit 5'], TaskState.FAILED],
      ['NONE', ['true'], TaskState.COMPLETE],
      ['ON_FAILURE', ['true'], TaskState.COMPLETE],
    ] as const)
      it(`${condition}: a task that ends ${TaskState[state]} is not replaced`, async () => {
        const { swarm } = node;
        const service = await swarm.create(withContainer(withRestart(condition, 100), { args }));
        const ended = await swarm.task(
          'it ends',
          service.id,
          (task) => task.status?.state === state,
        );
        // A second service that comes and goes: the daemon had every reason to look again.
        const other = await swarm.create(serviceSpec({ name: 'other' }));
        await swarm.running(other.id, 1);
        await swarm.remove(other.id);
        await until('it is gone', async () => (await swarm.tasks(other.id)).length === 0);
        assert.deepEqual(
          (await swarm.tasks(service.id)).map(({ id }) => id),
          [ended.id],
        );
      });
  });

  it('a drained node gives its tasks up, an active one takes them, a paused one keeps its own', async () => {
    const { swarm, containers } = node;
    const web = await swarm.create(serviceSpec({ name: 'web', replicas: 2 }));
    const each = await swarm.create(serviceSpec({ name: 'each', global: true }));
    await swarm.running(web.id, 2);
    await swarm.running(each.id, 1);

    await setAvailability('DRAIN');
    await until('nothing runs', async () => (await containers.running()).size === 0);
    const waiting = await swarm.task(
      'a task says why it waits',
      web.id,
      ({ status }) => status?.state === TaskState.PENDING && status.err !== '',
    );
    assert.equal(waiting.status?.err, 'no suitable node (1 node not available for new tasks)');

    await setAvailability('ACTIVE');
    await swarm.running(web.id, 2);
    await swarm.running(each.id, 1);
    const before = await containers.running();

    await setAvailability('PAUSE');
    await swarm.change(web.id, (spec) => withReplicas(spec, 3));
    await swarm.task(
      'the third task waits',
      web.id,
      ({ status }) => status?.err === 'no suitable node (1 node not available for new tasks)',
    );
    assert.deepEqual(await containers.running(), before, 'what runs is kept');
    await setAvailability('ACTIVE');
    await swarm.running(web.id, 3);
    for (const [id, process] of before)
      assert.equal((await containers.running()).get(id), process, 'what runs is kept');
  });

  it('what a task prints reaches its log files', async () => {
    const { swarm, daemon } = node;
    const script = 'echo to the world; echo to the operator >&2; exec sleep 1000';
    const service = await swarm.create(
      serviceSpec({ name: 'talks', container: { args: ['sh', '-c', script] } }),
    );
    const [task] = await swarm.running(service.id, 1);
    const folder = path.join(daemon.stateDir, 'logs', task?.id ?? '');
    const text = await until('both lines are in the log', () => {
      const all = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
      const joined = all.join('');
      return /operator/.test(joined) && /world/.test(joined) && joined;
    });
    assert.match(text, /stdout.*to the world$/m);
    assert.match(text, /stderr.*to the operator$/m);
  });
});

async function setAvailability(availability: keyof typeof NodeSpec_Availability): Promise<void> {
  const { swarm } = node;
  const [self] = await swarm.nodes();
  assert.ok(self !== undefined);
  await swarm.updateNode(self, (spec) => ({
    ...spec,
    availability: NodeSpec_Availability[availability],
  }));
}

const withRestart = (
  condition: keyof typeof RestartPolicy_RestartCondition,
  delayMs: number,
): ServiceSpec =>
  serviceSpec({
    name: 'restarts',
    task: {
      restart: {
        condition: RestartPolicy_RestartCondition[condition],
        delay: durationFromMs(delayMs),
      },
    },
  });

const slotsOf = (tasks: readonly Task[]): number[] =>
  tasks.map(({ slot }) => Number(slot)).sort((a, b) => a - b);

const runningOf = (tasks: readonly Task[]): number =>
  tasks.filter(({ status }) => status?.state === TaskState.RUNNING).length;

const commandOf = (task: Task | Service | undefined): readonly string[] => {
  const runtime = (task as Task | undefined)?.spec?.runtime;
  return runtime?.$case === 'container' ? runtime.value.args : [];
};

const startedAt = (task: Task | undefined): number => timestampToMs(task?.status?.timestamp) ?? 0;
