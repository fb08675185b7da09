import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Draft } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  aNetwork,
  anIngressNetwork,
  aService,
  aTask,
  aTaskOf,
} from '@swarmkit/sdk/testkit/fixtures';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  PortConfig,
  PortConfig_PublishMode,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Allocator } from '../shell/allocator.js';

const user = { id: 'user', writes: ['any'] } as const;
const fresh = { status: { state: TaskState.NEW, message: 'created' } };

const publishing = (id: string, targetPort: number, publishedPort = 0): Service =>
  aService({ id, spec: { endpoint: { ports: [ingress(targetPort, publishedPort)] } } });

const ingress = (targetPort: number, publishedPort = 0): PortConfig =>
  PortConfig.fromPartial({
    targetPort,
    publishedPort,
    publishMode: PortConfig_PublishMode.INGRESS,
  });

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
  store.seed({ network: [anIngressNetwork()] });
});

const run = () => runStage(store, new Allocator(() => smallIpam(24)));
const task = (id: string): Task => store.view().get('task', id) as Task;
const service = (id: string): Service => store.view().get('service', id) as Service;
const publishedBy = (id: string) => service(id).endpoint?.ports.map((each) => each.publishedPort);

test('a task without needs becomes PENDING', () => {
  store.seed({
    service: [aService({ id: 's' })],
    task: [aTask({ ...fresh, id: 't', serviceId: 's' })],
  });
  run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
  assert.equal(task('t').status?.message, 'pending task scheduling');
});

test('a task of no service becomes PENDING', () => {
  store.seed({ task: [aTask({ ...fresh, id: 't' })] });
  run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
});

test('a task whose service is gone stays for the orchestrator to remove', () => {
  store.seed({ task: [aTask({ ...fresh, id: 't', serviceId: 'gone' })] });
  assert.deepEqual(run().changes, []);
});

test('tasks that were taken up before are left alone', () => {
  store.seed({ task: [aTask({ id: 't', status: { state: TaskState.RUNNING } })] });
  assert.deepEqual(run().changes, []);
});

test('the service gets its ports and the task a copy of the endpoint', () => {
  const web = publishing('web', 80);
  store.seed({ service: [web], task: [aTaskOf(web, { ...fresh, id: 't' })] });
  run();
  assert.deepEqual(publishedBy('web'), [30_000]);
  assert.deepEqual(task('t').endpoint, service('web').endpoint);
  assert.deepEqual(service('web').endpoint?.spec, web.spec?.endpoint);
});

test('a service that stops publishing loses its endpoint', () => {
  const spec = { ports: [ingress(80, 8080)] };
  store.seed({ service: [aService({ id: 's', endpoint: { spec, ports: spec.ports } })] });
  run();
  assert.equal(service('s').endpoint, undefined);
});

test('where two services want one port the older has it, and the other says why it waits', () => {
  const older = publishing('zz-older', 80, 8080);
  const younger = {
    ...publishing('aa-younger', 80, 8080),
    meta: {
      version: { index: 1n },
      createdAt: { seconds: 1_700_000_001n, nanos: 0 },
      updatedAt: undefined,
    },
  };
  store.seed({
    service: [older, younger],
    task: [aTaskOf(older, { ...fresh, id: 'a' }), aTaskOf(younger, { ...fresh, id: 'b' })],
  });
  run();
  assert.equal(task('a').status?.state, TaskState.PENDING);
  assert.equal(task('b').status?.state, TaskState.NEW);
  assert.equal(
    task('b').status?.err,
    'port 8080/tcp cannot be published: requested bit is already allocated (by service zz-older)',
  );
  assert.equal(service('aa-younger').endpoint, undefined);
});

test('a reason that stands already is not written again', () => {
  const web = publishing('web', 80, 70_000);
  store.seed({ service: [web], task: [aTaskOf(web, { ...fresh, id: 't' })] });
  assert.equal(run().changes.length, 1);
  assert.deepEqual(run().changes, []);
});

test('a service that waits for a port proceeds when its holder goes', () => {
  const holder = publishing('holder', 80, 8080);
  const waiter = publishing('waiter', 80, 8080);
  store.seed({ service: [holder, waiter], task: [aTaskOf(waiter, { ...fresh, id: 't' })] });
  const stage = new StageRunner(store, new Allocator(() => smallIpam(24)));
  stage.run();
  assert.equal(task('t').status?.state, TaskState.NEW);
  store.updateNow(user, (draft) => draft.remove('service', 'holder'));
  stage.run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
  assert.equal(task('t').status?.err, '');
  assert.deepEqual(publishedBy('waiter'), [8080]);
});

