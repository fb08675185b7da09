import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { anAttachment, aNetwork, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Scheduler } from '../shell/scheduler.js';
import { Cluster } from './cluster.js';

const user = { id: 'user', writes: ['any'] } as const;
const down = { status: { state: NodeStatus_State.DOWN } };
const hungry = { spec: { task: { resources: { reservations: { nanoCpus: 4_000_000_000n } } } } };

test('a placed task is ASSIGNED, with the message, and nothing else of it changes', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const [id = ''] = cluster.pending(cluster.service('web'), 1, {
    status: { state: TaskState.PENDING, err: 'no suitable node' },
  });
  const before = cluster.task(id);
  cluster.run({ now: fixtureTime + 5 });
  const after = cluster.task(id);
  assert.equal(after.nodeId, 'a');
  assert.equal(after.status?.state, TaskState.ASSIGNED);
  assert.equal(after.status?.message, 'scheduler assigned task to node');
  assert.equal(after.status?.err, '');
  assert.deepEqual(after.status?.timestamp, timestampFromMs(fixtureTime + 5));
  assert.deepEqual({ ...after, nodeId: '', status: before.status, meta: before.meta }, before);
});

test('without nodes the reason is bare', () => {
  const cluster = new Cluster();
  const [id = ''] = cluster.pending(cluster.service('web'));
  cluster.run();
  assert.equal(cluster.task(id).status?.err, 'no suitable node');
  assert.equal(cluster.task(id).status?.state, TaskState.PENDING);
  assert.equal(cluster.task(id).status?.message, 'pending task scheduling');
});

test('what fits is placed, the rest is told why', () => {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  const ids = cluster.pending(cluster.service('web', hungry), 3);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 1, b: 1, '': 1 });
  assert.equal(
    cluster.task(ids[2] ?? '').status?.err,
    'no suitable node (insufficient resources on 2 nodes)',
  );
});

test('an unchanged reason is not written again', () => {
  const cluster = new Cluster();
  cluster.node('a', down);
  cluster.pending(cluster.service('web'), 3);
  assert.equal(cluster.run().changes.length, 3);
  assert.deepEqual(cluster.run({ now: fixtureTime + 60_000 }).changes, []);
});

test('a waiting task is looked at again when a node changes', () => {
  const cluster = new Cluster();
  const node = cluster.node('a', down);
  const [id = ''] = cluster.pending(cluster.service('web'));
  const stage = new StageRunner(cluster.store, new Scheduler());
  stage.run();
  cluster.store.updateNow(user, (draft) => {
    const status = { state: NodeStatus_State.READY, message: '', addr: '' };
    draft.update('node', { ...(draft.get('node', node.id) ?? node), status });
  });
  stage.run();
  assert.equal(cluster.task(id).nodeId, 'a');
});

test('a waiting task is looked at again when another ends', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const service = cluster.service('web', hungry);
  cluster.running(service, 'a', 1, { id: 'holder' });
  const [id = ''] = cluster.pending(service);
  const stage = new StageRunner(cluster.store, new Scheduler());
  stage.run();
  assert.equal(cluster.task(id).nodeId, '');
  cluster.store.updateNow(user, (draft) => draft.remove('task', 'holder'));
  stage.run();
  assert.equal(cluster.task(id).nodeId, 'a');
});

test('what frees nothing makes the scheduler look at no waiting task', () => {
  const cluster = new Cluster();
  cluster.node('a', down);
  const service = cluster.service('web');
  cluster.pending(service);
  const looked: string[] = [];
  const spy = {
    id: 'spy',
    order: 50,
    applies: (task: { id: string }) => {
      looked.push(task.id);
      return false;
    },
    passes: () => true,
    explain: () => '',
  };
  const stage = new StageRunner(cluster.store, new Scheduler({ filters: () => [spy] }));
  stage.run();
  looked.length = 0;
  cluster.store.updateNow(user, (draft) =>
    draft.update('service', { ...service, spec: service.spec }),
  );
  cluster.store.updateNow(user, (draft) => {
    const other = { ...cluster.task('task00001'), id: 'other', status: undefined };
    draft.create('task', other);
  });
  stage.run();
  assert.deepEqual(looked, []);
});

