import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ContainerSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Mount_Type } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { HostFacts } from '../core/host-facts.js';
import { parseImageConfig } from '../core/image-manifest.js';
import { planMounts } from '../core/mounts.js';
import type { NetworkMode } from '../core/network-mode.js';
import { ociSpec, serializeSpec } from '../core/oci-spec.js';
import type { OciUser } from '../core/oci-types.js';
import { refuseUnsupported } from '../core/refusals.js';

const host: HostFacts = {
  cgroupVersion: 2,
  controllers: { cpuQuota: true, memory: true, swap: true, pids: true },
  architecture: 'amd64',
  hostname: 'machine',
};

const image = (config: Readonly<Record<string, unknown>> = {}) =>
  parseImageConfig(
    Buffer.from(
      JSON.stringify({ os: 'linux', architecture: 'amd64', config, rootfs: { diff_ids: [] } }),
    ),
  );

interface Wish {
  readonly spec?: Parameters<typeof ContainerSpec.fromPartial>[0] | undefined;
  readonly image?: Readonly<Record<string, unknown>> | undefined;
  readonly task?: Parameters<typeof Task.fromPartial>[0] | undefined;
  readonly user?: OciUser;
  readonly network?: NetworkMode;
  readonly host?: Partial<HostFacts>;
}

function build(wish: Wish = {}) {
  const spec = ContainerSpec.fromPartial({ image: 'busybox', ...wish.spec });
  return ociSpec({
    task: Task.fromPartial({ id: 'task0000000000000000000001', ...wish.task }),
    spec,
    containerId: 'task0000000000000000000001',
    image: image({ Cmd: ['sh'], ...wish.image }),
    user: wish.user ?? { uid: 0, gid: 0 },
    network: wish.network ?? 'loopback',
    mounts: planMounts(
      spec.mounts,
      (name) => `/volumes/${name}`,
      (i) => `/anonymous/${i}`,
    ).mounts,
    files: { hosts: '/f/hosts', hostname: '/f/hostname', resolvConf: '/f/resolv.conf' },
    host: { ...host, ...wish.host },
  });
}
const process = (wish: Wish = {}) => build(wish).spec.process;
const linux = (wish: Wish = {}) => build(wish).spec.linux;

describe('command', () => {
  const words = (spec: Wish['spec'], config: Wish['image'] = {}) =>
    process({ spec, image: config }).args;
  const both = { Entrypoint: ['/entry', 'a'], Cmd: ['b'] };

  it("is the image's entry point and command", () =>
    assert.deepEqual(words({}, both), ['/entry', 'a', 'b']));
  it('args replace the command', () =>
    assert.deepEqual(words({ args: ['x'] }, both), ['/entry', 'a', 'x']));
  it('a command replaces the entry point and the command', () => {
    assert.deepEqual(words({ command: ['run'] }, both), ['run']);
    assert.deepEqual(words({ command: ['run'], args: ['x'] }, both), ['run', 'x']);
  });
  it('must come from somewhere', () =>
    assert.throws(() => words({}, { Cmd: [] }), /no command specified: image busybox names none/));
});

describe('environment and folder', () => {
  it('the spec wins over the image, and an entry without = takes a variable away', () => {
    const env = process({
      image: { Env: ['PATH=/image', 'A=1', 'B=2', 'C=3'] },
      spec: { env: ['B=two', 'C', 'D=x=y'], hostname: 'web' },
    }).env;
    assert.deepEqual([...env].sort(), ['A=1', 'B=two', 'D=x=y', 'HOSTNAME=web', 'PATH=/image']);
  });

  it('names assigned generic resources', () => {
    const env = process({
      task: {
        assignedGenericResources: [
          { resource: { $case: 'namedResourceSpec', value: { kind: 'gpu', value: 'u1' } } },
          { resource: { $case: 'namedResourceSpec', value: { kind: 'gpu', value: 'u2' } } },
          { resource: { $case: 'discreteResourceSpec', value: { kind: 'ssd', value: 3n } } },
        ],
      },
    }).env;
    assert.ok(env.includes('DOCKER_RESOURCE_GPU=u1,u2'));
    assert.ok(env.includes('DOCKER_RESOURCE_SSD=3'));
  });

  it("starts in the spec's folder, else the image's, else /", () => {
    assert.equal(process({ spec: { dir: '/a' }, image: { WorkingDir: '/b' } }).cwd, '/a');
    assert.equal(process({ image: { WorkingDir: '/b' } }).cwd, '/b');
    assert.equal(process().cwd, '/');
    assert.throws(() => process({ spec: { dir: 'a' } }), /needs to be an absolute path/);
  });
});

