import assert from 'node:assert/strict';
import test from 'node:test';
import { wireEqual } from '@swarmkit/sdk/model/wire-equal';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Command } from 'commander';
import { addServiceFlags, addUpdateFlags, type ServiceFlags } from '../spec/service-flags.js';
import { applyServiceFlags } from '../spec/service-spec.js';
import { refuses } from './refuses.js';

const empty = ServiceSpec.create();

/** As the command line is read. */
function flagsOf(...argv: readonly string[]): ServiceFlags {
  const command = new Command().option('--name <name>').option('--mode <mode>').exitOverride();
  addServiceFlags(command);
  addUpdateFlags(command);
  return command.parse([...argv], { from: 'user' }).opts<ServiceFlags>();
}

const apply = (spec: ServiceSpec, ...argv: readonly string[]): ServiceSpec =>
  applyServiceFlags(spec, flagsOf(...argv));

const container = (spec: ServiceSpec) => {
  const runtime = spec.task?.runtime;
  assert.ok(runtime?.$case === 'container');
  return runtime.value;
};

/** Each flag with a value that changes something, and what it needs beside it. */
const everyFlag: Readonly<Record<string, readonly string[]>> = {
  '--image': ['other:1'],
  '--replicas': ['7'],
  '--max-concurrent': ['2', '--mode', 'replicated-job'],
  '--label': ['a=1'],
  '--container-label': ['a=1'],
  '--command': ['sh'],
  '--args': ['-c'],
  '--entrypoint': ['sh -x'],
  '--group': ['audio'],
  '--host': ['db:10.0.0.9'],
  '--dns': ['8.8.8.8'],
  '--dns-option': ['ndots:1'],
  '--dns-search': ['example.com'],
  '--secret': ['s'],
  '--config': ['c'],
  '--cap-add': ['net_admin'],
  '--cap-drop': ['chown'],
  '--sysctl': ['net.core.somaxconn=9'],
  '--isolation': ['process'],
  '--credential-spec': ['file://spec.json'],
  '--env': ['A=1'],
  '--workdir': ['/w'],
  '--user': ['1:1'],
  '--hostname': ['h'],
  '--tty': [],
  '--open-stdin': [],
  '--read-only': [],
  '--init': [],
  '--stop-signal': ['SIGINT'],
  '--stop-grace-period': ['1s'],
  '--mount': ['type=bind,source=/a,target=/b'],
  '--bind': ['/a:/b'],
  '--volume': ['v:/b'],
  '--tmpfs': ['/b'],
  '--publish': ['80'],
  '--ports': ['http:80'],
  '--network': ['net'],
  '--endpoint-mode': ['dnsrr'],
  '--constraint': ['node.role==worker'],
  '--placement-pref': ['spread=node.labels.zone'],
  '--replicas-max-per-node': ['2'],
  '--limit-cpu': ['1'],
  '--reserve-cpu': ['1'],
  '--limit-memory': ['1g'],
  '--reserve-memory': ['1g'],
  '--cpu-limit': ['1'],
  '--cpu-reservation': ['1'],
  '--memory-limit': ['1g'],
  '--memory-reservation': ['1g'],
  '--generic-resources': ['gpu=2'],
  '--generic-resource': ['gpu=2'],
  '--memory-swap': ['1g'],
  '--memory-swappiness': ['60'],
  '--limit-pids': ['9'],
  '--ulimit': ['nofile=10:20'],
  '--oom-score-adj': ['-5'],
  '--restart-condition': ['none'],
  '--restart-delay': ['1s'],
  '--restart-max-attempts': ['3'],
  '--restart-window': ['1m'],
  '--health-cmd': ['true'],
  '--health-interval': ['1s'],
  '--health-timeout': ['1s'],
  '--health-retries': ['3'],
  '--health-start-period': ['1s'],
  '--health-start-interval': ['1s'],
  '--no-healthcheck': [],
  '--log-driver': ['json-file'],
  '--log-opt': ['a=1', '--log-driver', 'json-file'],
  '--force': [],
  '--env-add': ['A=1'],
  '--label-add': ['a=1'],
  '--constraint-add': ['node.role==worker'],
  '--publish-add': ['80'],
  '--mount-add': ['target=/b'],
  '--container-label-add': ['a=1'],
  '--group-add': ['audio'],
  '--host-add': ['db:10.0.0.9'],
  '--dns-add': ['8.8.8.8'],
  '--dns-option-add': ['ndots:1'],
  '--dns-search-add': ['example.com'],
  '--secret-add': ['s'],
  '--config-add': ['c'],
  '--sysctl-add': ['a=1'],
  '--ulimit-add': ['nofile=10'],
  '--generic-resource-add': ['gpu=2'],
  '--network-add': ['net'],
  '--placement-pref-add': ['spread=node.labels.zone'],
};
for (const kind of ['update', 'rollback'])
  Object.assign(everyFlag, {
    [`--${kind}-parallelism`]: ['2'],
    [`--${kind}-delay`]: ['1s'],
    [`--${kind}-monitor`]: ['1s'],
    [`--${kind}-on-failure`]: ['continue'],
    [`--${kind}-failure-action`]: ['continue'],
    [`--${kind}-max-failure-ratio`]: ['0.5'],
    [`--${kind}-order`]: ['start-first'],
  });
