import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Containers } from '../harness/containers.js';
import { Daemon } from '../harness/daemon.js';
import { connectSwarm, startContainerd } from '../harness/single-node.js';
import { serviceSpec } from '../harness/specs.js';
import type { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';
import { absent, type ServiceRecord, wantedOf } from './crash-ledger.js';
import { Writers } from './crash-writers.js';

/**
 * kill -9 of swarmd at random moments of a rollout. CRASH_ROUNDS says how often (`npm run test:crash`:
 * 20), CRASH_SEED replays the dice of a run; the moments themselves depend on the machine too.
 */

const kills = Number(process.env.CRASH_ROUNDS ?? 5);
const seed = process.env.CRASH_SEED ?? String(Date.now() % 1_000_000);
/** A rollout of this size takes about as long on two processors. */
const ROLLOUT_MS = 2_000;
const START_MS = 800;
const CONVERGE_MS = 60_000;

const cleanup = new Cleanup();
after(() => cleanup.run());

describe(`kill -9, ${kills} times`, { skip: containerdMissing() ?? false }, () => {
  it('loses no acknowledged write and restarts no container', async (t) => {
    const random = seededRandom(seed);
    const containerd = await startContainerd(cleanup);
    const containers = new Containers(containerd.address, cleanup);
    const stateDir = path.join(cleanup.folder(), 'state');
    const daemon = new Daemon(
      {
        stateDir,
        executor: 'containerd',
        containerdAddr: containerd.address,
        args: ['-l', 'warn'],
      },
      cleanup,
    );
    const writers = new Writers(random.fork('writers'));
    const moments = random.fork('moments');
    const recoveries: number[] = [];
    t.after(() => {
      if (!finished)
        t.diagnostic(
          `seed ${seed}; swarmd said:\n${daemon.said().join('\n')}\ncontainerd: ${containerd.logTail()}`,
        );
    });
    let finished = false;
    let kept = 0;
    let swarm = await startAnew(daemon);
    const anchors = [
      await swarm.create(serviceSpec({ name: 'anchor', replicas: 2 })),
      await swarm.create(serviceSpec({ name: 'anchor-global', global: true })),
    ];
    await until('the anchors run', async () => (await containers.running()).size === 3);
    const anchored = await containers.running();

    for (let done = 0; done < kills; ) {
      const rolling = writers.run(swarm);
      await Promise.race([rolling, pause(moments.int(ROLLOUT_MS))]);
      writers.kill();
      await daemon.kill();
      await rolling;
      swarm.close();
      done++;
      const before = await containers.running();
      const owners = await containers.all();
      // Every third crash is followed by one in the middle of the recovery.
      if (done % 3 === 2 && done < kills) {
        daemon.spawn();
        await pause(moments.int(START_MS));
        await daemon.kill();
        done++;
      }

      const from = performance.now();
      swarm = await startAnew(daemon);
      const found = await swarm.services();
      const grew = new Set(growing(writers.records).map(({ service }) => service?.id));
      const strict = new Set([...anchors.map(({ id }) => id), ...grew]);
      assert.deepEqual(
        writers.records.flatMap((record) => record.settle(found)),
        [],
        'acknowledged writes',
      );
      const now = await converged(swarm, containers);
      recoveries.push(performance.now() - from);
      const restarted = [...before].filter(([id, process]) => {
        if (now.get(id) === process) kept++;
        return now.has(id) ? now.get(id) !== process : strict.has(owners.get(id) ?? '');
      });
      assert.deepEqual(restarted, [], 'containers that ran and had no reason to end');
      for (const [id, process] of anchored) assert.equal(now.get(id), process, `container ${id}`);
    }

    await swarm.empty(CONVERGE_MS);
    await until('no container is left', async () => (await containers.all()).size === 0);
    await until(
      'nothing of a task is left on disk',
      () => readdirSync(path.join(stateDir, 'runtime/tasks')).length === 0,
    );
    swarm.close();
    assert.equal(await daemon.stop(), 0);
    finished = true;
    const times = recoveries.sort((a, b) => a - b).map((ms) => Math.round(ms));
    t.diagnostic(
      `seed ${seed}: ${kills} kills, ${writers.acknowledged} writes acknowledged, ${writers.lost} without an answer, ` +
        `${kept} times a container was found again; ms to converge: median ${times[times.length >> 1]}, most ${times.at(-1)}`,
    );
  });
});

async function startAnew(daemon: Daemon): Promise<Swarm> {
  await daemon.start();
  const swarm = connectSwarm(daemon, cleanup);
  await until('the Control API answers', () => swarm.services());
  return swarm;
}

/** Services whose containers had no reason to end since the last look. */
const growing = (records: readonly ServiceRecord[]): readonly ServiceRecord[] =>
  records.filter((record) => record.onlyGrew && record.acknowledged !== absent);

/**
 * Waits until each service has its tasks, all of the present spec, one a slot, and exactly these run in
 * containerd. Answers their processes.
 */
async function converged(
  swarm: Swarm,
  containers: Containers,
): Promise<ReadonlyMap<string, string>> {
  return until(
    'everything converges',
    async () => {
      const services = await swarm.services();
      const tasks = await swarm.tasks();
      assert.deepEqual(
        tasks.filter(hasFailed).map(describeTask),
        [],
        'no task fails because of a crash of the daemon',
      );
      const wanted = tasks.filter((task) => task.desiredState <= TaskState.RUNNING);
      assert.deepEqual(
        wanted.filter((task) => task.status?.state !== TaskState.RUNNING).map(describeTask),
        [],
        'tasks that do not run',
      );
      const running = await containers.running();
      assert.deepEqual([...running.keys()].sort(), wanted.map(({ id }) => id).sort());
      for (const service of services) assertRolledOut(service, wanted);
      return running;
    },
    CONVERGE_MS,
  );
}

function assertRolledOut(service: Service, wanted: readonly Task[]): void {
  const own = wanted.filter(({ serviceId }) => serviceId === service.id);
  const name = service.spec?.annotations?.name;
  const { replicas, generation } = wantedOf(service.spec);
  const slots = new Set(own.map(({ slot, nodeId }) => (slot === 0n ? nodeId : String(slot))));
  assert.equal(slots.size, own.length, `${name} has two tasks in one slot`);
  assert.equal(own.length, replicas < 0 ? 1 : replicas, `tasks of ${name}`);
  for (const task of own)
    assert.equal(
      wantedOf({ ...service.spec!, task: task.spec }).generation,
      generation,
      `generation of a task of ${name}`,
    );
}

/** One that was being stopped when the daemon died is found to have been killed. */
const hasFailed = ({ status, desiredState }: Task): boolean =>
  (status?.state ?? 0) >= TaskState.FAILED &&
  !(desiredState > TaskState.RUNNING && status?.err === 'task: non-zero exit (137)');

const describeTask = ({ id, serviceAnnotations, slot, status, desiredState }: Task): string =>
  `${serviceAnnotations?.name}.${slot} ${id}: ${TaskState[status?.state ?? 0]}, wanted ${TaskState[desiredState]}, ${status?.err}`;