for (const [how, release] of [
  ['goes', (draft: Draft) => draft.remove('service', 'holder')],
  [
    'stops publishing',
    (draft: Draft) => {
      draft.update('service', { ...service('holder'), spec: aService().spec });
    },
  ],
  [
    'is removed and made again without it in one commit',
    (draft: Draft) => {
      draft.remove('service', 'holder');
      draft.create('service', aService({ id: 'holder' }));
    },
  ],
] as const)
  test(`a service without a new task gets the port it waits for when its holder ${how}`, () => {
    const holder = publishing('holder', 80, 8080);
    const waiter = publishing('waiter', 80, 8080);
    store.seed({ service: [holder, waiter], task: [aTaskOf(waiter, { ...fresh, id: 't' })] });
    const stage = new StageRunner(store, new Allocator(() => smallIpam(24)));
    stage.run();
    assert.match(task('t').status?.err ?? '', /by service holder/);
    store.updateNow(user, (draft) => draft.remove('task', 't'));
    stage.run();
    assert.equal(publishedBy('waiter'), undefined);
    store.updateNow(user, release);
    stage.run();
    assert.deepEqual(publishedBy('waiter'), [8080]);
  });

test('a port that came free goes to the oldest that waits, though a younger one has the new task', () => {
  const at = (seconds: bigint) => ({
    version: { index: 1n },
    createdAt: { seconds, nanos: 0 },
    updatedAt: undefined,
  });
  const holder = publishing('holder', 80, 8080);
  const older = { ...publishing('older', 80, 8080), meta: at(1_700_000_001n) };
  const younger = { ...publishing('a-younger', 80, 8080), meta: at(1_700_000_002n) };
  store.seed({
    service: [holder, older, younger],
    task: [aTaskOf(younger, { ...fresh, id: 't' })],
  });
  const stage = new StageRunner(store, new Allocator(() => smallIpam(24)));
  stage.run();
  assert.deepEqual(publishedBy('holder'), [8080]);
  store.updateNow(user, (draft) => draft.remove('service', 'holder'));
  stage.run();
  assert.deepEqual(publishedBy('older'), [8080]);
  assert.match(task('t').status?.err ?? '', /by service older/);
});

test('an automatic port never takes one that a service of the same turn names', () => {
  store.seed({ service: [publishing('a', 80), publishing('b', 80, 30_000)] });
  run();
  assert.deepEqual([publishedBy('a'), publishedBy('b')], [[30_001], [30_000]]);
});

test('several services of one turn get different ports', () => {
  store.seed({ service: ['a', 'b', 'c'].map((id) => publishing(id, 80)) });
  run();
  assert.deepEqual(['a', 'b', 'c'].map(publishedBy), [[30_000], [30_001], [30_002]]);
});

test('ports that another manager wrote in another order are left as they are', () => {
  const spec = { ports: [ingress(80), ingress(81, 8081)] };
  const ports = [ingress(80, 30_000), ingress(81, 8081)];
  const virtualIps = [{ networkId: 'ingress', addr: '10.0.0.9/24' }];
  store.seed({
    service: [
      aService({ id: 's', spec: { endpoint: spec }, endpoint: { spec, ports, virtualIps } }),
    ],
  });
  assert.deepEqual(run().changes, []);
});

test('a network of the node is attached without addresses, after its driver was noted', () => {
  const bridge = aNetwork({ id: 'net', spec: { driverConfig: { name: 'bridge' } } });
  const attached = aService({
    id: 's',
    spec: { task: { networks: [{ target: 'net', aliases: ['db'] }] } },
  });
  store.seed({
    network: [bridge],
    service: [attached],
    task: [aTaskOf(attached, { ...fresh, id: 't' })],
  });
  run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
  const [attachment] = task('t').networks;
  assert.equal(attachment?.network?.driverState?.name, 'bridge');
  assert.deepEqual([attachment?.addresses, attachment?.aliases], [[], ['db']]);
});

test('an unknown network is skipped', () => {
  const service = aService({ id: 's', spec: { task: { networks: [{ target: 'nowhere' }] } } });
  store.seed({ service: [service], task: [aTaskOf(service, { ...fresh, id: 't' })] });
  run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
});

test('a task that shall not run any more is not held up', () => {
  const web = publishing('web', 80, 70_000);
  const unwanted = { ...fresh, desiredState: TaskState.SHUTDOWN };
  store.seed({ service: [web], task: [aTaskOf(web, { ...unwanted, id: 't' })] });
  run();
  assert.equal(task('t').status?.state, TaskState.PENDING);
});

test('a task that waits for its removal is left to the reaper', () => {
  store.seed({ task: [aTask({ ...fresh, desiredState: TaskState.REMOVE })] });
  assert.deepEqual(run().changes, []);
});

test('a turn with a new task only does not touch services that have their ports', () => {
  const web = publishing('web', 80);
  store.seed({ service: [web] });
  const stage = new StageRunner(store, new Allocator(() => smallIpam(24)));
  stage.run();
  store.updateNow(user, (draft) => draft.create('task', aTaskOf(web, { ...fresh, id: 't' })));
  const { changes } = stage.run();
  assert.deepEqual(changes.map(({ kind, id }) => `${kind} ${id}`).sort(), [
    'network ingress',
    'task t',
  ]);
});