test('preassigned: confirmed on its node, before the queue', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const global = cluster.service('global', hungry);
  const web = cluster.service('web', hungry);
  const [queued = ''] = cluster.pending(web, 1, { meta: { createdAt: timestampFromMs(1) } });
  const [fixed = ''] = cluster.pending(global, 1, { nodeId: 'a' });
  cluster.run();
  assert.equal(cluster.task(fixed).status?.state, TaskState.ASSIGNED);
  assert.equal(
    cluster.task(fixed).status?.message,
    'scheduler confirmed task can run on preassigned node',
  );
  assert.equal(cluster.task(queued).nodeId, '');
});

test('preassigned: a refusal is told without the prefix, and the node stays', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const global = cluster.service('global', hungry);
  const ids = cluster.pending(global, 2, { nodeId: 'a' });
  cluster.run();
  const second = cluster.task(ids[1] ?? '');
  assert.equal(second.status?.err, 'insufficient resources on 1 node');
  assert.equal(second.status?.state, TaskState.PENDING);
  assert.equal(second.nodeId, 'a');
});

test('preassigned to a node that is gone: nothing is written', () => {
  const cluster = new Cluster();
  cluster.pending(cluster.service('global'), 1, { nodeId: 'gone' });
  assert.deepEqual(cluster.run().changes, []);
});

test('a task that nobody wants any more is not placed but put to rest', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const web = cluster.service('web');
  const [stopped = ''] = cluster.pending(web, 1, { desiredState: TaskState.SHUTDOWN });
  const [removed = ''] = cluster.pending(web, 1, { desiredState: TaskState.REMOVE });
  cluster.run();
  assert.equal(cluster.task(stopped).status?.state, TaskState.SHUTDOWN);
  assert.equal(cluster.task(stopped).nodeId, '');
  // The reaper removes this one in the same turn.
  assert.equal(cluster.task(removed).status?.state, TaskState.PENDING);
});

test('a task of an older spec version that fits nowhere is given no reason: it is about to be replaced', () => {
  const cluster = new Cluster();
  const web = cluster.service('web', { specVersion: { index: 9n } });
  cluster.pending(web, 1, { specVersion: { index: 8n } });
  assert.deepEqual(cluster.run().changes, []);
});

test('a task whose service is gone is given no reason', () => {
  const cluster = new Cluster();
  const web = cluster.service('web');
  cluster.pending({ ...web, id: 'gone' });
  assert.deepEqual(cluster.run().changes, []);
});

test('generic resources are claimed by name where the node has names', () => {
  const cluster = new Cluster();
  const named = (value: string) => ({
    resource: { $case: 'namedResourceSpec' as const, value: { kind: 'gpu', value } },
  });
  const wants = {
    resource: { $case: 'discreteResourceSpec' as const, value: { kind: 'gpu', value: 2n } },
  };
  cluster.node('a', {
    description: { resources: { generic: ['g1', 'g2', 'g3', 'g4'].map(named) } },
  });
  const train = cluster.service('train', {
    spec: { task: { resources: { reservations: { generic: [wants] } } } },
  });
  const ids = cluster.pending(train, 3);
  cluster.run();
  const claimed = ids.map((id) =>
    cluster.task(id).assignedGenericResources.map((each) => each.resource?.value.value),
  );
  assert.deepEqual(claimed, [['g1', 'g2'], ['g3', 'g4'], []]);
});

test('tasks without a spec version are placed one by one, each by its own needs', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const web = cluster.service('web');
  const bare = { specVersion: undefined, meta: {} };
  const big = { resources: { reservations: { nanoCpus: 5_000_000_000n } } };
  const [first = ''] = cluster.pending(web, 1, { ...bare, spec: big });
  const [second = ''] = cluster.pending(web, 1, bare);
  for (const id of [first, second])
    cluster.store.seed({ task: [{ ...cluster.task(id), specVersion: undefined }] });
  cluster.run();
  assert.equal(
    cluster.task(first).status?.err,
    'no suitable node (insufficient resources on 1 node)',
  );
  assert.equal(cluster.task(second).nodeId, 'a');
});

test('contributed filters and scorers take their place in the order', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b', 'c']) cluster.node(id);
  cluster.running(cluster.service('other'), 'b', 5);
  const ids = cluster.pending(cluster.service('web'), 1);
  const notC = {
    id: 'not-c',
    order: 450,
    applies: () => true,
    passes: (_task: unknown, { node }: { node: { id: string } }) => node.id !== 'c',
    explain: (nodes: number) => `${nodes} named c`,
  };
  const likesB = {
    id: 'likes-b',
    order: 250,
    score: (_task: unknown, { node }: { node: { id: string } }) => (node.id === 'a' ? 1 : 0),
  };
  const scheduler = new Scheduler({ filters: () => [notC], scorers: () => [likesB] });
  new StageRunner(cluster.store, scheduler).run();
  assert.deepEqual(cluster.spread(ids), { b: 1 });
});