/** These take away, so they need something that is there; below. Rolling back is a request of its own. */
const takingAway = [
  '--env-rm',
  '--label-rm',
  '--constraint-rm',
  '--publish-rm',
  '--mount-rm',
  '--container-label-rm',
  '--group-rm',
  '--host-rm',
  '--dns-rm',
  '--dns-option-rm',
  '--dns-search-rm',
  '--secret-rm',
  '--config-rm',
  '--sysctl-rm',
  '--ulimit-rm',
  '--generic-resource-rm',
  '--network-rm',
  '--placement-pref-rm',
  '--no-tty',
  '--no-open-stdin',
  '--no-read-only',
  '--no-init',
];

/** What they mean is found before the spec is made; the image is never resolved here anyway. */
const elsewhere = ['--rollback', '--env-file', '--with-registry-auth', '--no-resolve-image'];

test('every flag has an effect', () => {
  const command = new Command();
  addServiceFlags(command);
  addUpdateFlags(command);
  const known = command.options
    .flatMap(({ short, long }) => [short, long])
    .filter(
      (name) =>
        name?.startsWith('--') &&
        !takingAway.includes(name) &&
        name !== undefined &&
        !elsewhere.includes(name),
    );
  assert.deepEqual([...known].sort(), Object.keys(everyFlag).sort());
  for (const [flag, [value, ...others]] of Object.entries(everyFlag)) {
    const before = apply(empty, '--image', 'busybox', ...others);
    const after = apply(empty, '--image', 'busybox', flag, ...(value ? [value] : []), ...others);
    assert.ok(!wireEqual(before, after), `${flag} changes nothing`);
  }
});

test('what is not given stays as it was', () => {
  const argv = Object.entries(everyFlag)
    .filter(([flag]) => !/max-concurrent|no-healthcheck|force|(?<!cap)-add$/.test(flag))
    .flatMap(([flag, [value]]) => [flag, ...(value ? [value] : [])]);
  const whole = apply(empty, '--name', 'web', ...argv);
  assert.ok(wireEqual(apply(whole), whole));
  const scaled = apply(whole, '--replicas', '8');
  assert.ok(!wireEqual(scaled, whole));
  assert.ok(wireEqual({ ...scaled, mode: whole.mode }, whole));
});

test('an empty spec becomes a replicated service with one task and no opinions', () => {
  const spec = apply(empty, '--name', 'web', '--image', 'busybox');
  assert.deepEqual(spec.mode, { $case: 'replicated', value: { replicas: 1n } });
  assert.equal(spec.annotations?.name, 'web');
  for (const part of ['update', 'rollback', 'endpoint'] as const)
    assert.equal(spec[part], undefined);
  for (const part of ['restart', 'placement', 'resources', 'logDriver'] as const)
    assert.equal(spec.task?.[part], undefined);
  assert.equal(container(spec).healthcheck, undefined);
});

