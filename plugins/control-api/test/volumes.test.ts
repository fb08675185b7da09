import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import { Secret, Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { VolumeSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Api } from './api.js';

let api: Api;
beforeEach(() => {
  api = new Api();
});

const mounts = { accessType: { $case: 'mount', value: {} } } as const;
const spec = (overrides: Partially<VolumeSpec> = {}): Partially<VolumeSpec> =>
  ({
    annotations: { name: 'data' },
    driver: { name: 'csi' },
    accessMode: mounts,
    ...overrides,
  }) as Partially<VolumeSpec>;
const seeded = (overrides: Partially<Volume> = {}): Volume =>
  Volume.fromPartial({ id: 'v', spec: spec(), ...overrides } as never);

test('create, get, remove', async () => {
  const { volume } = await api.call('createVolume', { spec: spec() });
  const volumeId = volume?.id ?? '';
  assert.match(volumeId, /^[0-9a-z]{25}$/);
  assert.deepEqual((await api.call('getVolume', { volumeId })).volume, volume);
  await api.call('removeVolume', { volumeId });
  for (const method of ['getVolume', 'removeVolume'] as const) {
    await api.refused(method, { volumeId }, 'not-found', `volume ${volumeId} not found`);
    await api.refused(method, {}, 'invalid-argument', 'invalid argument');
  }
});

const refusals: readonly [what: Partially<VolumeSpec> | undefined, text: string][] = [
  [undefined, 'spec must not be nil'],
  [spec({ driver: undefined }), 'driver must be specified'],
  [spec({ annotations: { name: '' } }), 'meta: name must be provided'],
  [spec({ annotations: undefined }), 'meta: name must be provided'],
  [spec({ accessMode: undefined }), 'AccessMode must not be nil'],
  [spec({ accessMode: {} }), 'Volume AccessMode must specify either Mount or Block access type'],
  [spec({ secrets: [{ key: 'k', secret: 's' }] }), 'secret not found: s'],
  [spec({ secrets: [{ secret: 's' }, { secret: 't' }] }), 'secrets not found: s, t'],
];
for (const [what, text] of refusals)
  test(`create: ${text}`, () =>
    api.refused('createVolume', { spec: what as never }, 'invalid-argument', text));

test('create: any name will do, but not one that is taken', async () => {
  api.store.seed({ secret: [Secret.fromPartial({ id: 's' } as never)] });
  const name = 'a name/with. everything';
  await api.call('createVolume', {
    spec: spec({ annotations: { name }, secrets: [{ key: 'k', secret: 's' }] }),
  });
  await api.refused(
    'createVolume',
    { spec: spec({ annotations: { name: name.toUpperCase() } }) },
    'unknown',
    'name conflicts with an existing object',
  );
});

test('update: labels and availability alone', async () => {
  api.store.seed({ volume: [seeded()] });
  const version = { index: api.store.view().get('volume', 'v')?.meta?.version?.index ?? 0n };
  const update = (of: Partially<VolumeSpec>) => ({
    volumeId: 'v',
    volumeVersion: version,
    spec: spec(of),
  });
  const changes: Readonly<Record<string, Partially<VolumeSpec>>> = {
    Name: { annotations: { name: 'other' } },
    Group: { group: 'g' },
    AccessibilityRequirements: {
      AccessibilityRequirements: { requisite: [{ segments: { zone: 'a' } }] },
    } as never,
    Driver: { driver: { name: 'other' } },
    AccessMode: { accessMode: { ...mounts, scope: 1 } },
    Secrets: { secrets: [{ key: 'k', secret: 's' }] },
    CapacityRange: { capacityRange: { requiredBytes: 1n } },
  };
  for (const [name, change] of Object.entries(changes))
    await api.refused(
      'updateVolume',
      update(change),
      'invalid-argument',
      `${name} cannot be updated`,
    );
  const { volume } = await api.call(
    'updateVolume',
    update({ annotations: { name: 'data', labels: { a: 'b' } }, availability: 2 }),
  );
  assert.deepEqual(
    [volume?.spec?.annotations?.labels, volume?.spec?.availability],
    [{ a: 'b' }, 2],
  );
  await api.refused('updateVolume', update({}), 'unknown', 'update out of sequence');
});

test('update: what a request must have', async () => {
  const volumeVersion = { index: 1n };
  const refused = (request: object, text: string) =>
    api.refused('updateVolume', request, 'invalid-argument', text);
  await refused({ volumeVersion, spec: spec() }, 'VolumeID must not be empty');
  await refused({ volumeId: 'v', volumeVersion }, 'Spec must not be empty');
  await refused({ volumeId: 'v', spec: spec() }, 'VolumeVersion must not be empty');
  await api.refused(
    'updateVolume',
    { volumeId: 'v', volumeVersion, spec: spec() },
    'not-found',
    'volume v not found',
  );
});

test('remove: marked for its plugin, not while in use, and gone at once by force', async () => {
  const volumeInfo = { volumeId: 'made' };
  api.store.seed({
    volume: [
      seeded({ volumeInfo, publishStatus: [{ nodeId: 'n' }] }),
      seeded({ id: 'w', spec: spec({ annotations: { name: 'w' } }), volumeInfo } as never),
    ],
  });
  await api.refused(
    'removeVolume',
    { volumeId: 'v' },
    'failed-precondition',
    'volume is still in use',
  );
  await api.call('removeVolume', { volumeId: 'w' });
  await api.call('removeVolume', { volumeId: 'w' });
  assert.equal((await api.call('getVolume', { volumeId: 'w' })).volume?.pendingDelete, true);
  await api.call('removeVolume', { volumeId: 'v', force: true });
  await api.refused('getVolume', { volumeId: 'v' }, 'not-found', 'volume v not found');
});

test('list: filters', async () => {
  const volume = (id: string, name: string, group: string, driver: string) =>
    seeded({
      id,
      spec: spec({ annotations: { name, labels: { of: name } }, group, driver: { name: driver } }),
    } as never);
  api.store.seed({ volume: [volume('b', 'Logs', 'fast', 'x'), volume('a', 'data', 'slow', 'y')] });
  const list = async (filters: object) =>
    (await api.call('listVolumes', { filters: filters as never })).volumes.map(({ id }) => id);
  assert.deepEqual(await list({}), ['a', 'b']);
  assert.deepEqual(await list({ names: ['logs', 'data'] }), ['a']);
  assert.deepEqual(await list({ namePrefixes: ['L'], labels: { of: '' } }), ['b']);
  assert.deepEqual(await list({ idPrefixes: ['a'] }), ['a']);
  assert.deepEqual(await list({ groups: ['fast', 'none'] }), ['b']);
  assert.deepEqual(await list({ drivers: ['y'], groups: ['fast'] }), []);
  assert.deepEqual((await api.call('listVolumes', {})).volumes.length, 2);
});
