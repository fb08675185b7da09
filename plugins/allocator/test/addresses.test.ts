import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  aNetwork,
  aNode,
  aService,
  aTask,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import type { Network, Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EndpointSpec_ResolutionMode } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AddressBook, mostResting, restMs } from '../core/address-book.js';
import { Allocator } from '../shell/allocator.js';

/** Who gets addresses, when, and when they come free. Networks have five addresses: .2 to .6. */

const user = { id: 'user', writes: ['any'] } as const;
const dnsrr = { endpoint: { mode: EndpointSpec_ResolutionMode.DNSRR } };
const published = { endpoint: { ports: [{ targetPort: 80, publishedPort: 8080 }] } };

let store: FakeStore;
let stage: StageRunner;
let now: number;
beforeEach(() => {
  store = new FakeStore();
  now = fixtureTime;
  const early = { meta: { createdAt: { seconds: 1n, nanos: 0 } } };
  store.seed({
    network: [
      aNetwork({ id: 'ingress', spec: { ingress: true } }),
      aNetwork({ id: 'front', ...early }),
      aNetwork({ id: 'host', spec: { driverConfig: { name: 'host' } } }),
    ],
  });
  changeLeader();
  run();
});

const changeLeader = (): void => {
  stage = new StageRunner(store, new Allocator(smallIpam));
};
const run = () => stage.run({ now });

const on = (networks: readonly string[], more: Partially<Service['spec']> = {}) => ({
  ...more,
  task: { networks: networks.map((target) => ({ target })) },
});
const create = (id: string, spec: Partially<Service['spec']>, tasks = 0): void => {
  store.updateNow(user, (draft) => {
    const service = draft.create('service', aService({ id, spec }));
    for (let i = 1; i <= tasks; i++) draft.create('task', fresh(service, `${id}${i}`));
  });
  run();
};
const fresh = (service: Service, id: string): Task =>
  aTaskOf(service, { id, status: { state: TaskState.NEW } });
const more = (serviceId: string, id: string): void => {
  store.updateNow(user, (draft) =>
    draft.create('task', fresh(draft.get('service', serviceId) as Service, id)),
  );
  run();
};
const change = (id: string, spec: Partially<Service['spec']>): void => {
  store.updateNow(user, (draft) => {
    const old = draft.get('service', id) as Service;
    draft.update('service', { ...old, spec: aService({ id, spec }).spec });
  });
  run();
};
const becomes = (id: string, state: TaskState, nodeId?: string): void => {
  store.updateNow(user, (draft) => {
    const old = draft.get('task', id) as Task;
    draft.update('task', {
      ...old,
      nodeId: nodeId ?? old.nodeId,
      status: changedStatus(old, now, { state }),
    });
  });
  run();
};
const task = (id: string): Task => store.view().get('task', id) as Task;
const last = (address: string | undefined): string =>
  (address ?? '').replace(/^10\.0\.(\d)\.(\d+)\/29$/, '$1.$2');
const vips = (id: string) =>
  store
    .view()
    .get('service', id)
    ?.endpoint?.virtualIps.map(({ networkId, addr }) => `${networkId} ${last(addr)}`.trim());
const addresses = (id: string) =>
  task(id).networks.map(({ network, addresses: [one] }) => `${network?.id} ${last(one)}`.trim());
const stateOf = (id: string) => TaskState[task(id).status?.state ?? 0];

test('a service has a virtual address on each of its networks, and its tasks one each, before they are placed', () => {
  create('web', on(['front', 'host']), 2);
  assert.deepEqual(vips('web'), ['front 1.2', 'host']);
  assert.deepEqual(
    [addresses('web1'), addresses('web2')],
    [
      ['front 1.3', 'host'],
      ['front 1.4', 'host'],
    ],
  );
  assert.deepEqual([stateOf('web1'), stateOf('web2')], ['PENDING', 'PENDING']);
  assert.deepEqual(task('web1').endpoint, store.view().get('service', 'web')?.endpoint);
});

