import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anAttachment, aNode, aService, aTask, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Api } from './api.js';

test('get and remove', async () => {
  const api = new Api();
  api.store.seed({ task: [aTask({ id: 't' })] });
  assert.equal((await api.call('getTask', { taskId: 't' })).task?.id, 't');
  await api.call('removeTask', { taskId: 't' });
  await api.refused('getTask', { taskId: 't' }, 'not-found', 'task t not found');
  await api.refused('removeTask', { taskId: 't' }, 'not-found', 'task t not found');
  await api.refused('getTask', {}, 'invalid-argument', 'invalid argument');
  await api.refused('removeTask', {}, 'invalid-argument', 'invalid argument');
});

test('list: filters', async () => {
  const api = new Api();
  const web = aService({
    id: 'web',
    spec: { annotations: { name: 'web', labels: { tier: 'front' } } },
    specVersion: { index: 2n },
  });
  const old = { specVersion: { index: 1n }, spec: { forceUpdate: 1n } };
  api.store.seed({
    node: [aNode({ id: 'n1' }), aNode({ id: 'n2' })],
    service: [web],
    task: [
      aTaskOf(web, { id: 't3', slot: 1n, nodeId: 'n1' }),
      aTaskOf(web, { id: 't1', slot: 2n, nodeId: 'n2', desiredState: TaskState.SHUTDOWN }),
      aTaskOf(web, { id: 't2', slot: 3n, nodeId: 'n1', ...old }),
      aTask({ id: 'x1', serviceId: 'gone', nodeId: 'n2', annotations: { name: 'named' } }),
    ],
  });
  const list = async (filters: object) =>
    (await api.call('listTasks', { filters: filters as never })).tasks.map(({ id }) => id);
  assert.deepEqual(await list({}), ['t1', 't2', 't3', 'x1']);
  assert.deepEqual(await list({ serviceIds: ['web', 'web'] }), ['t1', 't2', 't3']);
  assert.deepEqual(await list({ serviceIds: ['gone', 'nothing'] }), ['x1']);
  assert.deepEqual(await list({ nodeIds: ['n1'] }), ['t2', 't3']);
  assert.deepEqual(await list({ serviceIds: ['web'], nodeIds: ['n2'] }), ['t1']);
  assert.deepEqual(await list({ names: ['web.1.t3', 'named'] }), ['t3', 'x1']);
  assert.deepEqual(await list({ names: ['WEB.1.t3'] }), []);
  assert.deepEqual(await list({ namePrefixes: ['web.2'] }), ['t1']);
  assert.deepEqual(await list({ idPrefixes: ['t'] }), ['t1', 't2', 't3']);
  assert.deepEqual(await list({ labels: { tier: 'front' } }), ['t1', 't2', 't3']);
  assert.deepEqual(await list({ desiredStates: [TaskState.SHUTDOWN] }), ['t1']);
  assert.deepEqual(await list({ runtimes: ['container'], nodeIds: ['n2'] }), ['t1', 'x1']);
  assert.deepEqual(await list({ runtimes: ['attachment'] }), []);
  assert.deepEqual(await list({ upToDate: true }), ['t1', 't3']);
});

test('containers that were started by hand: listed by runtime and node, called by their node, removed by hand', async () => {
  const api = new Api();
  api.store.seed({ task: [anAttachment('n1', ['front'], { id: 'a1' }), aTask({ id: 't1' })] });
  const list = async (filters: object) =>
    (await api.call('listTasks', { filters: filters as never })).tasks.map(({ id }) => id);
  assert.deepEqual(await list({ runtimes: ['attachment'] }), ['a1']);
  assert.deepEqual(await list({ nodeIds: ['n1'] }), ['a1']);
  assert.deepEqual(await list({ names: ['.n1.a1'] }), ['a1']);
  await api.call('removeTask', { taskId: 'a1' });
  assert.deepEqual(await list({}), ['t1']);
});