describe('privileges', () => {
  it("grants Docker's capabilities, changed by add and drop", () => {
    assert.equal(process().capabilities.effective.length, 14);
    const changed = process({
      spec: { capabilityAdd: ['net_admin'], capabilityDrop: ['CAP_CHOWN'] },
    });
    assert.ok(changed.capabilities.bounding.includes('CAP_NET_ADMIN'));
    assert.ok(!changed.capabilities.bounding.includes('CAP_CHOWN'));
    assert.deepEqual(
      process({ spec: { capabilityDrop: ['ALL'], capabilityAdd: ['KILL'] } }).capabilities.bounding,
      ['CAP_KILL'],
    );
    assert.ok(
      process({ spec: { capabilityAdd: ['ALL'], capabilityDrop: ['SYS_ADMIN'] } }).capabilities
        .bounding.length > 38,
    );
    assert.throws(() => process({ spec: { capabilityAdd: ['FLY'] } }), /invalid capability "FLY"/);
  });

  it('gives another user than root only the bound', () => {
    const { capabilities } = process({ user: { uid: 1000, gid: 1000 } });
    assert.deepEqual([capabilities.effective, capabilities.permitted], [[], []]);
    assert.equal(capabilities.bounding.length, 14);
  });

  it('refuses calls that reach out of the container, unless the capability is there', () => {
    const refused = (wish: Wish) =>
      linux(wish).seccomp?.syscalls.flatMap((rule) =>
        rule.args === undefined ? rule.names : [],
      ) ?? [];
    assert.ok(refused({}).includes('mount') && refused({}).includes('kexec_load'));
    assert.ok(!refused({ spec: { capabilityAdd: ['SYS_ADMIN'] } }).includes('mount'));
    assert.ok(refused({ spec: { capabilityAdd: ['ALL'] } }).includes('keyctl'));
    const flags =
      linux().seccomp?.syscalls.flatMap((rule) => rule.args?.map((arg) => arg.value) ?? []) ?? [];
    assert.equal(
      flags.reduce((sum, bit) => sum + bit, 0),
      0x7e020000,
    );
    assert.equal(linux({ spec: { privileges: { seccomp: { mode: 1 } } } }).seccomp, undefined);
  });

  it('passes the rest on', () => {
    const made = process({
      spec: { tty: true, oomScoreAdj: 500n, privileges: { noNewPrivileges: true } },
    });
    assert.deepEqual([made.terminal, made.oomScoreAdj, made.noNewPrivileges], [true, 500, true]);
    assert.equal(build({ spec: { readOnly: true } }).spec.root.readonly, true);
  });
});