test('a published port brings an address on ingress, which comes first', () => {
  create('web', on(['front'], published), 1);
  assert.deepEqual(vips('web'), ['ingress 0.2', 'front 1.2']);
  assert.deepEqual(addresses('web1'), ['ingress 0.3', 'front 1.3']);
});

test('an attachment holds the network as it is, without what the network remembers', () => {
  create('web', on(['front']), 1);
  const network = task('web1').networks[0]?.network;
  assert.equal(network?.driverState?.name, 'overlay');
  assert.equal(network?.addressHistory, undefined);
  assert.equal(store.view().get('network', 'front')?.addressHistory?.last, '10.0.1.3');
});

test('aliases, driver options and an address that is asked for are carried over', () => {
  create('db', {
    endpoint: dnsrr.endpoint,
    task: {
      networks: [
        {
          target: 'front',
          aliases: ['sql'],
          addresses: ['10.0.1.5'],
          driverAttachmentOpts: { a: 'b' },
        },
      ],
    },
  });
  more('db', 'db1');
  more('db', 'db2');
  const [attachment] = task('db1').networks;
  assert.deepEqual(attachment?.addresses, ['10.0.1.5/29']);
  assert.deepEqual([attachment?.aliases, attachment?.driverAttachmentOpts], [['sql'], { a: 'b' }]);
  assert.equal(
    task('db2').status?.err,
    'network front cannot be attached: address 10.0.1.5 is taken',
  );
});

test('a service in DNSRR mode has no virtual address, and loses the one it had', () => {
  create('names', on(['front'], dnsrr));
  assert.deepEqual(vips('names'), []);
  create('web', on(['front']));
  assert.deepEqual(vips('web'), ['front 1.2']);
  change('web', on(['front'], dnsrr));
  assert.deepEqual(vips('web'), []);
});

test('networks come and go with the spec; an address that is kept stays the same', () => {
  create('web', on(['front']));
  change('web', on(['front'], published));
  assert.deepEqual(vips('web'), ['front 1.2', 'ingress 0.2']);
  change('web', on(['front']));
  assert.deepEqual(vips('web'), ['front 1.2']);
  change('web', on(['front'], published));
  assert.deepEqual(vips('web'), ['front 1.2', 'ingress 0.3'], 'a new one than before');
  change('web', {});
  assert.equal(store.view().get('service', 'web')?.endpoint, undefined);
});

test('without the ingress network a service that publishes ports waits and says so', () => {
  store.updateNow(user, (draft) => draft.remove('network', 'ingress'));
  create('web', published, 1);
  assert.equal(task('web1').status?.err, 'ingress network is missing');
  store.updateNow(user, (draft) =>
    draft.create('network', aNetwork({ id: 'new', spec: { ingress: true } })),
  );
  run();
  assert.equal(stateOf('web1'), 'PENDING');
});

test('tasks for which no address is left wait with the reason, and go on when one ends', () => {
  create('web', on(['front'], dnsrr), 7);
  const waiting = [6, 7].map((i) => task(`web${i}`));
  for (const one of waiting) {
    assert.equal(one.status?.state, TaskState.NEW);
    assert.equal(one.networks.length, 0);
    assert.equal(
      one.status?.err,
      'network front cannot be attached: could not find an available IP',
    );
  }
  becomes('web3', TaskState.FAILED);
  assert.deepEqual(addresses('web6'), ['front 1.4'], 'there was no other');
  assert.equal(stateOf('web7'), 'NEW');
  store.updateNow(user, (draft) => draft.remove('task', 'web1'));
  run();
  assert.deepEqual(addresses('web7'), ['front 1.2']);
  assert.equal(task('web7').status?.err, '');
});

