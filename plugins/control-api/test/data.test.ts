import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import { Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { Api } from './api.js';

let api: Api;
beforeEach(() => {
  api = new Api();
});

const data = Buffer.from('payload');
const named = (name: string, labels: Record<string, string> = {}) => ({
  annotations: { name, labels },
  data,
});

test('secret: its data is stored and never shown', async () => {
  const { secret: created } = await api.call('createSecret', { spec: named('s') });
  const secretId = created?.id ?? '';
  const { secret: updated } = await api.call('updateSecret', {
    secretId,
    secretVersion: created?.meta?.version,
    spec: named('s', { a: 'b' }),
  });
  const { secret: got } = await api.call('getSecret', { secretId });
  const { secrets } = await api.call('listSecrets', {});
  for (const secret of [created, updated, got, secrets[0]]) {
    assert.equal(secret?.spec?.annotations?.name, 's');
    assert.equal(secret?.spec?.data.length, 0);
  }
  assert.deepEqual(got?.spec?.annotations?.labels, { a: 'b' });
  assert.deepEqual(api.store.view().get('secret', secretId)?.spec?.data, data);
});

test('secret: data from a driver', async () => {
  const spec = { annotations: { name: 's' }, driver: { name: '' } };
  await api.refused('createSecret', { spec }, 'invalid-argument', 'secret driver must have a name');
  await api.call('createSecret', { spec: { ...spec, driver: { name: 'vault' } } });
});

test('secret: those of plugins are not listed', async () => {
  api.store.seed({ secret: [Secret.create({ id: 'x', internal: true })] });
  assert.deepEqual((await api.call('listSecrets', {})).secrets, []);
});

test('config: its data is shown', async () => {
  const { config } = await api.call('createConfig', { spec: named('c') });
  const answer = await api.call('getConfig', { configId: config?.id ?? '' });
  assert.deepEqual(answer.config?.spec?.data, data);
  assert.equal((await api.call('listConfigs', {})).configs.length, 1);
});

// What holds for both.

const calls = {
  secret: {
    limit: 512_000,
    create: (spec: object) => api.call('createSecret', { spec }).then(({ secret }) => secret),
    refusesCreate: (spec: object | undefined, text: string, kind = 'invalid-argument') =>
      api.refused('createSecret', { spec: spec as never }, kind as never, text),
    update: (id: string, version: object | undefined, spec: object) =>
      api.call('updateSecret', { secretId: id, secretVersion: version as never, spec }),
    refusesUpdate: (
      id: string,
      version: object | undefined,
      spec: object | undefined,
      kind: string,
      text: string,
    ) =>
      api.refused(
        'updateSecret',
        { secretId: id, secretVersion: version as never, spec: spec as never },
        kind as never,
        text,
      ),
    remove: (id: string) => api.call('removeSecret', { secretId: id }),
    refusesRemove: (id: string, kind: string, text: string) =>
      api.refused('removeSecret', { secretId: id }, kind as never, text),
    refusesGet: (id: string, kind: string, text: string) =>
      api.refused('getSecret', { secretId: id }, kind as never, text),
    list: async (filters: object) =>
      (await api.call('listSecrets', { filters })).secrets.map(
        ({ spec }) => spec?.annotations?.name,
      ),
    referrer: (service: string, id: string) =>
      aService({
        id: service,
        spec: {
          task: {
            runtime: { $case: 'container', value: { image: 'x', secrets: [{ secretId: id }] } },
          },
        },
      }),
  },
  config: {
    limit: 1_024_000,
    create: (spec: object) => api.call('createConfig', { spec }).then(({ config }) => config),
    refusesCreate: (spec: object | undefined, text: string, kind = 'invalid-argument') =>
      api.refused('createConfig', { spec: spec as never }, kind as never, text),
    update: (id: string, version: object | undefined, spec: object) =>
      api.call('updateConfig', { configId: id, configVersion: version as never, spec }),
    refusesUpdate: (
      id: string,
      version: object | undefined,
      spec: object | undefined,
      kind: string,
      text: string,
    ) =>
      api.refused(
        'updateConfig',
        { configId: id, configVersion: version as never, spec: spec as never },
        kind as never,
        text,
      ),
    remove: (id: string) => api.call('removeConfig', { configId: id }),
    refusesRemove: (id: string, kind: string, text: string) =>
      api.refused('removeConfig', { configId: id }, kind as never, text),
    refusesGet: (id: string, kind: string, text: string) =>
      api.refused('getConfig', { configId: id }, kind as never, text),
    list: async (filters: object) =>
      (await api.call('listConfigs', { filters })).configs.map(
        ({ spec }) => spec?.annotations?.name,
      ),
    referrer: (service: string, id: string) =>
      aService({
        id: service,
        spec: {
          task: {
            runtime: { $case: 'container', value: { image: 'x', configs: [{ configId: id }] } },
          },
        },
      }),
  },
};

for (const [kind, it] of Object.entries(calls)) {
  test(`${kind}: name and size`, async () => {
    const badName =
      'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]';
    const badSize = `${kind} data must be larger than 0 and less than ${it.limit} bytes`;
    await it.refusesCreate(undefined, 'invalid argument');
    await it.refusesCreate(named(''), 'name must be provided');
    for (const name of ['a'.repeat(65), 'a b', '.a', 'a-', 'ä'])
      await it.refusesCreate(named(name), badName);
    await it.refusesCreate({ annotations: { name: 'n' } }, badSize);
    await it.refusesCreate({ ...named('n'), data: Buffer.alloc(it.limit) }, badSize);
    await it.create({ ...named('n'), data: Buffer.alloc(it.limit - 1) });
    await it.create(named(`a.b_c-${'d'.repeat(58)}`));
    await it.refusesCreate(named('N'), `${kind} N already exists`, 'already-exists');
  });

  test(`${kind}: only labels change`, async () => {
    const text = 'only updates to Labels are allowed';
    const { id = '', meta } = (await it.create(named('n', { a: 'b' }))) ?? {};
    const version = meta?.version;
    await it.refusesUpdate(id, version, named('m'), 'invalid-argument', text);
    await it.refusesUpdate(
      id,
      version,
      { ...named('n'), data: Buffer.from('x') },
      'invalid-argument',
      text,
    );
    await it.refusesUpdate('', version, named('n'), 'invalid-argument', 'invalid argument');
    await it.refusesUpdate(id, undefined, named('n'), 'invalid-argument', 'invalid argument');
    await it.refusesUpdate(id, version, undefined, 'invalid-argument', 'invalid argument');
    await it.refusesUpdate('x', version, named('n'), 'not-found', `${kind} x not found`);
    await it.update(id, version, { annotations: { name: 'n', labels: { c: 'd' } } });
    const stored = api.store.view().get(kind as 'secret', id);
    assert.deepEqual(stored?.spec?.annotations?.labels, { c: 'd' });
    assert.deepEqual(stored?.spec?.data, data);
    await it.refusesUpdate(id, version, named('n'), 'unknown', 'update out of sequence');
  });

  test(`${kind}: not removed while services refer to it`, async () => {
    const { id = '' } = (await it.create(named('n'))) ?? {};
    const text = `${kind} 'n' is in use by the following service`;
    api.store.seed({ service: [it.referrer('b', id)] });
    await it.refusesRemove(id, 'invalid-argument', `${text}: b`);
    api.store.seed({ service: [it.referrer('a', id)] });
    await it.refusesRemove(id, 'invalid-argument', `${text}s: a, b`);
    for (const serviceId of ['a', 'b']) await api.call('removeService', { serviceId });
    await it.remove(id);
    await it.refusesRemove(id, 'not-found', `could not find ${kind} ${id}`);
    await it.refusesRemove('', 'invalid-argument', `${kind} ID must be provided`);
    await it.refusesGet(id, 'not-found', `${kind} ${id} not found`);
    await it.refusesGet('', 'invalid-argument', `${kind} ID must be provided`);
  });

  test(`${kind}: list: names and prefixes are one filter, in any case; labels another`, async () => {
    const ids = new Map<string, string>();
    for (const name of ['alpha', 'beta', 'gamma'])
      ids.set(name, (await it.create(named(name, { of: name })))?.id ?? '');
    const list = async (filters: object) => (await it.list(filters)).sort();
    assert.deepEqual(await list({}), ['alpha', 'beta', 'gamma']);
    assert.deepEqual(await list({ names: ['ALPHA'], namePrefixes: ['b'] }), ['alpha', 'beta']);
    assert.deepEqual(await list({ names: ['alpha'], idPrefixes: [ids.get('gamma')] }), [
      'alpha',
      'gamma',
    ]);
    assert.deepEqual(await list({ names: ['alpha', 'beta'], labels: { of: 'beta' } }), ['beta']);
  });
}
