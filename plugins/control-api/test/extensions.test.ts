import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { Api } from './api.js';

let api: Api;
beforeEach(() => {
  api = new Api();
});

const extension = async (name: string): Promise<string> =>
  (await api.call('createExtension', { annotations: { name }, description: 'd' })).extension?.id ??
  '';
const resource = async (name: string, kind: string, labels = {}) =>
  (await api.call('createResource', { annotations: { name, labels }, kind })).resource;

test('extensions: create, get, remove', async () => {
  const extensionId = await extension('Lock');
  const found = (await api.call('getExtension', { extensionId })).extension;
  assert.deepEqual([found?.annotations?.name, found?.description], ['Lock', 'd']);
  await api.call('removeExtension', { extensionId });
  for (const method of ['getExtension', 'removeExtension'] as const) {
    await api.refused(method, { extensionId }, 'not-found', `extension ${extensionId} not found`);
    await api.refused(method, {}, 'invalid-argument', 'invalid argument');
  }
});

test('extensions: a name, not taken, and none of the kinds that are built in', async () => {
  for (const annotations of [undefined, { name: '' }])
    await api.refused(
      'createExtension',
      { annotations },
      'invalid-argument',
      'extension name must be provided',
    );
  await extension('lock');
  for (const name of ['LOCK', ...objectKinds])
    await api.refused(
      'createExtension',
      { annotations: { name } },
      'already-exists',
      `extension ${name} already exists`,
    );
});

test('extensions: not removed while there are resources of them', async () => {
  const extensionId = await extension('lock');
  const lock = await resource('door', 'lock');
  await api.refused(
    'removeExtension',
    { extensionId },
    'unknown',
    'cannot delete extension because objects of this type exist in the data store',
  );
  await api.call('removeResource', { resourceId: lock?.id ?? '' });
  await api.call('removeExtension', { extensionId });
});

test('resources: create', async () => {
  const refused = (request: object, text: string) =>
    api.refused('createResource', request, 'invalid-argument', text);
  await refused({ kind: 'lock' }, 'Resource must have a name');
  await refused({ annotations: { name: 'a' } }, 'Resource must belong to an Extension');
  await refused({ annotations: { name: 'a' }, kind: 'lock' }, 'Kind lock is not registered');
  await extension('lock');
  await extension('key');
  await resource('a', 'lock');
  await api.refused(
    'createResource',
    { annotations: { name: 'A' }, kind: 'key' },
    'already-exists',
    'A resource with name A already exists',
  );
});

test('resources: update', async () => {
  await extension('lock');
  const made = await resource('a', 'lock', { x: 'y' });
  const resourceId = made?.id ?? '';
  const resourceVersion = made?.meta?.version;
  const refused = (request: object, text: string) =>
    api.refused('updateResource', request, 'invalid-argument', text);
  await refused({ resourceId }, 'must include ID and version');
  await refused({ resourceVersion }, 'must include ID and version');
  await refused(
    { resourceId, resourceVersion, annotations: { name: 'b' } },
    'cannot change resource name',
  );
  const payload = { typeUrl: 't', value: Buffer.from('v') };
  const { resource: changed } = await api.call('updateResource', {
    resourceId,
    resourceVersion,
    payload,
  });
  assert.deepEqual(changed?.payload?.value.toString(), 'v');
  assert.deepEqual(changed?.annotations?.labels, { x: 'y' });
  const { resource: again } = await api.call('updateResource', {
    resourceId,
    resourceVersion: changed?.meta?.version,
    annotations: { name: 'a', labels: { z: '' } },
  });
  assert.deepEqual(
    [again?.annotations?.labels, again?.payload?.value.toString()],
    [{ z: '' }, 'v'],
  );
  await refused({ resourceId, resourceVersion }, 'update out of sequence');
  await api.refused(
    'updateResource',
    { resourceId: 'none', resourceVersion },
    'not-found',
    'resource none not found',
  );
});

test('resources: get, remove, list', async () => {
  await extension('lock');
  await extension('key');
  const a = await resource('Apple', 'lock', { of: 'x' });
  const b = await resource('bread', 'key');
  const list = async (filters: object) =>
    (await api.call('listResources', { filters: filters as never })).resources
      .map(({ annotations }) => annotations?.name)
      .sort();
  assert.deepEqual(await list({}), ['Apple', 'bread']);
  assert.deepEqual(await list({ names: ['apple'], namePrefixes: ['br'] }), ['Apple', 'bread']);
  assert.deepEqual(await list({ idPrefixes: [b?.id], kind: 'lock' }), []);
  assert.deepEqual(await list({ kind: 'key' }), ['bread']);
  assert.deepEqual(await list({ labels: { of: '' } }), ['Apple']);
  assert.equal((await api.call('listResources', {})).resources.length, 2);
  const resourceId = a?.id ?? '';
  assert.deepEqual((await api.call('getResource', { resourceId })).resource, a);
  await api.call('removeResource', { resourceId });
  for (const method of ['getResource', 'removeResource'] as const) {
    await api.refused(method, { resourceId }, 'not-found', `resource ${resourceId} not found`);
    await api.refused(method, {}, 'invalid-argument', 'invalid argument');
  }
});
