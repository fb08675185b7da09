import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { aNode, aTask, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeRole,
  NodeStatus_State,
  RaftMemberStatus_Reachability,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Api, type ApiOptions } from './api.js';

const manager = (id: string): Node =>
  aNode({ id, role: NodeRole.MANAGER, spec: { desiredRole: NodeRole.MANAGER } });

function apiWith(nodes: readonly Node[], options: ApiOptions = {}): Api {
  const api = new Api(options);
  api.store.seed({ node: nodes });
  return api;
}

const node = (api: Api, id: string) => api.store.view().get('node', id);
const spec = (of: Node | undefined, change: object) => ({ ...of?.spec, ...change }) as never;

test('get: manager status comes from consensus, and is not stored', async () => {
  const members = [
    { raftId: 7n, nodeId: 'm1', address: '10.0.0.1:2377' },
    { raftId: 8n, nodeId: 'm2', reachable: false },
    { raftId: 9n, nodeId: 'm3', votes: false },
  ];
  const api = apiWith([manager('m1'), manager('m2'), manager('m3'), aNode({ id: 'w' })], {
    members,
    leaderId: 7n,
  });
  const status = async (nodeId: string) =>
    (await api.call('getNode', { nodeId })).node?.managerStatus;
  assert.deepEqual(await status('m1'), {
    raftId: 7n,
    addr: '10.0.0.1:2377',
    leader: true,
    reachability: RaftMemberStatus_Reachability.REACHABLE,
  });
  assert.equal((await status('m2'))?.leader, false);
  assert.equal((await status('m2'))?.reachability, RaftMemberStatus_Reachability.UNREACHABLE);
  const newcomer = (await status('m3'))?.reachability;
  assert.equal(newcomer, RaftMemberStatus_Reachability.UNKNOWN, 'it has no vote yet');
  assert.equal(await status('w'), undefined);
  assert.equal(node(api, 'm1')?.managerStatus, undefined);
});

test('get: an unknown node, and none at all', async () => {
  const api = new Api();
  await api.refused('getNode', { nodeId: 'x' }, 'not-found', 'node x not found');
  await api.refused('getNode', {}, 'invalid-argument', 'invalid argument');
});

test('list: filters', async () => {
  const api = apiWith([
    aNode({
      id: 'n1',
      description: { hostname: 'alpha', engine: { labels: { disk: 'ssd' } } },
      spec: { annotations: { labels: { zone: 'a' } } },
    }),
    aNode({
      id: 'n2',
      description: { hostname: 'Beta' },
      spec: { membership: NodeSpec_Membership.PENDING },
    }),
    { ...manager('m1'), description: undefined },
  ]);
  const list = async (filters: object) =>
    (await api.call('listNodes', { filters: filters as never })).nodes.map(({ id }) => id);
  assert.deepEqual(await list({}), ['m1', 'n1', 'n2']);
  assert.deepEqual(await list({ names: ['alpha', 'beta'] }), ['n1']);
  assert.deepEqual(await list({ namePrefixes: ['Be'] }), ['n2']);
  assert.deepEqual(await list({ idPrefixes: ['n'] }), ['n1', 'n2']);
  assert.deepEqual(await list({ labels: { disk: 'ssd' } }), ['n1']);
  assert.deepEqual(await list({ nodeLabels: { zone: '' } }), ['n1']);
  assert.deepEqual(await list({ memberships: [NodeSpec_Membership.PENDING] }), ['n2']);
  assert.deepEqual(await list({ roles: [NodeRole.MANAGER] }), ['m1']);
  assert.deepEqual(await list({ roles: [NodeRole.WORKER], labels: { disk: '' } }), ['n1']);
});

test('update: the spec is replaced, and the version must be the present one', async () => {
  const api = apiWith([aNode({ id: 'n' })]);
  const change = {
    nodeId: 'n',
    nodeVersion: { index: 0n },
    spec: spec(node(api, 'n'), { availability: NodeSpec_Availability.DRAIN }),
  };
  const { node: after } = await api.call('updateNode', change);
  assert.equal(after?.spec?.availability, NodeSpec_Availability.DRAIN);
  await api.refused('updateNode', change, 'unknown', 'update out of sequence');
});

test('update: id, version and spec are needed', async () => {
  const api = apiWith([aNode({ id: 'n' })]);
  const whole = { nodeId: 'n', nodeVersion: { index: 0n }, spec: spec(node(api, 'n'), {}) };
  for (const missing of [{ nodeId: '' }, { nodeVersion: undefined }, { spec: undefined }])
    await api.refused(
      'updateNode',
      { ...whole, ...missing },
      'invalid-argument',
      'invalid argument',
    );
  await api.refused('updateNode', { ...whole, nodeId: 'x' }, 'not-found', 'node x not found');
});

