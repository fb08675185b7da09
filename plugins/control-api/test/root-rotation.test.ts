import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type Cluster, Cluster as ClusterMessage } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { CAConfig, RootCA } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { aCluster, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { Api } from './api.js';
import { FakeAuthority, FakeExternal, pem, testNow } from './fake-authorities.js';

const old = pem({ name: 'old', key: 'old key' });
const wanted = pem({ name: 'new', key: 'new key' });
const third = pem({ name: 'third', key: 'third key' });
const bytes = (text: string): Buffer => Buffer.from(text);

let api: Api;
let authority: FakeAuthority;
const begin = (rootCa: Partially<RootCA> = {}, external = new FakeExternal()): void => {
  authority = new FakeAuthority();
  api = new Api({ authority: authority.contract, external });
  api.store.seed({
    cluster: [
      ClusterMessage.fromPartial({
        ...aCluster({ id: 'cluster' }),
        rootCa: {
          caCert: bytes(old),
          caKey: bytes('old key'),
          joinTokens: { worker: 'SWMTKN-1-d-w', manager: 'SWMTKN-1-d-m' },
          ...rootCa,
        } as never,
      }),
    ],
  });
};
beforeEach(() => begin());

const stored = (): Cluster => api.store.view().get('cluster', 'cluster') as Cluster;

const request = (ca: Partially<CAConfig>, more: object = {}) => ({
  clusterId: 'cluster',
  clusterVersion: stored().meta?.version,
  spec: { ...stored().spec, caConfig: { ...stored().spec?.caConfig, ...ca } } as never,
  ...more,
});
const update = (ca: Partially<CAConfig>) => api.call('updateCluster', request(ca));
const refused = (ca: Partially<CAConfig>, text: string) =>
  api.refused('updateCluster', request(ca), 'invalid-argument', text);
const given = (certificate: string, key = '') => ({
  signingCaCert: bytes(certificate),
  signingCaKey: bytes(key),
});

const rotation = (): object | undefined => {
  const found = stored().rootCa?.rootRotation;
  return (
    found && {
      caCert: found.caCert.toString(),
      caKey: found.caKey.toString(),
      cross: found.crossSignedCaCert.toString(),
    }
  );
};
const toNew = { caCert: wanted, caKey: 'new key', cross: 'new by old with old key' };

test('a new root begins a rotation, signed across by the old one, which stays', async () => {
  const { cluster } = await update(given(`text\n${wanted}`, 'new key'));
  assert.deepEqual(rotation(), toNew);
  assert.equal(stored().rootCa?.caCert.toString(), old);
  assert.equal(stored().rootCa?.caKey.toString(), 'old key');
  assert.equal(stored().rootCa?.joinTokens?.worker, 'SWMTKN-1-d-w');
  assert.equal(cluster?.rootCa?.rootRotation?.caKey.length, 0);
  assert.equal(cluster?.rootCa?.rootRotation?.caCert.toString(), wanted);
  // No copy of the key stays behind in the spec.
  assert.equal(stored().spec?.caConfig?.signingCaKey.length, 0);
  await update({ nodeCertExpiry: { seconds: 7_200n, nanos: 0 } });
  assert.deepEqual(rotation(), toNew);
});

test('another counter begins a rotation to a fresh root, once', async () => {
  await update({ forceRotate: 1n });
  const fresh = pem({ name: 'fresh 1', key: 'fresh key 1' });
  const expected = { caCert: fresh, caKey: 'fresh key 1', cross: 'fresh 1 by old with old key' };
  assert.deepEqual(rotation(), expected);
  assert.equal(stored().rootCa?.lastForcedRotation, 1n);
  await update({ forceRotate: 1n });
  assert.deepEqual(rotation(), expected);
  await update({ forceRotate: 2n });
  assert.equal(authority.made, 2);
  assert.equal(stored().rootCa?.lastForcedRotation, 2n);
});

test('back to the present root gives a rotation up', async () => {
  await update(given(wanted, 'new key'));
  await update(given(old, 'old key'));
  assert.equal(rotation(), undefined);
  assert.equal(stored().rootCa?.caCert.toString(), old);
  assert.equal(stored().rootCa?.caKey.toString(), 'old key');
});

test('the root in flight again only changes its key; a third one begins anew from the old', async () => {
  await update(given(wanted, 'new key'));
  const externalCas = [{ protocol: 0, url: 'https://up', options: {}, caCert: bytes(wanted) }];
  await update({ ...given(wanted), externalCas });
  assert.deepEqual(rotation(), { ...toNew, caKey: '' });
  await update(given(wanted, 'new key'));
  assert.deepEqual(rotation(), toNew);
  await update(given(third, 'third key'));
  assert.deepEqual(rotation(), {
    caCert: third,
    caKey: 'third key',
    cross: 'third by old with old key',
  });
});

test('roots that no cluster can have', async () => {
  await refused(
    given('', 'key'),
    'if a signing CA key is provided, the signing CA cert must also be provided',
  );
  await refused(given('rubbish', 'key'), 'could not parse the desired CA certificate');
  await refused(
    given(wanted, 'another key'),
    'the desired CA certificate cannot be used: the root certificate is wrong',
  );
  await refused(
    given(wanted + third, 'new key'),
    'the desired CA certificate cannot contain multiple certificates',
  );
  const soon = { name: 'soon', key: 'k', notAfter: testNow + 364 * 24 * 3_600_000 };
  await refused(given(pem(soon), 'k'), 'CA certificate expires too soon');
  await refused(
    given(pem({ name: 'again', key: 'old key' }), 'old key'),
    'Cannot update to a cert with an identical key',
  );
  assert.equal(rotation(), undefined);
  assert.equal(api.store.commits.length, 0);
});

const unreachable = (which: string): string =>
  `there must be at least one valid, reachable external CA corresponding to the ${which} CA certificate`;
const at = (url: string, root = '') => ({
  protocol: 0,
  url,
  options: {},
  caCert: bytes(root),
});

test('a root without its key needs an authority that answers and is meant for it', async () => {
  await refused(given(wanted), unreachable('desired'));
  const wrong = [
    [at('https://up')],
    [at('https://down', wanted)],
    [at('https://up', third)],
    [{ ...at('https://up', wanted), protocol: 1 }],
  ];
  for (const externalCas of wrong)
    await refused({ ...given(wanted), externalCas }, unreachable('desired'));
  const externalCas = [at('https://down', wanted), at('https://up', `\r\n${wanted}`)];
  await update({ ...given(wanted), externalCas });
  assert.deepEqual(rotation(), { ...toNew, caKey: '' });
  await refused({ externalCas: [] }, unreachable('next'));
});

test('from a root that others hold', async () => {
  begin({ caKey: bytes('') });
  await refused({ externalCas: [at('https://down')] }, unreachable('current'));
  // What has nothing to do with it does not wait for it.
  await update({ nodeCertExpiry: { seconds: 7_200n, nanos: 0 } });
  await update({ externalCas: [at('https://up/a'), at('https://up/b', old)] });
  await refused(
    { ...given(wanted), externalCas: [at('https://up', old), at('https://up', wanted)] },
    'rotating from one external CA to a different external CA is not supported',
  );
  await update(given(wanted, 'new key'));
  assert.deepEqual(rotation(), { ...toNew, cross: 'new by https://up/a https://up/b' });
  begin({ caKey: bytes('') });
  await update({ forceRotate: 1n, externalCas: [at('https://up/c')] });
  assert.match(JSON.stringify(rotation()), /fresh 1 by https:\/\/up\/c/);
});

test('an old version, a bad setting beside it, and a token rotation with it', async () => {
  const stale = request(given(wanted, 'new key'), { clusterVersion: { index: 99n } });
  await api.refused('updateCluster', stale, 'unknown', 'update out of sequence');
  await refused(
    { ...given('rubbish', 'x'), nodeCertExpiry: { seconds: 1n, nanos: 0 } },
    'minimum certificate expiry time is: 1h0m0s',
  );
  const rotates = request(given(wanted, 'new key'), { rotation: { workerJoinToken: true } });
  await api.call('updateCluster', rotates as never);
  assert.deepEqual(rotation(), toNew);
  assert.notEqual(stored().rootCa?.joinTokens?.worker, 'SWMTKN-1-d-w');
  assert.equal(stored().rootCa?.joinTokens?.manager, 'SWMTKN-1-d-m');
});