test('a service for which no address is left waits, with its tasks, and takes nothing on its other networks', () => {
  create('web', on(['front'], dnsrr), 5);
  create('late', on(['front'], published), 1);
  assert.equal(
    task('late1').status?.err,
    'network front cannot be used: could not find an available IP while allocating VIP',
  );
  create('other', { endpoint: { ports: [{ targetPort: 80, publishedPort: 9090 }] } });
  assert.deepEqual(vips('other'), ['ingress 0.2']);
  store.updateNow(user, (draft) => draft.remove('task', 'web2'));
  run();
  assert.deepEqual(vips('late'), ['ingress 0.3', 'front 1.3']);
});

test('a task on two networks takes nothing of the one when the other is full', () => {
  create('web', on(['front'], dnsrr), 5);
  create('two', on(['front'], { ...published, endpoint: { ...published.endpoint, mode: 1 } }));
  more('two', 'two1');
  assert.equal(stateOf('two1'), 'NEW');
  create('one', { endpoint: { ports: [{ targetPort: 80, publishedPort: 9090 }] } }, 1);
  assert.deepEqual([vips('one'), addresses('one1')], [['ingress 0.2'], ['ingress 0.3']]);
});

test('an address that came free is not given again soon, also by the next leader, as long as there is another', () => {
  create('web', on(['front'], dnsrr), 3);
  becomes('web2', TaskState.FAILED);
  store.updateNow(user, (draft) => draft.remove('task', 'web2'));
  run();
  changeLeader();
  more('web', 'a');
  more('web', 'b');
  assert.deepEqual([addresses('a'), addresses('b')], [['front 1.5'], ['front 1.6']]);
  becomes('b', TaskState.FAILED);
  store.updateNow(user, (draft) => draft.remove('task', 'b'));
  changeLeader();
  more('web', 'c');
  assert.deepEqual(addresses('c'), ['front 1.3'], 'of two that rest, the one that does so longer');
});

test('where the search comes upon an address that came free of late, it goes past it', () => {
  create('web', on(['front'], dnsrr), 5);
  becomes('web2', TaskState.FAILED);
  now += restMs;
  becomes('web1', TaskState.FAILED);
  more('web', 'a');
  assert.deepEqual(addresses('a'), ['front 1.3'], 'though .2 comes first');
});

test('a service without tasks gets the address it waits for when a task ends', () => {
  create('web', on(['front'], dnsrr), 5);
  create('late', on(['front']));
  assert.equal(vips('late'), undefined);
  becomes('web4', TaskState.FAILED);
  assert.deepEqual(vips('late'), ['front 1.5']);
});

test('what one service gives up is there for an older one in the same turn', () => {
  create('web', on(['front'], dnsrr), 4);
  create('a-older', on([]));
  create('holder', on(['front']));
  store.updateNow(user, (draft) => {
    const older = draft.get('service', 'a-older') as Service;
    draft.update('service', {
      ...older,
      spec: aService({ id: 'a-older', spec: on(['front']) }).spec,
    });
    const holder = draft.get('service', 'holder') as Service;
    draft.update('service', { ...holder, spec: aService({ id: 'holder' }).spec });
  });
  run();
  assert.deepEqual(vips('a-older'), ['front 1.6']);
});

test('an address that rested long enough is like any other', () => {
  create('web', on(['front'], dnsrr), 3);
  becomes('web1', TaskState.FAILED);
  now += restMs;
  changeLeader();
  for (const id of ['a', 'b', 'c']) more('web', id);
  assert.deepEqual(addresses('c'), ['front 1.2']);
  assert.deepEqual(store.view().get('network', 'front')?.addressHistory?.freed, []);
});

test('of those that rested long enough the next in turn is given, not the one that rested longest', () => {
  create('web', on(['front'], dnsrr), 5);
  becomes('web2', TaskState.FAILED);
  now += 1;
  becomes('web1', TaskState.FAILED);
  now += restMs;
  more('web', 'a');
  assert.deepEqual(addresses('a'), ['front 1.2']);
});