test('fields that this version does not know survive an update', () => {
  const unknown = { 999: [Buffer.from([1])] };
  const spec = apply(
    empty,
    ...['--image', 'a', '--publish', '80', '--constraint', 'node.role==worker'],
    ...['--limit-cpu', '1', '--restart-delay', '1s', '--update-delay', '1s'],
    ...['--health-cmd', 'true', '--log-driver', 'x'],
  );
  const { task } = spec;
  assert.ok(task?.resources && spec.mode?.$case === 'replicated');
  const strange = {
    ...spec,
    _unknownFields: unknown,
    annotations: { ...spec.annotations, _unknownFields: unknown },
    mode: { $case: 'replicated', value: { ...spec.mode.value, _unknownFields: unknown } },
    endpoint: { ...spec.endpoint, _unknownFields: unknown },
    update: { ...spec.update, _unknownFields: unknown },
    task: {
      ...task,
      _unknownFields: unknown,
      restart: { ...task.restart, _unknownFields: unknown },
      placement: { ...task.placement, _unknownFields: unknown },
      logDriver: { ...task.logDriver, _unknownFields: unknown },
      resources: {
        ...task.resources,
        _unknownFields: unknown,
        limits: { ...task.resources.limits, _unknownFields: unknown },
      },
      runtime: {
        $case: 'container',
        value: {
          ...container(spec),
          _unknownFields: unknown,
          healthcheck: { ...container(spec).healthcheck, _unknownFields: unknown },
        },
      },
    },
  } as ServiceSpec;
  const changed = apply(
    strange,
    ...['--replicas', '3', '--image', 'b', '--publish-add', '81', '--update-delay', '2s'],
    ...['--restart-delay', '2s', '--constraint-add', 'node.id==x', '--limit-memory', '1g'],
    ...['--label-add', 'a=1', '--health-retries', '2', '--log-opt', 'a=1'],
  );
  const count = (value: unknown): number =>
    typeof value !== 'object' || value === null
      ? 0
      : Object.entries(value).reduce(
          (sum, [key, inner]) => sum + (key === '_unknownFields' ? 1 : count(inner)),
          0,
        );
  assert.equal(count(strange), 13);
  assert.equal(count(changed), 13);
});

test('modes', () => {
  const mode = (...argv: readonly string[]) => apply(empty, ...argv).mode;
  assert.deepEqual(mode('--mode', 'Global'), { $case: 'global', value: {} });
  assert.deepEqual(mode('--replicas', '0'), { $case: 'replicated', value: { replicas: 0n } });
  assert.deepEqual(mode('--mode', 'replicated-job', '--replicas', '5'), {
    $case: 'replicatedJob',
    value: { maxConcurrent: 5n, totalCompletions: 5n },
  });
  const job = apply(empty, '--mode', 'replicated-job', '--replicas', '5', '--max-concurrent', '2');
  assert.deepEqual(job.mode?.value, { maxConcurrent: 2n, totalCompletions: 5n });
  assert.deepEqual(apply(job, '--replicas', '9').mode?.value, {
    maxConcurrent: 2n,
    totalCompletions: 9n,
  });
  refuses(
    () => mode('--mode', 'global', '--replicas', '2'),
    '--replicas does not go with a global service',
  );
  refuses(() => apply(apply(empty, '--mode', 'global-job'), '--replicas', '2'), 'a global job');
  refuses(() => mode('--max-concurrent', '2'), 'of the mode replicated-job');
  refuses(
    () => mode('--mode', 'daemon'),
    'must be one of replicated, global, replicated-job, global-job',
  );
  const global = apply(empty, '--mode', 'global');
  assert.equal(
    apply(global, '--image', 'x').mode,
    global.mode,
    'an update of a global service keeps its mode',
  );
});