test('each node is asked once a group, and once more when it took a task', () => {
  const cluster = new Cluster();
  for (let i = 0; i < 20; i++) cluster.node(`node${i}`);
  let asked = 0;
  const counting = {
    id: 'counting',
    order: 50,
    applies: () => true,
    passes: () => {
      asked += 1;
      return true;
    },
    explain: () => '',
  };
  cluster.pending(cluster.service('web'), 30);
  new StageRunner(cluster.store, new Scheduler({ filters: () => [counting] })).run();
  assert.equal(asked, 20 + 30);
});

test('a filter that wants company is asked again when its company was placed', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const follower = cluster.service('aa-follower');
  const leader = cluster.service('zz-leader');
  const [follows = ''] = cluster.pending(follower);
  const [leads = ''] = cluster.pending(leader);
  const company = {
    id: 'company',
    order: 900,
    applies: (task: { serviceId: string }) => task.serviceId === follower.id,
    passes: (_task: unknown, node: { activeTasksOf(id: string): number }) =>
      node.activeTasksOf(leader.id) > 0,
    explain: () => 'nobody to follow',
  };
  new StageRunner(cluster.store, new Scheduler({ filters: () => [company] })).run();
  assert.deepEqual(cluster.spread([follows, leads]), { a: 2 });
});

test('a contributed filter that throws lets no node pass, and says so; others are placed', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const [bad = ''] = cluster.pending(cluster.service('bad'));
  const [good = ''] = cluster.pending(cluster.service('good'));
  const broken = {
    id: 'acme',
    order: 900,
    applies: (task: { serviceId: string }) => task.serviceId === 'bad',
    passes: () => {
      throw new Error('out of order');
    },
    explain: (nodes: number) => `acme refused ${nodes} node`,
  };
  const faults: string[] = [];
  const scheduler = new Scheduler({
    filters: () => [broken],
    fault: (where, error) => faults.push(`${where}: ${(error as Error).message}`),
  });
  new StageRunner(cluster.store, scheduler).run();
  assert.equal(cluster.task(bad).status?.err, 'no suitable node (acme refused 1 node)');
  assert.equal(cluster.task(good).nodeId, 'a');
  assert.deepEqual(faults, ['filter acme: out of order']);
});

test('a contributed scorer that gives no number has no say', () => {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  cluster.running(cluster.service('other'), 'a');
  const ids = cluster.pending(cluster.service('web'));
  const faults: string[] = [];
  const scheduler = new Scheduler({
    scorers: () => [{ id: 'acme', order: 1, score: () => Number.NaN }],
    fault: (where) => faults.push(where),
  });
  new StageRunner(cluster.store, scheduler).run();
  assert.deepEqual(cluster.spread(ids), { b: 1 });
  assert.deepEqual(faults, ['scorer acme']);
});

test('a container that was started by hand is confirmed on its own node, however little that has left', () => {
  const cluster = new Cluster();
  const full = { description: { resources: { nanoCpus: 0n, memoryBytes: 0n } } };
  const overlay = [{ type: 'Network', name: 'overlay' }];
  const off = aNetwork({ id: 'front', driverState: { name: 'overlay' } });
  cluster.node('a');
  cluster.node('b', { description: { ...full.description, engine: { plugins: overlay } } });
  const status = { state: TaskState.PENDING };
  const attached = (id: string, nodeId: string): Task =>
    anAttachment(nodeId, ['front'], { id, status, networks: [{ network: off }] });
  cluster.store.seed({ network: [off], task: [attached('one', 'b'), attached('two', 'b')] });
  cluster.run();
  for (const id of ['one', 'two']) {
    assert.equal(cluster.task(id).nodeId, 'b');
    assert.equal(cluster.task(id).status?.state, TaskState.ASSIGNED);
  }
});

test('a container that was started by hand waits for its own node, and for no other', () => {
  const cluster = new Cluster();
  cluster.node('a', down);
  cluster.node('b');
  const task = anAttachment('a', [], { id: 'one', status: { state: TaskState.PENDING } });
  cluster.store.seed({ task: [task] });
  cluster.run();
  assert.equal(cluster.task('one').nodeId, 'a');
  assert.equal(cluster.task('one').status?.err, '1 node not available for new tasks');
});
