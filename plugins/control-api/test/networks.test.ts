import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Kind } from '@swarmkit/sdk/plugin/errors';
import {
  anAttachment,
  aNetwork,
  aNode,
  aService,
  aTask,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import type { IPAMConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { NetworkSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Api } from './api.js';

let api: Api;
beforeEach(() => {
  api = new Api();
});

const spec = (overrides: Partially<NetworkSpec> = {}): Partially<NetworkSpec> => ({
  annotations: { name: 'net' },
  ...overrides,
});
const refused = (
  overrides: Partially<NetworkSpec>,
  text: string,
  kind: Kind = 'invalid-argument',
) => api.refused('createNetwork', { spec: spec(overrides) }, kind, text);

test('create, get, remove', async () => {
  const { network } = await api.call('createNetwork', {
    spec: spec({ driverConfig: { name: 'bridge' } }),
  });
  const networkId = network?.id ?? '';
  assert.match(networkId, /^[0-9a-z]{25}$/);
  assert.deepEqual((await api.call('getNetwork', { networkId })).network, network);
  await api.call('removeNetwork', { networkId });
  for (const method of ['getNetwork', 'removeNetwork'] as const) {
    await api.refused(method, { networkId }, 'not-found', `network ${networkId} not found`);
    await api.refused(method, {}, 'invalid-argument', 'invalid argument');
  }
});

test('create: what no network may be', async () => {
  await api.refused('createNetwork', {}, 'invalid-argument', 'invalid argument');
  await refused({ ingress: true, attachable: true }, 'ingress network cannot be attachable');
  await refused({ annotations: { name: '' } }, 'meta: name must be provided');
  await refused(
    { annotations: { name: 'n', labels: { 'com.docker.swarm.predefined': '' } } },
    'label com.docker.swarm.predefined is for internally created predefined networks and cannot be applied by users',
    'permission-denied',
  );
  await refused(
    { driverConfig: { options: { a: 'b' } } },
    'driver name: if driver is specified name is required',
  );
  await refused(
    { ingress: true, driverConfig: { name: 'bridge' } },
    'only overlay driver is currently supported for ingress network',
    'unimplemented',
  );
});

const pools: readonly [pool: Partially<IPAMConfig>, text: string | undefined][] = [
  [{ subnet: '10.0.0.0/24', range: '10.0.0.128/25', gateway: '10.0.0.1' }, undefined],
  [{ subnet: 'fd00::/64', gateway: 'fd00::1' }, undefined],
  [{}, 'invalid subnet '],
  [{ subnet: '10.0.0.0' }, 'invalid subnet 10.0.0.0'],
  [{ subnet: '10.0.0.0/24', range: 'x' }, 'invalid range x'],
  [
    { subnet: '10.0.0.0/24', range: '10.0.1.0/25' },
    'subnet 10.0.0.0/24 does not contain range 10.0.1.0/25',
  ],
  [{ subnet: '10.0.0.0/24', gateway: 'x' }, 'invalid gateway x'],
  [
    { subnet: '10.0.0.0/24', gateway: '10.0.1.1' },
    'subnet 10.0.0.0/24 does not contain gateway 10.0.1.1',
  ],
];

for (const [pool, text] of pools)
  test(`create: pool ${JSON.stringify(pool)}`, async () => {
    const ipam = { configs: [pool as IPAMConfig] };
    if (text === undefined) await api.call('createNetwork', { spec: spec({ ipam }) });
    else await refused({ ipam }, `ipam configuration: ${text}`);
  });

test('create: a driver that no node has', async () => {
  const acme = spec({ driverConfig: { name: 'acme' } });
  await refused(acme, 'error during lookup of plugin acme: no node of the cluster has it');
  const plugins = [{ type: 'Network', name: 'acme:latest' }];
  api.store.seed({ node: [aNode({ description: { engine: { plugins } } })] });
  await api.call('createNetwork', { spec: acme });
});

test('create: subnets that another network has, allocated or not, and one twice', async () => {
  const on = (...subnets: readonly string[]) => ({
    ipam: { configs: subnets.map((subnet) => ({ subnet })) },
  });
  api.store.seed({
    network: [
      aNetwork({ id: 'a', ipam: { configs: [{ subnet: '10.0.1.0/24' }] } }),
      aNetwork({ id: 'b', spec: on('10.5.0.0/16') }),
    ],
  });
  for (const [subnet, other] of [
    ['10.0.0.0/8', '10.0.1.0/24 of network a'],
    ['10.5.9.0/24', '10.5.0.0/16 of network b'],
  ] as const)
    await refused(
      on('10.9.0.0/24', subnet),
      `ipam configuration: subnet ${subnet} overlaps with ${other}`,
    );
  await refused(
    on('10.9.0.0/24', '10.9.0.0/25'),
    'ipam configuration: subnet 10.9.0.0/25 overlaps with 10.9.0.0/24 of the same network',
  );
  await api.call('createNetwork', { spec: spec(on('10.9.0.0/24', '10.8.0.0/24')) });
});

test('create: subnets of a driver of the node are its own affair', async () => {
  api.store.seed({
    network: [aNetwork({ id: 'a', ipam: { configs: [{ subnet: '10.0.1.0/24' }] } })],
  });
  const configs = [{ subnet: '10.0.1.0/24' }];
  const own = (name: string) =>
    spec({ annotations: { name }, driverConfig: { name: 'macvlan' }, ipam: { configs } });
  await api.call('createNetwork', { spec: own('lan') });
  await api.call('createNetwork', { spec: own('lan-too') });
  const overlay = spec({ driverConfig: { name: 'overlay' }, ipam: { configs } });
  await refused(
    overlay,
    'ipam configuration: subnet 10.0.1.0/24 overlaps with 10.0.1.0/24 of network a',
  );
});

test('create: a taken name, and a second ingress network', async () => {
  const { network } = await api.call('createNetwork', { spec: spec({ ingress: true }) });
  await refused(
    { annotations: { name: 'NET' } },
    'name conflicts with an existing object',
    'unknown',
  );
  await refused(
    { annotations: { name: 'other' }, ingress: true },
    `ingress network (${network?.id}) is already present`,
    'already-exists',
  );
});

test('remove: predefined networks stay', async () => {
  const labels = { 'com.docker.swarm.predefined': 'true' };
  api.store.seed({
    network: [aNetwork({ id: 'n', spec: { annotations: { name: 'host', labels } } })],
  });
  await api.refused(
    'removeNetwork',
    { networkId: 'n' },
    'failed-precondition',
    'network n (host) is a swarm predefined network and cannot be removed',
  );
});

test('remove: not while a service or a living task uses it', async () => {
  const text = 'network n is in use by';
  const networks = [{ target: 'n' }];
  api.store.seed({
    network: [aNetwork({ id: 'n' })],
    service: [aService({ id: 's', spec: { task: { networks } } })],
    task: [aTask({ id: 't', spec: { networks } })],
  });
  const remove = (by: string) =>
    api.refused('removeNetwork', { networkId: 'n' }, 'failed-precondition', `${text} ${by}`);
  await remove('service s');
  api.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => draft.remove('service', 's'));
  await remove('task t');
  const task = api.store.view().get('task', 't')!;
  const status = { ...task.status!, state: TaskState.FAILED };
  api.store.seed({ task: [{ ...task, status }] });
  await api.call('removeNetwork', { networkId: 'n' });
});

test('remove: not while a container that was started by hand is on it', async () => {
  api.store.seed({
    network: [aNetwork({ id: 'n' })],
    task: [anAttachment('n1', ['n'], { id: 'a' })],
  });
  const text = 'network n is in use by task a';
  await api.refused('removeNetwork', { networkId: 'n' }, 'failed-precondition', text);
  await api.call('removeTask', { taskId: 'a' });
  await api.call('removeNetwork', { networkId: 'n' });
});

test('remove: the ingress network goes when no service publishes through it', async () => {
  api.store.seed({
    network: [aNetwork({ id: 'n', spec: { ingress: true } })],
    service: [aService({ id: 's', spec: { endpoint: { ports: [{ targetPort: 80 }] } } })],
  });
  await api.refused(
    'removeNetwork',
    { networkId: 'n' },
    'failed-precondition',
    'ingress network cannot be removed because service s depends on it',
  );
  await api.call('removeService', { serviceId: 's' });
  await api.call('removeNetwork', { networkId: 'n' });
});

test('list: filters', async () => {
  const network = (id: string, name: string) =>
    aNetwork({ id, spec: { annotations: { name, labels: { of: name } } } });
  api.store.seed({ network: [network('b', 'Front'), network('a', 'back')] });
  const list = async (filters: object) =>
    (await api.call('listNetworks', { filters: filters as never })).networks.map(({ id }) => id);
  assert.deepEqual(await list({}), ['a', 'b']);
  assert.deepEqual(await list({ names: ['back', 'front'] }), ['a']);
  assert.deepEqual(await list({ namePrefixes: ['Fr'], labels: { of: '' } }), ['b']);
  assert.deepEqual(await list({ idPrefixes: ['a'] }), ['a']);
});
