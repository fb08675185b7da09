import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Ipam } from '@swarmkit/sdk/contracts/ipam';
import type { By, Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNetwork, aService, aTask, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { dirtyOf, everythingDirty, runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { allocateNetworks, vxlanIds } from '../core/networks.js';
import { Allocator } from '../shell/allocator.js';

/** Networks and what they get: subnet, gateway, VXLAN id, or only the name of their driver. */

const user = { id: 'user', writes: ['any'] } as const;
const vxlan = 'com.docker.network.driver.overlay.vxlanid_list';

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

const run = (ipam: Ipam = smallIpam()) => runStage(store, new Allocator(() => ipam));
const network = (id: string): Network => store.view().get('network', id) as Network;
const subnetOf = (id: string) =>
  network(id)
    .ipam?.configs.map(({ subnet }) => subnet)
    .join();
const idsOf = (id: string) => network(id).driverState?.options[vxlan];
const at = (seconds: bigint) => ({ meta: { createdAt: { seconds, nanos: 0 } } });

test('an overlay network is written as Docker writes it', () => {
  store.seed({
    network: [
      aNetwork({ id: 'front', spec: { driverConfig: { name: '', options: { encrypted: '' } } } }),
    ],
  });
  run();
  assert.deepEqual(network('front').driverState, {
    name: 'overlay',
    options: { encrypted: '', [vxlan]: '4096' },
  });
  assert.deepEqual(network('front').ipam?.driver, { name: 'default', options: {} });
  assert.equal(subnetOf('front'), '10.0.0.0/29');
  assert.equal(network('front').ipam?.configs[0]?.gateway, '10.0.0.1');
});

test('ingress is the first, and the others come in the order in which they were made', () => {
  store.seed({
    network: [
      aNetwork({ id: 'younger', ...at(3n) }),
      aNetwork({ id: 'older', ...at(2n) }),
      aNetwork({ id: 'zz', spec: { ingress: true }, ...at(4n) }),
    ],
  });
  run();
  assert.deepEqual(
    ['zz', 'older', 'younger'].map((id) => `${subnetOf(id)} ${idsOf(id)}`),
    ['10.0.0.0/29 4096', '10.0.1.0/29 4097', '10.0.2.0/29 4098'],
  );
});

test('the pools of the cluster are what subnets are cut from', () => {
  const asked: unknown[] = [];
  const ipam = smallIpam();
  store.seed({
    cluster: [aCluster({ defaultAddressPool: ['10.20.0.0/16'], subnetSize: 26 })],
    network: [aNetwork({ id: 'front' })],
  });
  run({
    ...ipam,
    subnets: (request) => {
      asked.push([request.pools, request.subnetSize]);
      return ipam.subnets(request);
    },
  });
  assert.deepEqual(asked, [[['10.20.0.0/16'], 26]]);
});

test('VXLAN ids that a network names are its own; one that is taken fails the network, and tasks say so', () => {
  const named = (id: string) =>
    aNetwork({ id, spec: { driverConfig: { name: 'overlay', options: { [vxlan]: '4097' } } } });
  const service = aService({ id: 's', spec: { task: { networks: [{ target: 'b' }] } } });
  store.seed({
    network: [named('a'), named('b'), aNetwork({ id: 'c', ...at(1n) }), aNetwork({ id: 'd' })],
    service: [service],
    task: [aTaskOf(service, { id: 't', status: { state: TaskState.NEW } })],
  });
  run();
  assert.deepEqual(['a', 'b', 'c', 'd'].map(idsOf), ['4097', undefined, '4096', '4098']);
  assert.equal(
    store.view().get('task', 't')?.status?.err,
    'network b cannot be used: VXLAN id 4097 is taken',
  );
});

test('a network that waits gets what another one had when that goes', () => {
  const wants = (id: string) =>
    aNetwork({ id, spec: { ipam: { configs: [{ subnet: '10.9.0.0/29' }] } } });
  const service = aService({ id: 's', spec: { task: { networks: [{ target: 'b' }] } } });
  store.seed({
    network: [wants('a'), wants('b')],
    service: [service],
    task: [aTaskOf(service, { id: 't', status: { state: TaskState.NEW } })],
  });
  const stage = new StageRunner(store, new Allocator(smallIpam));
  stage.run();
  assert.equal(network('b').driverState, undefined);
  assert.match(
    store.view().get('task', 't')?.status?.err ?? '',
    /^network b cannot be used: subnet 10\.9\.0\.0\/29 overlaps/,
  );
  store.updateNow(user, (draft) => draft.remove('network', 'a'));
  stage.run();
  assert.equal(subnetOf('b'), '10.9.0.0/29');
  assert.equal(store.view().get('task', 't')?.status?.state, TaskState.PENDING);
});

test('a network that asks for another IPAM driver waits and says so', () => {
  const service = aService({ id: 's', spec: { task: { networks: [{ target: 'b' }] } } });
  store.seed({
    network: [aNetwork({ id: 'b', spec: { ipam: { driver: { name: 'acme' } } } })],
    service: [service],
    task: [aTaskOf(service, { id: 't', status: { state: TaskState.NEW } })],
  });
  run();
  assert.equal(
    store.view().get('task', 't')?.status?.err,
    'network b cannot be used: it asks for the IPAM driver acme, and this cluster has default',
  );
});

test('what another manager allocated is left as it is', () => {
  store.seed({
    network: [
      aNetwork({
        id: 'theirs',
        driverState: { name: 'overlay', options: { [vxlan]: '5000' } },
        ipam: {
          driver: { name: 'default' },
          configs: [{ subnet: '10.0.0.0/29', gateway: '10.0.0.6' }],
        },
      }),
      aNetwork({ id: 'ours' }),
    ],
  });
  const before = network('theirs');
  run();
  assert.equal(network('theirs'), before);
  assert.equal(subnetOf('ours'), '10.0.1.0/29');
});

test('a network that names no driver is an overlay network', () => {
  store.seed({ network: [aNetwork({ id: 'plain', spec: { driverConfig: undefined } })] });
  run();
  assert.equal(network('plain').driverState?.name, 'overlay');
  assert.equal(subnetOf('plain'), '10.0.0.0/29');
});

test('a network without a name is called by its id', () => {
  const service = aService({ id: 's', spec: { task: { networks: [{ target: 'nameless' }] } } });
  store.seed({
    network: [Network.fromPartial({ id: 'nameless' })],
    service: [service],
    task: [aTaskOf(service, { id: 't', status: { state: TaskState.NEW } })],
  });
  run({ ...smallIpam(), subnets: () => ({ problem: 'no subnet is free' }) });
  assert.equal(
    store.view().get('task', 't')?.status?.err,
    'network nameless cannot be used: no subnet is free',
  );
});

test('the ingress network of an old cluster, known by its name and label, is the first too; the name is not enough', () => {
  const named = (labels: Readonly<Record<string, string>>) =>
    aNetwork({ id: 'b', spec: { annotations: { name: 'ingress', labels } }, ...at(2n) });
  const subnetsWith = (ingress: Network) => {
    store = new FakeStore();
    store.seed({ network: [aNetwork({ id: 'a', ...at(1n) }), ingress] });
    run();
    return ['a', 'b'].map(subnetOf);
  };
  assert.deepEqual(subnetsWith(named({ 'com.docker.swarm.internal': 'true' })), [
    '10.0.1.0/29',
    '10.0.0.0/29',
  ]);
  assert.deepEqual(subnetsWith(named({})), ['10.0.0.0/29', '10.0.1.0/29']);
});

test('networks of one time come in the order of ids, in whatever order the store has them', () => {
  store.seed({ network: ['a', 'b', 'c'].map((id) => aNetwork({ id, ...at(1n) })) });
  store.updateNow(user, (draft) => {
    const backwards = Object.assign(Object.create(draft) as Draft, {
      find: <K extends ObjectKind>(kind: K, by: By) => [...draft.find(kind, by)].reverse(),
      update: draft.update.bind(draft),
    });
    allocateNetworks(backwards, smallIpam(), everythingDirty);
  });
  assert.deepEqual(['a', 'b', 'c'].map(idsOf), ['4096', '4097', '4098']);
});

test('subnets that a network has already are kept when only its driver state is missing', () => {
  const ipam = { driver: { name: 'default' }, configs: [{ subnet: '10.7.0.0/29' }] };
  store.seed({ network: [aNetwork({ id: 'half', ipam })] });
  run();
  assert.equal(subnetOf('half'), '10.7.0.0/29');
  assert.equal(idsOf('half'), '4096');
});

test('options for the IPAM driver are kept', () => {
  const driver = { name: 'default', options: { serial: 'true' } };
  store.seed({ network: [aNetwork({ id: 'a', spec: { ipam: { driver } } })] });
  run();
  assert.deepEqual(network('a').ipam?.driver, driver);
});

const naming = (ids: string, id = 'n'): Network =>
  aNetwork({ id, spec: { driverConfig: { name: 'overlay', options: { [vxlan]: ids } } } });

test('VXLAN ids that are no numbers of 24 bits are refused', () => {
  for (const ids of ['x', '1.5', '-1', '16777216'])
    assert.equal(
      vxlanIds(naming(ids), [], 1),
      `"${ids}" is not a list of VXLAN ids between 0 and 16777215`,
    );
  assert.deepEqual(vxlanIds(naming('0,16777215'), [], 2), [0, 16_777_215]);
});

test('a network for whose subnets too few VXLAN ids are left gets none', () => {
  const other = aNetwork({
    id: 'o',
    driverState: { name: 'overlay', options: { [vxlan]: '4097' } },
  });
  const last = 4098;
  assert.deepEqual(vxlanIds(aNetwork(), [other], 2, last), [4096, 4098]);
  assert.equal(vxlanIds(aNetwork(), [other], 3, last), 'no VXLAN id is free');
});

test('a task that itself names a network that cannot be used says why, without a service that does', () => {
  store.seed({
    network: [aNetwork({ id: 'b', spec: { ipam: { driver: { name: 'acme' } } } })],
    task: [
      aTask({
        id: 't',
        spec: { networks: [{ target: 'b' }] },
        status: { state: TaskState.NEW },
      }),
    ],
  });
  run();
  assert.equal(
    store.view().get('task', 't')?.status?.err,
    'network b cannot be used: it asks for the IPAM driver acme, and this cluster has default',
  );
});

test('a task whose network was not looked at in this turn waits for the turn that does', () => {
  store.seed({ network: [aNetwork({ id: 'b' })] });
  store.updateNow(user, (draft) =>
    draft.create(
      'task',
      aTask({
        id: 't',
        spec: { networks: [{ target: 'b' }] },
        status: { state: TaskState.NEW },
      }),
    ),
  );
  runStage(store, new Allocator(smallIpam), { dirty: dirtyOf(store.commits.slice(-1)) });
  const status = () => store.view().get('task', 't')?.status;
  assert.equal(status()?.err, 'network b cannot be used: it was not looked at yet');
  run();
  assert.deepEqual([status()?.state, status()?.err], [TaskState.PENDING, '']);
});