test('the virtual address of a removed service is held as long as a task lives that was told of it', () => {
  create('web', on(['front']), 1);
  store.updateNow(user, (draft) => draft.remove('service', 'web'));
  create('next', on(['front'], dnsrr), 4);
  assert.deepEqual(addresses('next3'), ['front 1.6']);
  assert.equal(stateOf('next4'), 'NEW');
  becomes('web1', TaskState.SHUTDOWN);
  assert.equal(stateOf('next4'), 'PENDING');
});

const docker = (id: string): Node =>
  aNode({ id, description: { engine: { plugins: [{ type: 'Network', name: 'overlay' }] } } });
const attachments = (id: string) =>
  store
    .view()
    .get('node', id)
    ?.attachments.map(({ network, addresses: [one] }) => `${network?.id} ${last(one)}`);

test('a node has an address on ingress, and on each overlay network that a task on it uses', () => {
  store.seed({ node: [docker('n'), docker('m')] });
  changeLeader();
  run();
  assert.deepEqual([attachments('m'), attachments('n')], [['ingress 0.2'], ['ingress 0.3']]);
  create('web', on(['front', 'host']), 2);
  assert.deepEqual(attachments('n'), ['ingress 0.3'], 'no task is there');
  becomes('web1', TaskState.ASSIGNED, 'n');
  becomes('web2', TaskState.ASSIGNED, 'n');
  assert.deepEqual(attachments('n'), ['ingress 0.3', 'front 1.5']);
  becomes('web1', TaskState.FAILED);
  assert.equal(attachments('n')?.length, 2, 'another task uses it');
  store.updateNow(user, (draft) => draft.remove('task', 'web2'));
  run();
  assert.deepEqual(attachments('n'), ['ingress 0.3']);
});

test('a node for which no address is left gets one when a task elsewhere ends, and the network says meanwhile that it is full', () => {
  store.seed({ node: [docker('n')] });
  changeLeader();
  run();
  const isFull = () => store.view().get('network', 'front')?.addressHistory?.full;
  create('web', on(['front'], dnsrr), 5);
  assert.equal(isFull(), false, 'nobody waits');
  becomes('web1', TaskState.ASSIGNED, 'n');
  assert.deepEqual([attachments('n'), isFull()], [['ingress 0.2'], true]);
  becomes('web2', TaskState.FAILED);
  assert.deepEqual([attachments('n'), isFull()], [['ingress 0.2', 'front 1.3'], false]);
});

test('a node without overlay networks is given no address, and keeps what another manager gave it', () => {
  const ingress = store.view().get('network', 'ingress');
  const given = { network: ingress, addresses: ['10.0.0.4/29'] };
  store.seed({ node: [aNode({ id: 'plain' }), aNode({ id: 'given', attachments: [given] })] });
  changeLeader();
  run();
  assert.deepEqual([attachments('plain'), attachments('given')], [[], ['ingress 0.4']]);
  store.updateNow(user, (draft) => draft.create('node', docker('n')));
  run();
  assert.deepEqual(attachments('n'), ['ingress 0.2']);
});

test('a new ingress network takes the place of the old one on every node', () => {
  store.seed({ node: [docker('n')] });
  changeLeader();
  run();
  store.updateNow(user, (draft) => {
    draft.remove('network', 'ingress');
    draft.create('network', aNetwork({ id: 'new', spec: { ingress: true } }));
  });
  run();
  assert.deepEqual(attachments('n'), ['new 0.2']);
});

test('a task by hand on a network, of no service, has its address too', () => {
  store.updateNow(user, (draft) =>
    draft.create(
      'task',
      aTask({
        id: 'by-hand',
        spec: { networks: [{ target: 'front' }] },
        status: { state: TaskState.NEW },
      }),
    ),
  );
  run();
  assert.deepEqual(addresses('by-hand'), ['front 1.2']);
});