const demotion = (api: Api, nodeId: string) => ({
  nodeId,
  nodeVersion: { index: 0n },
  spec: spec(node(api, nodeId), { desiredRole: NodeRole.WORKER }),
});

test('demote: not the last manager', async () => {
  const api = apiWith([manager('m1')], { members: [{ nodeId: 'm1' }] });
  await api.refused(
    'updateNode',
    demotion(api, 'm1'),
    'failed-precondition',
    'attempting to demote the last manager of the swarm',
  );
});

test('demote: only a member of raft', async () => {
  const api = apiWith([manager('m1'), manager('m2')], { members: [{ nodeId: 'm1' }] });
  await api.refused(
    'updateNode',
    demotion(api, 'm2'),
    'not-found',
    "can't find manager in raft memberlist",
  );
});

test('demote: not where the others would have no majority', async () => {
  const members = [
    { raftId: 1n, nodeId: 'm1' },
    { raftId: 2n, nodeId: 'm2', reachable: false },
    { raftId: 3n, nodeId: 'm3' },
  ];
  const api = apiWith(['m1', 'm2', 'm3'].map(manager), { members, indispensable: [3n] });
  await api.refused(
    'updateNode',
    demotion(api, 'm3'),
    'failed-precondition',
    "can't remove member from the raft: this would result in a loss of quorum",
  );
  const { node: after } = await api.call('updateNode', demotion(api, 'm2'));
  assert.equal(after?.spec?.desiredRole, NodeRole.WORKER);
});

test('remove: not a READY node without force', async () => {
  const api = apiWith([aNode({ id: 'n' })]);
  await api.refused(
    'removeNode',
    { nodeId: 'n' },
    'failed-precondition',
    "node n is not down and can't be removed",
  );
  await api.call('removeNode', { nodeId: 'n', force: true });
  assert.equal(node(api, 'n'), undefined);
});

test('remove: not a manager that is a member of raft, even with force', async () => {
  const api = apiWith([manager('m1'), manager('m2')], { members: [{ nodeId: 'm1' }] });
  await api.refused(
    'removeNode',
    { nodeId: 'm1', force: true },
    'failed-precondition',
    'node m1 is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal',
  );
  await api.call('removeNode', { nodeId: 'm2', force: true });
});

test('remove: the certificate is blacklisted, tasks are orphaned, in one commit', async () => {
  const api = apiWith([aNode({ id: 'n', status: { state: NodeStatus_State.DOWN } })]);
  api.store.seed({
    task: [
      aTask({ id: 'runs', nodeId: 'n' }),
      aTask({ id: 'ended', nodeId: 'n', status: { state: TaskState.FAILED } }),
      aTask({ id: 'elsewhere', nodeId: 'm' }),
    ],
  });
  await api.call('removeNode', { nodeId: 'n' });
  assert.equal(api.store.commits.length, 1);
  const task = (id: string) => api.store.view().get('task', id)?.status;
  assert.equal(task('runs')?.state, TaskState.ORPHANED);
  assert.equal(task('runs')?.message, 'Task belonged to a node that has been deleted');
  assert.equal(task('ended')?.state, TaskState.FAILED);
  assert.equal(task('elsewhere')?.state, TaskState.RUNNING);
  const blacklist = api.store.view().get('cluster', 'cluster')?.blacklistedCertificates;
  assert.deepEqual(blacklist, { n: { expiry: undefined } });
});

test('remove: entries of the blacklist go a week after their certificate ended', async () => {
  const api = apiWith([aNode({ id: 'n', status: { state: NodeStatus_State.DOWN } })]);
  const cluster = api.store.view().get('cluster', 'cluster')!;
  const day = 24 * 3_600_000;
  const entry = (daysAgo: number) => ({ expiry: timestampFromMs(fixtureTime - daysAgo * day) });
  const blacklistedCertificates = {
    old: entry(8),
    recent: entry(6),
    forever: { expiry: undefined },
  };
  api.store.seed({ cluster: [{ ...cluster, blacklistedCertificates }] });
  await api.call('removeNode', { nodeId: 'n' });
  assert.deepEqual(
    Object.keys(api.store.view().get('cluster', 'cluster')?.blacklistedCertificates ?? {}).sort(),
    ['forever', 'n', 'recent'],
  );
});

test('remove: an unknown node, and none at all', async () => {
  const api = new Api();
  await api.refused('removeNode', { nodeId: 'x' }, 'not-found', 'node x not found');
  await api.refused('removeNode', {}, 'invalid-argument', 'invalid argument');
});