test('lists are replaced, or changed by item', () => {
  const spec = apply(
    empty,
    ...['--env', 'A=1', '--env', 'B=2', '--label', 'a=1', '--label', 'b=2'],
    ...['--mount', 'source=v,target=/a', '--mount', 'source=w,target=/b'],
    ...['--publish', '1:80', '--publish', '2:81', '--constraint', 'a==b', '--constraint', 'c==d'],
  );
  const replaced = apply(spec, '--env', 'C=3', '--constraint', 'e==f', '--publish', '9:90');
  assert.deepEqual(container(replaced).env, ['C=3']);
  assert.deepEqual(replaced.task?.placement?.constraints, ['e==f']);
  assert.deepEqual(
    replaced.endpoint?.ports.map((port) => port.publishedPort),
    [9],
  );

  const changed = apply(
    spec,
    ...['--env-add', 'A=9', '--env-rm', 'B', '--label-add', 'c=3', '--label-rm', 'a'],
    ...['--mount-add', 'source=x,target=/b', '--mount-rm', '/a'],
    ...['--publish-add', '3:82', '--publish-add', '2:81', '--publish-rm', '80'],
    ...['--constraint-add', 'e==f', '--constraint-add', 'c==d', '--constraint-rm', 'a==b'],
  );
  assert.deepEqual(container(changed).env, ['A=9']);
  assert.deepEqual(changed.annotations?.labels, { b: '2', c: '3' });
  assert.deepEqual(
    container(changed).mounts.map(({ source, target }) => source + target),
    ['x/b'],
  );
  assert.deepEqual(
    changed.endpoint?.ports.map((port) => port.publishedPort),
    [2, 3],
  );
  assert.deepEqual(changed.task?.placement?.constraints, ['c==d', 'e==f']);
});

test('switches can be switched off, and commands taken back', () => {
  const on = apply(
    empty,
    ...['--tty', '--open-stdin', '--read-only', '--init'],
    '--args',
    'x',
    '--command',
    'y',
  );
  const { tty, openStdin, readOnly, init, args, command } = container(on);
  assert.deepEqual(
    [tty, openStdin, readOnly, init, args, command],
    [true, true, true, true, ['x'], ['y']],
  );
  const off = container(
    apply(
      on,
      '--no-tty',
      '--no-open-stdin',
      '--no-read-only',
      '--no-init',
      '--args',
      '',
      '--command',
      '',
    ),
  );
  assert.deepEqual(
    [off.tty, off.openStdin, off.readOnly, off.init, off.args, off.command],
    [false, false, false, false, [], []],
  );
});

test('partial policies get what the manager assumes', () => {
  const { update, rollback } = apply(empty, '--update-delay', '3s');
  assert.equal(update?.parallelism, 1n);
  assert.equal(update?.monitor?.seconds, 5n);
  assert.equal(rollback, undefined);
  assert.equal(apply(empty, '--update-parallelism', '0').update?.parallelism, 0n);
  const condition = (word: string) =>
    apply(empty, '--restart-condition', word).task?.restart?.condition;
  assert.equal(apply(empty, '--restart-delay', '1s').task?.restart?.condition, condition('any'));
  assert.equal(condition('failure'), condition('on-failure'));
});

test('health checks', () => {
  const health = (...argv: readonly string[]) => container(apply(empty, ...argv)).healthcheck;
  assert.deepEqual(health('--no-healthcheck')?.test, ['NONE']);
  assert.deepEqual(health('--health-cmd', 'curl -f localhost')?.test, [
    'CMD-SHELL',
    'curl -f localhost',
  ]);
  assert.equal(health('--health-retries', '3')?.retries, 3);
});