test('the address of a task of no service rests after its end too', () => {
  const byHand = (id: string): void => {
    store.updateNow(user, (draft) =>
      draft.create(
        'task',
        aTask({ id, spec: { networks: [{ target: 'front' }] }, status: { state: TaskState.NEW } }),
      ),
    );
    run();
  };
  byHand('a');
  becomes('a', TaskState.COMPLETE);
  const freed = store.view().get('network', 'front')?.addressHistory?.freed;
  assert.deepEqual(
    freed?.map(({ address }) => address),
    ['10.0.1.2'],
  );
  for (const id of ['b', 'c', 'd', 'e', 'f']) byHand(id);
  assert.deepEqual(addresses('f'), ['front 1.2'], 'there was no other');
});

test('of very many that came free at once a network remembers the last, and what it remembers stays small', () => {
  const tell = (): void => {
    store.updateNow(user, (draft) => {
      const book = new AddressBook(draft, smallIpam(), now);
      // The younger, the higher, and some hundred at a time.
      for (let at = 0; at < 60_000; at += 1)
        book.freed(
          'front',
          `10.0.${at >> 8}.${at & 255}/16`,
          now - 60_000 + Math.floor(at / 100) * 100,
        );
      book.close();
    });
  };
  tell();
  const { addressHistory, meta } = store.view().get('network', 'front') as Network;
  assert.equal(addressHistory?.freed.length, mostResting);
  assert.ok(addressHistory.freed.every(({ address }) => /^10\.0\.23[34]\./.test(address)));
  tell();
  assert.deepEqual(store.view().get('network', 'front')?.meta, meta, 'told again, written again');
});

test('what ended at an unknown time, or was freed at one, does not rest', () => {
  const front = store.view().get('network', 'front') as Network;
  const addressHistory = { last: '', full: false, freed: [{ address: '10.0.1.6' }] };
  store = new FakeStore();
  store.seed({
    network: [aNetwork({ ...front, addressHistory })],
    task: [
      aTask({
        id: 'timeless',
        status: { state: TaskState.FAILED, timestamp: undefined },
        networks: [{ network: front, addresses: ['10.0.1.2/29'] }],
      }),
    ],
  });
  changeLeader();
  create('web', on(['front'], dnsrr), 1);
  assert.deepEqual(addresses('web1'), ['front 1.2']);
  assert.deepEqual(store.view().get('network', 'front')?.addressHistory?.freed, []);
});

test('attachments that name no network, or no address, take nothing from others and hold nobody up', () => {
  const front = store.view().get('network', 'front');
  const unnamed = { addresses: ['10.0.1.2/29'] };
  store.seed({
    node: [
      aNode({ id: 'n', attachments: [unnamed, { network: front, addresses: [''] }] }),
      docker('m'),
    ],
    task: [
      aTask({ id: 'ended', status: { state: TaskState.FAILED }, networks: [unnamed] }),
      aTask({ id: 'runs', nodeId: 'm', status: { state: TaskState.RUNNING }, networks: [unnamed] }),
    ],
  });
  changeLeader();
  create('web', on(['front'], dnsrr), 1);
  assert.deepEqual([attachments('n'), attachments('m')], [[], ['ingress 0.2']]);
  assert.deepEqual(addresses('web1'), ['front 1.2']);
});

test('a node that has not described itself, or its engine, is given no address until it does', () => {
  store.seed({
    node: [
      aNode({ id: 'a', description: undefined }),
      aNode({ id: 'b', description: { engine: undefined } }),
    ],
  });
  changeLeader();
  run();
  assert.deepEqual([attachments('a'), attachments('b')], [[], []]);
  store.updateNow(user, (draft) => {
    for (const id of ['a', 'b']) {
      const node = draft.get('node', id) as Node;
      draft.update('node', { ...node, description: docker(id).description });
    }
  });
  run();
  assert.deepEqual([attachments('a'), attachments('b')], [['ingress 0.2'], ['ingress 0.3']]);
});