describe('limits', () => {
  const limits = (nanoCpus: bigint, memoryBytes: bigint): Wish['task'] => ({
    spec: { resources: { limits: { nanoCpus, memoryBytes } } },
  });

  it('become quota, memory and pids', () => {
    const { resources } = linux({
      task: limits(1_500_000_000n, 64n << 20n),
      spec: { pidsLimit: 20n },
    });
    assert.deepEqual(resources.cpu, { quota: 150_000, period: 100_000 });
    assert.deepEqual(resources.memory, { limit: 64 << 20, swap: 128 << 20 });
    assert.deepEqual(resources.pids, { limit: 20 });
    assert.equal(linux({ task: limits(1n, 0n) }).resources.cpu?.quota, 1000);
  });

  it('are absent when not asked for', () => {
    const { resources } = linux();
    assert.deepEqual(
      [resources.cpu, resources.memory, resources.pids],
      [undefined, undefined, undefined],
    );
  });

  it('swap and swappiness follow the task', () => {
    const with_ = (resources: object, version: 1 | 2 = 2) =>
      linux({
        task: { spec: { resources: { limits: { memoryBytes: 100n }, ...resources } } },
        host: { cgroupVersion: version },
      }).resources.memory;
    assert.deepEqual(with_({ swapBytes: 50n }), { limit: 100, swap: 150 });
    assert.deepEqual(with_({ swapBytes: -1n }), { limit: 100, swap: -1 });
    assert.deepEqual(with_({ memorySwappiness: 10n }, 1), {
      limit: 100,
      swap: 200,
      swappiness: 10,
    });
    assert.deepEqual(with_({ memorySwappiness: 10n }, 2), { limit: 100, swap: 200 });
  });

  it('that the machine cannot set are left out and said so', () => {
    const none = { cpuQuota: false, memory: false, swap: false, pids: false };
    const made = build({
      task: limits(1n, 1n),
      spec: { pidsLimit: 1n },
      host: { controllers: none },
    });
    assert.deepEqual(Object.keys(made.spec.linux.resources), ['devices']);
    assert.equal(made.warnings.length, 3);
  });

  it('ulimits: unlimited passes through JSON as 2^64-1', () => {
    const made = build({ spec: { ulimits: [{ name: 'nofile', soft: 10n, hard: -1n }] } }).spec;
    assert.match(
      serializeSpec(made),
      /"rlimits":\[\{"type":"RLIMIT_NOFILE","soft":10,"hard":18446744073709551615\}\]/,
    );
    assert.throws(
      () => build({ spec: { ulimits: [{ name: 'nofiles', soft: 1n, hard: 1n }] } }),
      /invalid ulimit type/,
    );
    assert.throws(
      () => build({ spec: { ulimits: [{ name: 'nofile', soft: -1n, hard: 1n }] } }),
      /soft limit/,
    );
  });

  it("JSON leaves a user's digits alone", () => {
    const made = build({ spec: { args: ['123', '"\\u0000123"'] } }).spec;
    assert.deepEqual(JSON.parse(serializeSpec(made)).process.args, made.process.args);
  });
});

describe('namespaces and names', () => {
  it("has its own everything, and the machine's network when asked", () => {
    assert.deepEqual(
      linux().namespaces.map((n) => n.type),
      ['pid', 'ipc', 'uts', 'mount', 'network', 'cgroup'],
    );
    assert.ok(!linux({ network: 'host' }).namespaces.some((n) => n.type === 'network'));
    assert.ok(!linux({ host: { cgroupVersion: 1 } }).namespaces.some((n) => n.type === 'cgroup'));
  });

  it('is called as the spec says, else by its short id, else as the machine on its network', () => {
    assert.equal(build({ spec: { hostname: 'web' } }).spec.hostname, 'web');
    assert.equal(build().spec.hostname, 'task00000000');
    assert.equal(build({ network: 'host' }).spec.hostname, 'machine');
  });

  it('sets only sysctls of its own namespaces', () => {
    const sysctl = (name: string, network: NetworkMode = 'loopback') =>
      linux({ spec: { sysctls: { [name]: '1' } }, network }).sysctl;
    assert.equal(sysctl('net.core.somaxconn')?.['net.core.somaxconn'], '1');
    assert.equal(sysctl('kernel.shmmax')?.['kernel.shmmax'], '1');
    assert.throws(() => sysctl('vm.swappiness'), /not in a namespace of the container/);
    assert.throws(() => sysctl('net.core.somaxconn', 'host'), /on the host network/);
    assert.equal(linux({ network: 'host' }).sysctl, undefined);
  });
});

