import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  type ContainerdFixture,
  containerdMissing,
} from '@swarmkit/sdk/testkit/containerd-fixture';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Containers, pidOf, processName } from '../harness/containers.js';
import { Daemon } from '../harness/daemon.js';
import { swarmctl } from '../harness/run.js';
import { connectSwarm, startContainerd } from '../harness/single-node.js';
import { serviceSpec } from '../harness/specs.js';
import type { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** A containerd that dies, comes back, or is not there yet; and daemons that are told to stop. */

const each = new Cleanup();
let containerd: ContainerdFixture;
let containers: Containers;

const newDaemon = (): Daemon =>
  new Daemon(
    {
      stateDir: path.join(each.folder(), 'state'),
      executor: 'containerd',
      containerdAddr: containerd.address,
    },
    each,
  );

const connect = (daemon: Daemon): Swarm => connectSwarm(daemon, each);

describe('the runtime and the end', { skip: containerdMissing() ?? false }, () => {
  // Each test has a containerd of its own: what one leaves behind must not be counted by the next.
  beforeEach(async () => {
    containerd = await startContainerd(each);
    containers = new Containers(containerd.address, each);
  });
  afterEach(() => each.run());

  it('a containerd that dies takes no task with it', async () => {
    const daemon = newDaemon();
    await daemon.start();
    const swarm = connect(daemon);
    await swarm.ready();
    const kept = await swarm.create(serviceSpec({ name: 'kept', replicas: 3 }));
    const tasks = await swarm.running(kept.id, 3);
    const before = await containers.running();
    const from = daemon.output.length;

    await containerd.crash();
    const said = await until('it says so', () =>
      daemon.said(from).find((line) => /containerd/.test(line)),
    );
    assert.match(said, /containers run on, and this node tries again$/);
    const [victim, ...others] = tasks;
    const waiting = await swarm.create(serviceSpec({ name: 'waiting' }));
    const held = await swarm.task(
      'the new task says what it waits for',
      waiting.id,
      ({ status }) => (status?.err ?? '') !== '',
    );
    assert.match(
      held.status?.err ?? '',
      /containerd at .*containerd\.sock does not answer; start it, or set executor-containerd\.address/,
    );
    assert.ok((held.status?.state ?? 0) < TaskState.RUNNING, 'it has not failed');
    const inspected = await swarmctl(daemon.socket, 'task', 'inspect', held.id);
    assert.equal(inspected.status, 0, inspected.stderr);
    assert.match(inspected.stdout, /containerd at .* does not answer/);
    // Nobody is there to tell of this end.
    process.kill(pidOf(before.get(victim?.id ?? '') ?? ''), 'SIGKILL');
    for (const { id } of others) {
      const process = before.get(id) ?? '';
      assert.equal(processName(pidOf(process)), process, 'its container runs on');
    }
    const still = await swarm.tasks(kept.id);
    for (const { id } of others)
      assert.equal(still.find((task) => task.id === id)?.status?.state, TaskState.RUNNING);
    assert.deepEqual(
      still.filter(({ status }) => (status?.state ?? 0) > TaskState.RUNNING),
      [],
    );

    await containerd.launch();
    const [started] = await swarm.running(waiting.id, 1);
    assert.equal(started?.id, held.id, 'the same task goes on');
    assert.equal(started?.status?.err, '');
    const now = await until('the dead one is replaced', async () => {
      const up = await swarm.running(kept.id, 3);
      return up.every(({ id }) => id !== victim?.id) && containers.running();
    });
    for (const { id } of others) assert.equal(now.get(id), before.get(id), 'the same container');
    assert.equal(now.size, 4);
    await swarm.empty();
  });

  it('a daemon that starts before containerd waits for it, and adopts what ran', async () => {
    const daemon = newDaemon();
    await daemon.start();
    let swarm = connect(daemon);
    await swarm.ready();
    const kept = await swarm.create(serviceSpec({ name: 'kept', replicas: 2 }));
    await swarm.running(kept.id, 2);
    const before = await containers.running();
    await containerd.crash();
    await daemon.kill();
    const from = daemon.output.length;
    await daemon.start();
    const said = await until('it says what is missing', () =>
      daemon.said(from).find((line) => /containerd at/.test(line)),
    );
    assert.match(said, /containerd at .* does not answer; start it, or set executor-containerd/);
    swarm = connect(daemon);
    await until('the cluster answers', async () => (await swarm.services()).length === 1);
    await containerd.launch();
    await swarm.ready();
    await swarm.running(kept.id, 2);
    assert.deepEqual(await containers.running(), before);
    await swarm.empty();
  });

  it('a first start without containerd succeeds, and tasks begin when it comes', async () => {
    await containerd.crash();
    const daemon = newDaemon();
    await daemon.start();
    const swarm = connect(daemon);
    await until('the cluster answers', async () => (await swarm.nodes()).length === 1);
    const early = await swarm.create(serviceSpec({ name: 'early' }));
    const pending = await swarm.task(
      'the task says why it waits',
      early.id,
      ({ status }) => (status?.err ?? '') !== '',
    );
    assert.match(pending.status?.err ?? '', /^no suitable node/);
    await containerd.launch();
    await swarm.ready();
    await swarm.running(early.id, 1);
    await swarm.empty();
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`${signal} stops it in order and at once; containers run on and are adopted`, async () => {
      const daemon = newDaemon();
      await daemon.start();
      let swarm = connect(daemon);
      await swarm.ready();
      const kept = await swarm.create(serviceSpec({ name: 'kept', replicas: 3 }));
      const tasks = await swarm.running(kept.id, 3);
      const before = await containers.running();
      const from = performance.now();
      process.kill(daemon.pid, signal);
      assert.equal(await daemon.ended(), 0);
      const tookMs = performance.now() - from;
      assert.ok(tookMs < 5_000, `${tookMs} ms`);
      assert.deepEqual(
        daemon.said().filter((line) => /still stopping|failed in/.test(line)),
        [],
      );
      assert.deepEqual(await containers.running(), before);
      for (const left of ['swarmd.pid', 'swarmd.sock'])
        assert.ok(!existsSync(path.join(daemon.stateDir, left)), `${left} is left`);
      await daemon.start();
      swarm = connect(daemon);
      await swarm.ready();
      const again = await swarm.running(kept.id, 3);
      assert.deepEqual(again.map(({ id }) => id).sort(), tasks.map(({ id }) => id).sort());
      assert.deepEqual(await containers.running(), before);
      await swarm.empty();
    });

  it('SIGTERM in the middle of a start ends it too', async () => {
    const daemon = newDaemon();
    await daemon.start();
    await daemon.stop();
    for (const line of ['listening', 'raft log opened']) {
      const from = daemon.output.length;
      daemon.spawn();
      await until(`it says "${line}"`, () => daemon.said(from).includes(line));
      assert.equal(await daemon.stop(), 0, daemon.output.slice(from));
    }
    await daemon.start();
    await connect(daemon).ready();
  });
});
