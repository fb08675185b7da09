import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type ContainerdFixture,
  containerdMissing,
} from '@swarmkit/sdk/testkit/containerd-fixture';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Cleanup } from '../harness/cleanup.js';
import { Containers } from '../harness/containers.js';
import { Daemon } from '../harness/daemon.js';
import { swarmctl } from '../harness/run.js';
import { connectSwarm, startContainerd } from '../harness/single-node.js';
import { SmallDisk } from '../harness/small-disk.js';
import { serviceSpec } from '../harness/specs.js';
import type { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** A disk that is full or gives back other bytes than were written, under a daemon with containers. */

const each = new Cleanup();
let containerd: ContainerdFixture;
let containers: Containers;

describe('a bad disk', { skip: containerdMissing() ?? SmallDisk.missing ?? false }, () => {
  // Each test has a containerd of its own: what one leaves behind must not be counted by the next.
  beforeEach(async () => {
    containerd = await startContainerd(each);
    containers = new Containers(containerd.address, each);
  });
  afterEach(() => each.run());

  it('full: writes are refused, tasks run on, and with room everything goes on', async () => {
    const disk = new SmallDisk(each, 40);
    const daemon = newDaemon(path.join(disk.dir, 'state'));
    await daemon.start();
    let swarm = connect(daemon);
    await swarm.ready();
    const quiet = await swarm.create(serviceSpec({ name: 'quiet', replicas: 2 }));
    const args = ['sh', '-c', 'while :; do echo still here; usleep 50000; done'];
    const chatty = await swarm.create(serviceSpec({ name: 'chatty', container: { args } }));
    await swarm.running(quiet.id, 2);
    const [talker] = await swarm.running(chatty.id, 1);
    const before = await containers.running();

    disk.fill();
    let acknowledged = await swarm.service(quiet.id);
    const refused = await refusal(async () => {
      for (let n = 0; ; n++)
        acknowledged = await swarm.update(acknowledged, padded(acknowledged, n));
    });
    assert.equal(refused.kind, 'resource-exhausted', refused.message);
    assert.match(refused.message, /the disk that holds .*state\/storage\/raft is full: make room/);
    for (let n = 0; n < 3; n++) {
      const again = await refusal(() => swarm.create(serviceSpec({ name: `refused-${n}` })));
      assert.match(
        again.message,
        /^nothing was written: the disk that holds .* is full: make room/,
      );
    }
    const said = await swarmctl(daemon.socket, 'service', 'create', '--detach', '--name', 'x', 'y');
    assert.notEqual(said.status, 0);
    assert.match(said.stderr, /^swarmctl: .* is full: make room, .*\n$/);
    assert.equal((await swarm.services()).length, 2, 'what is there can be read');
    assert.deepEqual(await containers.running(), before, 'tasks are untouched');
    // What happens meanwhile is dealt with later.
    await containers.kill(talker?.id ?? '');

    disk.empty();
    const created = await until('writes work again', () =>
      swarm.create(serviceSpec({ name: 'after' })),
    );
    await swarm.running(created.id, 1);
    const [heir] = await swarm.running(chatty.id, 1);
    assert.notEqual(heir?.id, talker?.id, 'the killed container was replaced');
    await holds(swarm, acknowledged);
    const now = await containers.running();
    for (const { id } of await swarm.running(quiet.id, 2))
      assert.equal(now.get(id), before.get(id));

    await daemon.kill();
    await daemon.start();
    swarm = connect(daemon);
    await swarm.ready();
    await holds(swarm, acknowledged);
    assert.equal((await swarm.services()).length, 3);
    await swarm.running(quiet.id, 2);
    assert.deepEqual(await containers.running(), now);
    await swarm.empty();
    assert.equal(await daemon.stop(), 0);
  });

  it('full at the start: one sentence, and with room it starts', async () => {
    const disk = new SmallDisk(each, 40);
    const daemon = newDaemon(path.join(disk.dir, 'state'));
    await daemon.start();
    const swarm = connect(daemon);
    await swarm.ready();
    const service = await swarm.create(serviceSpec({ name: 'kept', replicas: 2 }));
    await swarm.running(service.id, 2);
    const before = await containers.running();
    await daemon.kill();
    disk.fill();
    const from = daemon.output.length;
    await daemon.start();
    const sentence = await until('it says what is wrong', () =>
      daemon.said(from).find((line) => /full/.test(line)),
    );
    assert.match(sentence, /^raft failed in start: the disk that holds .*raft is full: make room/);
    disk.empty();
    const next = connect(daemon);
    await next.ready();
    await next.running(service.id, 2);
    assert.deepEqual(await containers.running(), before);
    await next.empty();
  });

  describe('flipped bits', () => {
    for (const [where, at] of [
      ['in the middle of', (size: number) => size >> 1],
      ['in the last write of', (size: number) => size - 10],
    ] as const)
      it(`${where} the managers' log are named; put right, it goes on by itself`, async () => {
        const daemon = newDaemon(path.join(each.folder(), 'state'));
        const { service, before } = await withTasks(daemon);
        await daemon.kill();
        const log = newest(path.join(daemon.stateDir, 'storage/raft'), /\.log$/);
        const sound = readFileSync(log);
        flip(log, at(sound.length));
        const damaged = readFileSync(log);

        await daemon.start();
        const sentence = await until('it says what is wrong', () =>
          daemon.said().find((line) => /damaged/.test(line)),
        );
        assert.match(
          sentence,
          /^raft failed in start: the data in .*storage\/raft is damaged \(log \d+\.log has a checksum mismatch at byte \d+\): restore the folder from a backup, or /,
        );
        assert.notEqual((await swarmctl(daemon.socket, 'service', 'ls')).status, 0);
        assert.deepEqual(readFileSync(log), damaged, 'nothing was repaired by guessing');
        assert.deepEqual(await containers.running(), before, 'tasks are untouched');

        writeFileSync(log, sound);
        const swarm = connect(daemon);
        await swarm.ready();
        await holds(swarm, service);
        await swarm.running(service.id, 2);
        assert.deepEqual(await containers.running(), before);
        await swarm.empty();
      });

    it('in a table of the log are named by the entry', async () => {
      const daemon = newDaemon(path.join(each.folder(), 'state'));
      const { service, before } = await withTasks(daemon);
      const folder = path.join(daemon.stateDir, 'storage/raft');
      // Opening moves the log into a table.
      await daemon.stop();
      await daemon.start();
      await connect(daemon).ready();
      await daemon.stop();
      const table = newest(folder, /\.sst$/);
      const sound = readFileSync(table);
      flip(table, sound.indexOf('entry/') + 40);

      await daemon.start();
      const sentence = await until('it says what is wrong', () =>
        daemon.said().find((line) => /damaged/.test(line)),
      );
      assert.match(sentence, /^raft failed in start: .*storage\/raft/);
      assert.deepEqual(await containers.running(), before);
      writeFileSync(table, sound);
      const swarm = connect(daemon);
      await swarm.ready();
      await holds(swarm, service);
      await swarm.running(service.id, 2);
      assert.deepEqual(await containers.running(), before);
      await swarm.empty();
    });

    it("in the agent's own database leave the cluster and the containers alone", async () => {
      const daemon = newDaemon(path.join(each.folder(), 'state'));
      const { service, before } = await withTasks(daemon);
      await daemon.kill();
      const log = newest(path.join(daemon.stateDir, 'storage/agent'), /\.log$/);
      const sound = readFileSync(log);
      flip(log, sound.length >> 1);
      await daemon.start();
      const sentence = await until('it says what is wrong', () =>
        daemon.said().find((line) => /damaged/.test(line)),
      );
      assert.match(sentence, /^agent failed in start: the data in .*storage\/agent is damaged/);
      const swarm = connect(daemon);
      await until('the cluster answers', async () => (await swarm.services()).length === 1);
      assert.deepEqual(await containers.running(), before);
      writeFileSync(log, sound);
      await swarm.ready();
      await swarm.running(service.id, 2);
      assert.deepEqual(await containers.running(), before);
      await swarm.empty();
    });
  });

  it("without the agent's database the containers are adopted by the word of the manager", async () => {
    const daemon = newDaemon(path.join(each.folder(), 'state'));
    const { service, before } = await withTasks(daemon);
    await daemon.kill();
    rmSync(path.join(daemon.stateDir, 'storage/agent'), { recursive: true });
    await daemon.start();
    const swarm = connect(daemon);
    await swarm.ready();
    await until('the agent has told of its tasks again', () => swarm.running(service.id, 2));
    assert.deepEqual(await containers.running(), before);
    await containers.kill([...before.keys()][0] ?? '');
    await swarm.task(
      'an end is noticed',
      service.id,
      ({ status }) => status?.err === 'task: non-zero exit (137)',
    );
    await swarm.empty();
  });

  it('a write that a crash cut in two is nothing to speak of', async () => {
    const daemon = newDaemon(path.join(each.folder(), 'state'));
    const { service, before } = await withTasks(daemon);
    await daemon.kill();
    for (const space of ['raft', 'agent']) {
      const log = newest(path.join(daemon.stateDir, 'storage', space), /\.log$/);
      // The head of a record says that 500 bytes follow.
      appendFileSync(log, Buffer.from([0xde, 0xad, 0xbe, 0xef, 0xf4, 0x01, 0x01, 0x42, 0x42]));
    }
    const from = daemon.output.length;
    await daemon.start();
    const swarm = connect(daemon);
    await swarm.ready();
    await holds(swarm, service);
    await swarm.running(service.id, 2);
    assert.deepEqual(await containers.running(), before);
    assert.deepEqual(
      daemon.said(from).filter((line) => /damaged/.test(line)),
      [],
    );
    await swarm.empty();
  });
});

const newDaemon = (stateDir: string): Daemon =>
  new Daemon({ stateDir, executor: 'containerd', containerdAddr: containerd.address }, each);

const connect = (daemon: Daemon): Swarm => connectSwarm(daemon, each);

/** A daemon with an acknowledged service of two running tasks. */
async function withTasks(
  daemon: Daemon,
): Promise<{ service: Service; before: ReadonlyMap<string, string> }> {
  await daemon.start();
  const swarm = connect(daemon);
  await swarm.ready();
  const service = await swarm.create(serviceSpec({ name: 'kept', replicas: 2 }));
  await swarm.running(service.id, 2);
  const before = await containers.running();
  assert.equal(before.size, 2);
  return { service: await swarm.service(service.id), before };
}

/** The acknowledged write is there, or one of ours that was held back and came later. */
async function holds(swarm: Swarm, acknowledged: Service): Promise<void> {
  const found = await swarm.service(acknowledged.id);
  assert.ok((found.meta?.version?.index ?? 0n) >= (acknowledged.meta?.version?.index ?? 0n));
  const write = (service: Service): number => Number(service.spec?.annotations?.labels.write ?? 0);
  assert.ok(write(found) >= write(acknowledged), `${write(found)} of ${write(acknowledged)}`);
  assert.ok(write(found) <= write(acknowledged) + 1);
}

/** Its write number and 20 KiB, which goes into the log and leaves the tasks alone. */
const padded = ({ spec }: Service, n: number): ServiceSpec => ({
  ...(spec as ServiceSpec),
  annotations: {
    ...spec?.annotations,
    name: spec?.annotations?.name ?? '',
    indices: [],
    labels: { write: String(n + 1), padding: 'x'.repeat(20_000) },
  },
});

async function refusal(work: () => Promise<unknown>): Promise<{ kind: string; message: string }> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isSwarmError(error), `no refusal: ${String(error)}`);
  return error;
}

function newest(folder: string, pattern: RegExp): string {
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  const filled = names.filter((name) => readFileSync(path.join(folder, name)).length > 0);
  assert.ok(filled.length > 0, `no file like ${pattern} in ${folder}`);
  return path.join(folder, filled.sort().at(-1) as string);
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
}