describe('mounts', () => {
  const mounts = (...list: NonNullable<NonNullable<Wish['spec']>['mounts']>[number][]) =>
    build({ spec: { mounts: list } }).spec.mounts;

  it('come outermost first, after the defaults, and replace a default at the same place', () => {
    const made = mounts(
      { type: Mount_Type.TMPFS, target: '/a/b/c' },
      { type: Mount_Type.BIND, source: '/src', target: '/a', readonly: true },
      { type: Mount_Type.VOLUME, source: 'data', target: '/etc/hosts' },
    );
    assert.deepEqual(
      made.slice(-3).map((m) => m.destination),
      ['/a', '/etc/hosts', '/a/b/c'],
    );
    assert.equal(made.filter((m) => m.destination === '/etc/hosts').length, 1);
    assert.deepEqual(made.find((m) => m.destination === '/a')?.options, [
      'rbind',
      'ro',
      'rprivate',
    ]);
    assert.equal(made.find((m) => m.destination === '/etc/hosts')?.source, '/volumes/data');
  });

  it('tmpfs takes size, mode and exec', () => {
    const options = (tmpfsOptions: object, readonly = false) =>
      mounts({ type: Mount_Type.TMPFS, target: '/t', readonly, tmpfsOptions }).at(-1)?.options;
    assert.deepEqual(options({}), ['nosuid', 'nodev', 'noexec']);
    assert.deepEqual(options({ sizeBytes: 4096n, mode: 0o1777, options: '[["exec"]]' }, true), [
      'nosuid',
      'nodev',
      'exec',
      'ro',
      'mode=1777',
      'size=4096',
    ]);
  });

  it('are refused as Docker refuses them', () => {
    const refused = (mount: Parameters<typeof mounts>[0], message: RegExp) =>
      assert.throws(() => mounts(mount), message);
    refused(
      { type: Mount_Type.BIND, source: '/x', target: 'rel' },
      /^SwarmError: invalid mount target, must be an absolute path: rel$/,
    );
    refused(
      { type: Mount_Type.BIND, source: 'x', target: '/x' },
      /invalid bind mount source, must be an absolute path: x/,
    );
    refused(
      { type: Mount_Type.VOLUME, source: '/x', target: '/x' },
      /invalid volume mount source, must not be an absolute path: \/x/,
    );
    refused(
      { type: Mount_Type.VOLUME, source: '../x', target: '/x' },
      /invalid characters for a local volume name/,
    );
    refused(
      { type: Mount_Type.TMPFS, source: 'x', target: '/x' },
      /invalid tmpfs source, source must be empty/,
    );
    refused(
      { type: Mount_Type.CLUSTER, source: 'x', target: '/x' },
      /cluster volumes are not supported/,
    );
    refused(
      {
        type: Mount_Type.VOLUME,
        source: 'v',
        target: '/x',
        volumeOptions: { driverConfig: { name: 'nfs' } },
      },
      /volume driver "nfs" is not supported/,
    );
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [NonNullable<Wish['spec']>, RegExp])[] = [
    [{ init: true }, /--init/],
    [{ openStdin: true }, /standard input/],
    [{ privileges: { seccomp: { mode: 2 } } }, /custom seccomp/],
    [{ privileges: { selinuxContext: { type: 'x' } } }, /SELinux/],
  ];
  for (const [spec, message] of cases)
    it(String(message), () =>
      assert.throws(() => refuseUnsupported(ContainerSpec.fromPartial(spec)), message),
    );
  it('nothing of what can be given', () =>
    refuseUnsupported(
      ContainerSpec.fromPartial({
        init: false,
        openStdin: true,
        tty: true,
        privileges: { selinuxContext: { disable: true } },
      }),
    ));
});
