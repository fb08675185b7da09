import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { containerdMissing } from '@swarmkit/sdk/testkit/containerd-fixture';
import { Mount_Type } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { pidOf } from '../harness/containers.js';
import { type SingleNode, startSingleNode } from '../harness/single-node.js';
import { serviceSpec } from '../harness/specs.js';

/** What a service asks for is what its process has, as the kernel tells it: nobody's word is taken. */

const MEBIBYTE = 1_048_576n;

const cleanup = new Cleanup();
let node: SingleNode;
let pid = 0;
let source = '';

describe('the process of a task', { skip: containerdMissing() ?? false }, () => {
  before(async () => {
    node = await startSingleNode(cleanup);
    source = path.join(cleanup.folder(), 'source');
    mkdirSync(source);
    writeFileSync(path.join(source, 'greeting'), 'hello');
    const service = await node.swarm.create(
      serviceSpec({
        name: 'exact',
        labels: { of: 'the service' },
        container: {
          labels: { of: 'the container' },
          command: ['sleep'],
          args: ['12345'],
          env: ['GREETING=hello world', 'EMPTY='],
          dir: '/home/app',
          user: 'app',
          groups: ['wheel'],
          hostname: 'exactly',
          readOnly: true,
          mounts: [
            { type: Mount_Type.BIND, source, target: '/bound', readonly: true },
            { type: Mount_Type.TMPFS, target: '/scratch', tmpfsOptions: { sizeBytes: MEBIBYTE } },
            { type: Mount_Type.VOLUME, source: 'kept', target: '/kept' },
          ],
          ulimits: [{ name: 'nofile', soft: 111n, hard: 222n }],
          capabilityDrop: ['CAP_NET_RAW'],
          pidsLimit: 33n,
        },
        task: {
          resources: {
            limits: { memoryBytes: 24n * MEBIBYTE, nanoCpus: 500_000_000n },
          },
        },
      }),
    );
    const [task] = await node.swarm.running(service.id, 1);
    pid = pidOf((await node.containers.running()).get(task?.id ?? '') ?? '');
    const container = task?.status?.runtimeStatus;
    assert.equal(container?.$case === 'container' ? container.value.pid : 0, pid);
  });
  after(() => cleanup.run());

  it('runs the command with its arguments, and not the one of the image', () => {
    assert.equal(proc('cmdline'), 'sleep\u000012345\u0000');
  });

  it('has the environment', () => {
    const variables = proc('environ').split('\0');
    for (const wanted of ['GREETING=hello world', 'EMPTY=', 'HOSTNAME=exactly'])
      assert.ok(variables.includes(wanted), `${wanted} in ${variables}`);
    assert.ok(
      variables.some((line) => line.startsWith('PATH=')),
      'the one of the image',
    );
  });

  it('is the user, in the folder and the groups', () => {
    assert.match(proc('status'), /^Uid:\t1000\t1000\t1000\t1000$/m);
    assert.match(proc('status'), /^Gid:\t1001\t/m);
    assert.match(proc('status'), /^Groups:\t(?=.*\b10\b)/m);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/home/app');
  });

  it('has its own name', () => {
    assert.equal(inRoot('etc/hostname').trim(), 'exactly');
    assert.match(inRoot('etc/hosts'), /exactly/);
  });

  it('sees its mounts, read-only where it was asked', () => {
    const options = new Map(
      proc('mountinfo')
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map((fields) => [fields[4], fields[5]?.split(',')]),
    );
    assert.ok(options.get('/')?.includes('ro'), 'the root');
    assert.ok(options.get('/bound')?.includes('ro'));
    assert.ok(options.get('/kept')?.includes('rw'));
    assert.ok(options.get('/scratch')?.includes('rw'));
    assert.match(proc('mountinfo'), / \/scratch .* - tmpfs .*size=1024k/);
    assert.equal(inRoot('bound/greeting'), 'hello');
    writeFileSync(`/proc/${pid}/root/kept/mark`, 'x');
    const volume = path.join(node.daemon.stateDir, 'runtime/volumes/kept/mark');
    assert.ok(existsSync(volume), volume);
  });

  it('is limited in memory, processor time and processes', () => {
    assert.equal(limit('memory', 'memory.limit_in_bytes', 'memory.max'), String(24n * MEBIBYTE));
    const pids = limit('pids', 'pids.max', 'pids.max');
    assert.equal(pids, '33');
    const quota =
      cgroupVersion() === 2 ? limit('', '', 'cpu.max') : limit('cpu', 'cpu.cfs_quota_us');
    assert.match(quota, /^50000( 100000)?$/);
    assert.match(proc('limits'), /^Max open files\s+111\s+222\s/m);
  });

  it('has the capabilities of a container, less what was dropped', () => {
    const bounding = BigInt(`0x${/^CapBnd:\t(\w+)$/m.exec(proc('status'))?.[1]}`);
    const has = (capability: number): boolean => (bounding & (1n << BigInt(capability))) !== 0n;
    assert.ok(has(0), 'CAP_CHOWN is given');
    assert.ok(!has(13), 'CAP_NET_RAW was dropped');
    assert.ok(!has(21), 'CAP_SYS_ADMIN is never given');
  });
});

const proc = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
const inRoot = (file: string): string => readFileSync(`/proc/${pid}/root/${file}`, 'utf8');

const cgroupVersion = (): number => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1);

/** A setting of the process's control group. */
function limit(controller: string, v1: string, v2 = v1): string {
  const line = proc('cgroup')
    .split('\n')
    .map((one) => one.split(':'))
    .find(([, names]) =>
      cgroupVersion() === 2 ? names === '' : names?.split(',').includes(controller),
    );
  const root = cgroupVersion() === 2 ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`;
  const file = cgroupVersion() === 2 ? v2 : v1;
  return readFileSync(path.join(root, line?.[2] ?? '', file), 'utf8').trim();
}