test('resources', () => {
  const { resources } =
    apply(
      empty,
      '--reserve-cpu',
      '.5',
      '--limit-memory',
      '1g',
      '--generic-resources',
      'gpu=2,fpga=1',
    ).task ?? {};
  assert.equal(resources?.reservations?.nanoCpus, 500_000_000n);
  assert.equal(resources?.limits?.memoryBytes, 1n << 30n);
  assert.equal(resources?.limits?.nanoCpus, 0n);
  assert.deepEqual(
    resources?.reservations?.generic.map(({ resource }) => resource?.value.kind),
    ['gpu', 'fpga'],
  );
  refuses(() => apply(empty, '--generic-resources', 'gpu=many'), 'whole number');
});

test('what does not fit is refused by the name of its flag', () => {
  const refused: readonly (readonly [string, string, string])[] = [
    ['--update-failure-action', 'explode', 'pause, continue, rollback'],
    ['--rollback-failure-action', 'rollback', 'one of pause, continue'],
    ['--update-max-failure-ratio', '2', 'from 0 to 1'],
    ['--update-order', 'any', 'stop-first, start-first'],
    ['--placement-pref', 'node.labels.zone', 'spread=node.labels.zone'],
    ['--placement-pref', 'spread=', 'spread=node.labels.zone'],
    ['--endpoint-mode', 'lb', 'vip, dnsrr'],
    ['--ulimit', 'nofile', 'name=soft'],
    ['--oom-score-adj', '1001', '-1000 to 1000'],
    ['--oom-score-adj', 'low', '-1000 to 1000'],
    ['--log-opt', 'a=1', '--log-opt needs a --log-driver'],
    ['--restart-condition', 'always', 'none, on-failure, any'],
  ];
  for (const [flag, value, words] of refused) {
    refuses(() => apply(empty, flag, value), words);
    refuses(() => apply(empty, flag, value), flag);
  }
});

test('a service that runs no container keeps what it runs', () => {
  const generic: ServiceSpec = {
    ...empty,
    task: {
      ...(apply(empty).task as NonNullable<ServiceSpec['task']>),
      runtime: { $case: 'generic', value: { kind: 'plugin', payload: undefined } },
    },
  };
  assert.deepEqual(apply(generic, '--replicas', '2').task?.runtime, generic.task?.runtime);
  refuses(() => apply(generic, '--image', 'x'), 'it runs no container (generic)');
});

test('lists: added, changed in place of the same key, removed', () => {
  const pairs: readonly [name: string, first: string, key: string, changed: string][] = [
    ['container-label', 'a=1', 'a', 'a=2'],
    ['sysctl', 'a=1', 'a', 'a=2'],
    ['ulimit', 'nofile=1', 'nofile', 'nofile=2:3'],
    ['generic-resource', 'gpu=1', 'gpu', 'gpu=2'],
    ['network', 'front', 'front', 'name=front,alias=x'],
    ['secret', 's', 's', 'source=s,mode=0400'],
    ['config', 'c', 'c', 'source=c,uid=5'],
    ['placement-pref', 'spread=a', 'spread=a', 'spread=a'],
    ['host', 'db:10.0.0.9', 'db:10.0.0.9', 'db:10.0.0.9'],
    ['dns', '8.8.8.8', '8.8.8.8', '8.8.8.8'],
    ['group', 'g', 'g', 'g'],
  ];
  const none = apply(empty, '--image', 'a');
  for (const [name, first, key, changed] of pairs) {
    const one = apply(none, `--${name}`, first);
    assert.ok(wireEqual(apply(none, `--${name}-add`, first), one), `${name}-add`);
    const other = apply(one, `--${name}-add`, changed);
    assert.ok(wireEqual(other, apply(none, `--${name}`, changed)), `${name}-add in its place`);
    const gone = apply(other, `--${name}-rm`, key);
    const emptied = wireEqual(apply(gone, `--${name}-add`, first), one);
    assert.ok(emptied && !wireEqual(gone, other), `${name}-rm`);
  }
});

