/** What a container sees and gets, in a real containerd. The life of a task is the conformance suite's. */
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import { ContainerdFixture, containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { eventually, within } from '@swarmkit/sdk/testkit/eventually';
import { shellTask } from '@swarmkit/sdk/testkit/executor-conformance';
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import { ContainersService } from '@swarmkit/sdk/wire/gen/containerd/services/containers/v1/containers';
import { ImagesService } from '@swarmkit/sdk/wire/gen/containerd/services/images/v1/images';
import { SnapshotsService } from '@swarmkit/sdk/wire/gen/containerd/services/snapshots/v1/snapshots';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Mount_Type } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { ContainerdConnection } from '../shell/containerd/connection.js';
import type { ContainerdExecutor } from '../shell/executor.js';
import { hostFacts } from '../shell/host.js';
import {
  BUSYBOX_REFERENCE,
  connect,
  configFor,
  importBusybox,
  newExecutor,
  skipWithout,
} from './support.js';

const calm = new AbortController().signal;
setMaxListeners(0, calm);
type Parts = Parameters<typeof ContainerSpec.fromPartial>[0];

describe('containers', skipWithout(containerdMissing()), () => {
  let fixture: ContainerdFixture | undefined;
  let executor: ContainerdExecutor;
  let containerd: ContainerdConnection;
  let dir = '';
  const logs = new MemoryTaskLogs();

  before(async () => {
    fixture = await ContainerdFixture.start();
    await importBusybox(fixture);
    await importBusybox(
      fixture,
      buildBusyboxArchive({
        reference: 'swarmkit.local/app:1',
        files: { '/start': '#!/bin/sh\necho started "$@" as $(id -u):$(id -g) in $(pwd)\n' },
        config: {
          Entrypoint: ['/start'],
          Cmd: ['by', 'default'],
          User: 'app',
          WorkingDir: '/srv/new',
          Env: ['PATH=/bin'],
          StopSignal: 'SIGUSR1',
        },
      }),
    );
    executor = newExecutor(fixture, logs);
    containerd = connect(fixture);
    dir = join(fixture.dir, 'host');
    mkdirSync(dir);
  });
  after(() => {
    containerd?.close();
    executor?.stop();
    fixture?.stop();
  });
  afterEach(async () => {
    for (const id of await executor.existing()) await executor.discard(id);
  });

  const make = (script: string, parts: Parts = {}): Task =>
    shellTask(
      BUSYBOX_REFERENCE,
      script,
      ContainerSpec.fromPartial({
        image: BUSYBOX_REFERENCE,
        command: ['sh', '-c', script],
        ...parts,
      }),
    );
  const begin = async (task: Task) => {
    const controller = executor.controller(task);
    await within(20_000, 'prepare', controller.prepare(calm));
    await within(20_000, 'start', controller.start(calm));
    return controller;
  };
  /** Runs a task to its end; what it printed, and how it ended. */
  const result = async (task: Task) => {
    const exit = await within(20_000, 'the end', (await begin(task)).wait(calm));
    return { ...exit, out: (logs.text(task.id) ?? []).join('\n') };
  };
  const output = async (
    script: string,
    parts?: Parts,
    change: (task: Task) => Task = (task) => task,
  ): Promise<string> => (await result(change(make(script, parts)))).out;
  const refused = (parts: Parts, message: RegExp, change: (task: Task) => Task = (task) => task) =>
    assert.rejects(executor.controller(change(make('true', parts))).prepare(calm), message);

  it("runs the image's own command, as its user, in its folder", async () => {
    const image = { image: 'swarmkit.local/app:1', command: [] };
    assert.equal(await output('', image), 'started by default as 1000:1001 in /srv/new');
    assert.equal(
      await output('', { ...image, args: ['x'], user: '7:8', dir: '/' }),
      'started x as 7:8 in /',
    );
  });

  it("stops with the image's signal", async () => {
    const task = make("trap 'exit 12' USR1; echo ready; while :; do sleep 0.1; done", {
      image: 'swarmkit.local/app:1',
    });
    const controller = await begin(task);
    await eventually('ready', () => logs.text(task.id)?.includes('ready') === true);
    await controller.shutdown(calm);
    assert.equal((await controller.wait(calm)).code, 12);
  });

  it('looks users and groups up in the image', async () => {
    const id = 'echo $(id -u) $(id -g) $(id -G)';
    assert.equal(await output(id), '0 0 0 10');
    assert.equal(await output(id, { user: 'app' }), '1000 1001 1001 2000');
    assert.equal(
      await output(id, { user: 'app', groups: ['wheel', '55'] }),
      '1000 1001 1001 10 55 2000',
    );
    await refused(
      { user: 'ghost' },
      /^SwarmError: unable to find user ghost: no matching entries in passwd file$/,
    );
  });

  it('has its own name, hosts and resolver', async () => {
    const out = await output(
      'hostname; cat /etc/hostname; echo $HOSTNAME; grep db /etc/hosts; cat /etc/resolv.conf',
      {
        hostname: 'web-1',
        hosts: ['10.1.2.3 db database'],
        dnsConfig: { nameservers: ['10.9.9.9'], search: ['example.com'], options: ['ndots:2'] },
      },
    );
    assert.match(out, /^web-1\nweb-1\nweb-1\n10\.1\.2\.3\tdb\tdatabase\n/);
    assert.match(out, /nameserver 10\.9\.9\.9\nsearch example\.com\noptions ndots:2/);
    assert.ok(!out.includes('10.255.'));
  });

  it('sees only its own processes, and only loopback', async () => {
    assert.match(
      await output(
        'echo $$; ls /sys/class/net; wget -q -O- http://127.0.0.1:1 2>&1; ip -o -4 addr',
      ),
      /^1\nlo\n.*refused.*\n1: lo\s+inet 127\.0\.0\.1\/8/s,
    );
  });

  it("lives in the machine's network when that is its network", async () => {
    const network =
      (name: string, predefined: boolean) =>
      (task: Task): Task =>
        ({
          ...task,
          networks: [
            {
              network: {
                spec: {
                  annotations: {
                    name,
                    labels: predefined ? { 'com.docker.swarm.predefined': 'true' } : {},
                  },
                },
              },
            },
          ],
        }) as unknown as Task;
    assert.equal(
      await output('readlink /proc/self/ns/net; hostname', {}, network('host', true)),
      `${net()}\n${hostname()}`,
    );
    assert.notEqual(await output('readlink /proc/self/ns/net'), net());
    const ingress = { networks: [{ network: { spec: { ingress: true } } }] } as unknown as Task;
    assert.notEqual(
      await output('readlink /proc/self/ns/net', {}, (task) => ({ ...task, ...ingress })),
      net(),
    );
    await refused({}, /cannot attach a task to network mine/, network('mine', false));
    await refused({}, /cannot attach a task to network host/, network('host', false));
  });
  const net = (): string => readlinkSync('/proc/self/ns/net');

  it('mounts folders, volumes and memory', async () => {
    writeFileSync(join(dir, 'file'), 'from the host');
    const mounts = [
      { type: Mount_Type.BIND, source: dir, target: '/in', readonly: true },
      {
        type: Mount_Type.BIND,
        source: join(dir, 'made'),
        target: '/made',
        bindOptions: { createmountpoint: true },
      },
      { type: Mount_Type.VOLUME, source: 'data', target: '/data' },
      { type: Mount_Type.VOLUME, target: '/anonymous' },
      {
        type: Mount_Type.TMPFS,
        target: '/tmp/fast',
        tmpfsOptions: { sizeBytes: 65536n, mode: 0o700 },
      },
    ];
    const script =
      'cat /in/file; echo; touch /in/x 2>&1; echo kept > /data/file; touch /made/a /anonymous/b; grep /tmp/fast /proc/mounts; stat -c %a /tmp/fast';
    const task = make(script, { mounts });
    const { out } = await result(task);
    assert.match(
      out,
      /^from the host\ntouch: \/in\/x: Read-only file system\n.*size=64k.*mode=700.*\n700$/,
    );
    assert.ok(existsSync(join(dir, 'made/a')));
    assert.equal(await output('cat /data/file', { mounts: mounts.slice(2, 3) }), 'kept');
    const anonymous = join(
      configFor(fixture as ContainerdFixture).dir,
      'tasks',
      task.id,
      'volumes',
    );
    assert.ok(existsSync(anonymous));
    await executor.discard(task.id);
    assert.ok(!existsSync(anonymous));
    await refused(
      { mounts: [{ type: Mount_Type.BIND, source: '/no/such', target: '/x' }] },
      /bind source path does not exist: \/no\/such/,
    );
  });

  it('may have a root that cannot be written', async () => {
    assert.match(
      await output('touch /x 2>&1; touch /tmp/t 2>&1', { readOnly: true }),
      /Read-only file system\n.*Read-only/,
    );
  });

  it('has the privileges of a Docker container and no more', async () => {
    const out = await output(
      'grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status; mount -t tmpfs x /mnt 2>&1; unshare -n true 2>&1; cat /proc/kcore | wc -c; echo x > /proc/sys/kernel/hostname; ls /dev | tr "\\n" " "',
    );
    assert.match(out, /CapEff:\s+00000000a80425fb/);
    assert.match(out, /NoNewPrivs:\s+0/);
    assert.match(out, /Seccomp:\s+2/);
    assert.match(out, /mount: .*(Operation not permitted|permission denied)/i);
    assert.match(out, /unshare.*Operation not permitted/);
    assert.match(out, /Read-only file system/);
    assert.match(
      out,
      /fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero/,
    );
    const bare = await output('grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status', {
      capabilityDrop: ['ALL'],
      privileges: { noNewPrivileges: true, seccomp: { mode: 1 } },
    });
    assert.match(bare, /CapEff:\s+0000000000000000\nNoNewPrivs:\s+1\nSeccomp:\s+0/);
  });

  it('is limited', async () => {
    const { controllers, cgroupVersion } = hostFacts();
    const limits =
      (nanoCpus: bigint, memoryBytes: bigint) =>
      (task: Task): Task => ({
        ...task,
        spec: {
          ...(task.spec as NonNullable<Task['spec']>),
          resources: {
            limits: { nanoCpus, memoryBytes, generic: [] },
            reservations: undefined,
            swapBytes: undefined,
            memorySwappiness: undefined,
          },
        },
      });
    const files =
      cgroupVersion === 2
        ? ['cpu.max', 'memory.max', 'pids.max']
        : ['cpu/cpu.cfs_quota_us', 'memory/memory.limit_in_bytes', 'pids/pids.max'];
    const out = await output(
      `ulimit -n; cd /sys/fs/cgroup; cat ${files.join(' ')}; cat /proc/self/oom_score_adj`,
      { pidsLimit: 33n, ulimits: [{ name: 'nofile', soft: 111n, hard: 222n }], oomScoreAdj: 77n },
      limits(500_000_000n, 32n << 20n),
    );
    assert.match(out, /^111\n/);
    assert.match(out, /\n77$/);
    if (controllers.cpuQuota) assert.match(out, /\n50000/);
    if (controllers.memory) assert.match(out, /\n33554432\n/);
    if (controllers.pids) assert.match(out, /\n33\n/);
    if (!controllers.memory) return;
    const full = await result(
      limits(0n, 8n << 20n)(make('dd if=/dev/zero of=/dev/null bs=64M count=1')),
    );
    // The shell outlives the dd that was killed, or not: run it as the only process.
    const only = await result(
      limits(0n, 8n << 20n)(make('exec dd if=/dev/zero of=/dev/null bs=64M count=1')),
    );
    assert.deepEqual([only.code, only.reason], [137, 'out of memory']);
    assert.notEqual(full.code, 0);
  });

  it('a killed task is not called out of memory', async () => {
    const exit = await result(make('kill -9 $$; sleep 1; exec sh -c "kill -9 1"; exit 3'));
    assert.equal(exit.reason, undefined);
  });

  it('may have a terminal', async () => {
    const out = await output('test -t 1 && echo a terminal; echo $TERM; echo err >&2', {
      tty: true,
      openStdin: true,
    });
    assert.equal(out, 'a terminal\nxterm\nerr');
  });

  it('carries the labels that tie it to its task', async () => {
    const task = make('true', {
      labels: { mine: 'yes', 'containerd.io/gc.root': 'x', 'com.docker.swarm.task.id': 'forged' },
    });
    await executor.controller(task).prepare(calm);
    const { container } = await containerd.unary(ContainersService.get, { id: task.id });
    assert.deepEqual(container?.labels, {
      mine: 'yes',
      'com.docker.swarm.task.id': task.id,
      'com.docker.swarm.task.name': `conformance.1.${task.id}`,
      'com.docker.swarm.node.id': task.nodeId,
      'com.docker.swarm.service.id': task.serviceId,
      'com.docker.swarm.service.name': 'conformance',
    });
  });

  it('leaves nothing of a removed task', async () => {
    const config = configFor(fixture as ContainerdFixture);
    const count = async () => {
      let snapshots = 0;
      for await (const page of containerd.stream(SnapshotsService.list, {
        snapshotter: 'overlayfs',
        filters: [],
      }))
        snapshots += (page as { info: readonly unknown[] }).info.length;
      return {
        snapshots,
        folders: readdirSync(join(config.dir, 'tasks')).length,
        fds: readdirSync('/proc/self/fd').length,
      };
    };
    await result(make('true'));
    for (const id of await executor.existing()) await executor.discard(id);
    const before = await count();
    for (let i = 0; i < 3; i++) {
      const task = make('echo x');
      const controller = await begin(task);
      await controller.wait(calm);
      await controller.remove(calm);
      controller.close();
      assert.equal(logs.text(task.id), undefined);
    }
    assert.deepEqual(await count(), before);
  });

  it('refuses what it cannot run, by name', async () => {
    await refused({ image: 'No/Such' }, /^SwarmError: "No\/Such" is not a valid repository\/tag$/);
    await refused(
      { command: [], image: BUSYBOX_REFERENCE, init: true },
      /does not support an init process/,
    );
    assert.throws(() => executor.controller(make('true', { image: '' })), /image required/);
    assert.throws(
      () => executor.controller({ ...make('true'), id: '../x' }),
      /cannot be a container's id/,
    );
  });

  it('finishes a prepare that a crash cut off', async () => {
    const task = make('echo whole');
    await executor.controller(task).prepare(calm);
    await containerd.unary(SnapshotsService.remove, { snapshotter: 'overlayfs', key: task.id });
    assert.equal(await executor.controller(task).prepare(calm), 'done');
    assert.equal((await result(task)).out, 'whole');
  });

  it('unpacks an image again whose snapshots somebody removed', async () => {
    const reference = 'swarmkit.local/again:1';
    const archive = buildBusyboxArchive({ reference, files: { '/note': 'again' } });
    await importBusybox(fixture as ContainerdFixture, archive);
    assert.equal(await output('cat /note', { image: reference }), 'again');
    for (const id of await executor.existing()) await executor.discard(id);
    await containerd.unary(ImagesService.delete, {
      name: reference,
      sync: true,
      target: undefined,
    });
    await importBusybox(fixture as ContainerdFixture, archive);
    assert.equal(await output('cat /note', { image: reference }), 'again');
  });

  it('a bad image holds up nobody', async () => {
    const bad = executor
      .controller(make('true', { image: 'unreachable.invalid/x:1' }))
      .prepare(calm);
    const failed = assert.rejects(
      bad,
      /^SwarmError: No such image: unreachable\.invalid\/x:1 \(pull failed: registry unreachable\.invalid: /,
    );
    assert.equal(await output('echo fine'), 'fine');
    await within(20_000, 'the refusal', failed);
  });
});
