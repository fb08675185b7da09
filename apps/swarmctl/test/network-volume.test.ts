import assert from 'node:assert/strict';
import test from 'node:test';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { CreateNetworkRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Secret, Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { aNetwork, aNode, aService, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

test('network create: nothing said is nothing asked for', async () => {
  const cluster = new FakeCluster();
  const { code, out } = await runCtl(cluster, ['network', 'create', 'front']);
  assert.equal(code, 0);
  assert.equal(out, `${cluster.networks[0]?.id}\n`);
  const spec = cluster.requests<CreateNetworkRequest>('createNetwork')[0]?.spec;
  assert.deepEqual([spec?.driverConfig, spec?.ipam], [undefined, undefined]);
});

test('network create: every flag', async () => {
  const cluster = new FakeCluster();
  const { code, err } = await runCtl(cluster, [
    ...['network', 'create', 'front', '-d', 'overlay', '-o', 'encrypted=', '--label', 'a=b'],
    ...['--subnet', '10.1.0.0/24', '--ip-range', '10.1.0.128/25', '--gateway', '10.1.0.1'],
    ...['--subnet', 'fd00::/64', '--ipam-driver', 'own', '--ipam-opt', 'x=y'],
    ...['--attachable', '--internal', '--ipv6'],
  ]);
  assert.equal(code, 0, err);
  const spec = cluster.requests<CreateNetworkRequest>('createNetwork')[0]?.spec;
  assert.deepEqual(spec?.driverConfig, { name: 'overlay', options: { encrypted: '' } });
  assert.deepEqual(spec?.ipam?.driver, { name: 'own', options: { x: 'y' } });
  assert.deepEqual(
    spec?.ipam?.configs.map(({ family, subnet, range, gateway }) => [
      family,
      subnet,
      range,
      gateway,
    ]),
    [
      [4, '10.1.0.0/24', '10.1.0.128/25', '10.1.0.1'],
      [6, 'fd00::/64', '', ''],
    ],
  );
  assert.deepEqual([spec?.attachable, spec?.internal, spec?.ipv6Enabled], [true, true, true]);
});

test('network create: what does not go together', async () => {
  const cluster = new FakeCluster();
  for (const flags of [
    ['--opt', 'a=b'],
    ['--gateway', '10.0.0.1'],
    ['--ip-range', '10.0.0.0/25'],
  ])
    assert.equal((await runCtl(cluster, ['network', 'create', 'n', ...flags])).code, 2);
});

test('network inspect: as many addresses as the leader would give', async () => {
  const cluster = new FakeCluster();
  for (const [config, room] of [
    [{ subnet: '10.0.1.0/31' }, 2],
    [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1', range: '10.0.1.0/25' }, 126],
    [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1', range: '10.0.1.128/25' }, 127],
    [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1', reserved: { router: '10.0.1.9' } }, 252],
  ] as const) {
    const ipam = { configs: [config] };
    cluster.networks = [aNetwork({ id: 'n1', spec: { annotations: { name: 'front' } }, ipam })];
    const { out } = await runCtl(cluster, ['network', 'inspect', 'front']);
    assert.match(out, new RegExp(`Addresses: +0 of ${room}\\n`));
  }
});

test('network inspect: how many addresses are given, and that they are nearly used up', async () => {
  const cluster = new FakeCluster();
  const network = aNetwork({
    id: 'n1',
    spec: { annotations: { name: 'front' } },
    ipam: { configs: [{ subnet: '10.0.1.0/29', gateway: '10.0.1.1' }] },
  });
  const other = aNetwork({ id: 'n2' });
  const at = (...addresses: readonly string[]) => ({ network, addresses });
  cluster.networks = [network];
  const virtualIps = [
    { networkId: 'n1', addr: '10.0.1.2/29' },
    { networkId: 'n2', addr: '10.0.2.2/29' },
  ];
  cluster.services = [aService({ id: 's', endpoint: { virtualIps } })];
  const ended = { status: { state: TaskState.FAILED } };
  cluster.tasks = [
    aTask({ networks: [at('10.0.1.3/29'), { network: other, addresses: ['10.0.2.3/29'] }] }),
    aTask({ ...ended, networks: [at('10.0.1.4/29')] }),
  ];
  const inspect = async () => (await runCtl(cluster, ['network', 'inspect', 'front'])).out;
  assert.match(await inspect(), /Addresses: +2 of 5\n/);
  cluster.nodes = [
    aNode({ attachments: [at('10.0.1.5/29')] }),
    aNode({ attachments: [at('10.0.1.6/29')] }),
  ];
  assert.match(await inspect(), /Addresses: +4 of 5, nearly used up\n/);
});

test('network ls, inspect, rm', async () => {
  const cluster = new FakeCluster();
  cluster.networks = [
    aNetwork({
      id: 'n1',
      spec: { annotations: { name: 'front' }, attachable: true, internal: true },
      driverState: { name: 'overlay', options: { vni: '4097' } },
      ipam: { configs: [{ subnet: '10.0.1.0/24', gateway: '10.0.1.1' }] },
    }),
  ];
  assert.match(
    (await runCtl(cluster, ['network', 'ls'])).out,
    /n1 +front +overlay +10\.0\.1\.0\/24 \(gateway 10\.0\.1\.1\)\n$/,
  );
  assert.equal((await runCtl(cluster, ['network', 'ls', '-q'])).out, 'n1\n');
  assert.match(
    (await runCtl(cluster, ['network', 'inspect', 'front'])).out,
    /Addresses: +0 of 253\n/,
  );
  assert.match(
    (await runCtl(cluster, ['network', 'inspect', 'front'])).out,
    /Options: +vni=4097\n[\s\S]*Kind: +internal, attachable\n/,
  );
  assert.match(
    (await runCtl(cluster, ['network', 'inspect', 'front', '--format', 'json'])).out,
    /"subnet": "10.0.1.0\/24"/,
  );
  assert.equal((await runCtl(cluster, ['network', 'rm', 'front'])).out, 'front\n');
  assert.equal((await runCtl(cluster, ['network', 'rm', 'front'])).code, 3);
});

test('volume create, update, ls, inspect, rm', async () => {
  const cluster = new FakeCluster();
  cluster.secrets = [
    Secret.fromPartial({ id: 's1', spec: { annotations: { name: 'pw' } } } as never),
  ];
  const { code, err } = await runCtl(cluster, [
    ...['volume', 'create', 'data', '-d', 'csi', '-o', 'a=b', '--label', 'c=d', '--group', 'fast'],
    ...['--scope', 'multi', '--sharing', 'onewriter', '--type', 'block', '--secret', 'k:pw'],
    ...['--required-bytes', '1g', '--topology-required', 'zone=a,rack=1'],
    ...['--availability', 'pause'],
  ]);
  assert.equal(code, 0, err);
  const spec = cluster.volumes[0]?.spec;
  assert.deepEqual([spec?.group, spec?.driver?.options], ['fast', { a: 'b' }]);
  assert.deepEqual(
    [spec?.accessMode?.scope, spec?.accessMode?.sharing, spec?.accessMode?.accessType?.$case],
    [1, 2, 'block'],
  );
  assert.deepEqual(
    spec?.secrets.map(({ key, secret }) => [key, secret]),
    [['k', 's1']],
  );
  assert.equal(spec?.capacityRange?.requiredBytes, 1n << 30n);
  assert.deepEqual(spec?.AccessibilityRequirements?.requisite[0]?.segments, {
    zone: 'a',
    rack: '1',
  });
  assert.match(
    (await runCtl(cluster, ['volume', 'ls'])).out,
    /data +fast +csi +Pause +Not made yet\n$/,
  );
  assert.equal(
    (await runCtl(cluster, ['volume', 'update', '--availability', 'drain', 'data'])).code,
    0,
  );
  assert.match(
    (await runCtl(cluster, ['volume', 'inspect', 'data'])).out,
    /Scope: +Multi node\nSharing: +One writer\nAvailability: +Drain\n/,
  );
  cluster.volumes = [
    Volume.fromPartial({
      ...cluster.volumes[0],
      volumeInfo: { volumeId: 'x', capacityBytes: 1n << 31n },
      publishStatus: [{ nodeId: 'n1' }],
    } as never),
  ];
  assert.match(
    (await runCtl(cluster, ['volume', 'inspect', 'data'])).out,
    /State: +In use on 1\nSize: +2 GiB\nNodes: +n1\n/,
  );
  assert.equal((await runCtl(cluster, ['volume', 'rm', '--force', 'data'])).code, 0);
  assert.equal((await runCtl(cluster, ['volume', 'create', 'x'])).code, 2);
  assert.equal(
    (await runCtl(cluster, ['volume', 'create', 'x', '-d', 'y', '--scope', 'z'])).code,
    2,
  );
});