test('secrets and configs: all that Docker writes about a file', () => {
  const spec = apply(
    empty,
    ...['--image', 'a', '--secret', 'src=s,target=/etc/key,uid=1,gid=2,mode=440', '--config', 'c'],
  );
  const { secrets, configs } = container(spec);
  assert.deepEqual(secrets[0], {
    secretId: 's',
    secretName: 's',
    target: { $case: 'file', value: { name: '/etc/key', uid: '1', gid: '2', mode: 0o440 } },
  });
  assert.deepEqual(configs[0]?.target, {
    $case: 'file',
    value: { name: 'c', uid: '0', gid: '0', mode: 0o444 },
  });
  refuses(() => apply(empty, '--secret', 'target=x'), '--secret is "target=x"; it needs a source');
  refuses(
    () => apply(empty, '--secret', 's,mode=9'),
    '--secret is "s"; known are source, target, uid, gid, mode',
  );
  refuses(
    () => apply(empty, '--config', 'source=c,mode=9'),
    '--config is "source=c,mode=9"; write permission bits in octal, like 0440',
  );
  refuses(() => apply(empty, '--host', 'x'), '--host is "x"; write name:ip');
  refuses(() => apply(empty, '--network', 'alias=x'), '--network is "alias=x"; it needs a name');
  refuses(
    () => apply(empty, '--network', 'name=x,y=z'),
    '--network is "y=z"; known are name, alias, ip and driver-opt',
  );
});

test('capabilities: what is added is not dropped any more', () => {
  const spec = apply(empty, '--image', 'a', '--cap-add', 'net_admin', '--cap-drop', 'ALL');
  assert.deepEqual(container(spec).capabilityAdd, ['CAP_NET_ADMIN']);
  const turned = apply(spec, '--cap-drop', 'CAP_NET_ADMIN', '--cap-add', 'all');
  assert.deepEqual(container(turned).capabilityAdd, ['ALL']);
  assert.deepEqual(container(turned).capabilityDrop, ['CAP_NET_ADMIN']);
});

test('a credential spec is somewhere, and one that is a config is listed without a file', () => {
  const meanings = { configs: new Map([['gmsa', { id: 'c1', name: 'gmsa' }]]) };
  const at = (spec: ServiceSpec, ...argv: readonly string[]) =>
    applyServiceFlags(spec, flagsOf(...argv), meanings);
  const first = at(empty, '--image', 'a', '--credential-spec', 'config://gmsa', '--config', 'c');
  assert.deepEqual(container(first).privileges?.credentialSpec?.source, {
    $case: 'config',
    value: 'c1',
  });
  assert.deepEqual(
    container(first).configs.map(({ configId, target }) => [configId, target?.$case]),
    [
      ['c', 'file'],
      ['c1', 'runtime'],
    ],
  );
  const second = container(at(first, '--credential-spec', 'registry://key'));
  assert.deepEqual(second.privileges?.credentialSpec?.source, { $case: 'registry', value: 'key' });
  assert.deepEqual(
    second.configs.map(({ configId }) => configId),
    ['c'],
  );
  const none = container(at(first, '--credential-spec', ''));
  assert.equal(none.privileges?.credentialSpec, undefined);
  assert.equal(none.configs.length, 1);
  refuses(
    () => apply(empty, '--credential-spec', 'gmsa'),
    '--credential-spec is "gmsa"; write config',
  );
});

test('swap: as much as there is, and how readily', () => {
  const resources = (...argv: readonly string[]) => apply(empty, ...argv).task?.resources;
  assert.equal(resources('--memory-swap', '64m')?.swapBytes, 64n << 20n);
  assert.equal(resources('--memory-swap', '-1')?.swapBytes, -1n);
  const whole = apply(empty, '--memory-swappiness', '100', '--limit-memory', '1g');
  assert.equal(whole.task?.resources?.memorySwappiness, 100n);
  assert.equal(whole.task?.resources?.limits?.memoryBytes, 1n << 30n);
  assert.equal(
    apply(whole, '--memory-swappiness', '-1').task?.resources?.memorySwappiness,
    undefined,
  );
  for (const text of ['101', '-2', 'x'])
    refuses(
      () => apply(empty, '--memory-swappiness', text),
      `--memory-swappiness is "${text}"; write a whole number from -1 to 100`,
    );
});
