import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { aCluster } from '@swarmkit/sdk/testkit/fixtures';
import type { Kind } from '@swarmkit/sdk/plugin/errors';
import { type Cluster, Cluster as ClusterMessage } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Api } from './api.js';

const digest = 'd'.repeat(50);
const token = (secret: string): string => `SWMTKN-1-${digest}-${secret.repeat(25)}`;

let api: Api;
beforeEach(() => {
  api = new Api();
  const bytes = Buffer.from('never shown');
  api.store.seed({
    cluster: [
      ClusterMessage.fromPartial({
        ...aCluster({ id: 'cluster' }),
        rootCa: {
          caKey: bytes,
          caCert: Buffer.from('root'),
          caCertHash: 'sha256:x',
          joinTokens: { worker: token('w'), manager: token('m') },
        },
        networkBootstrapKeys: [{ subsystem: 'networking:gossip', key: bytes }],
        unlockKeys: [{ subsystem: 'swarm-manager', key: bytes }],
        encryptionKeyLamportClock: 3n,
        fips: true,
      }),
    ],
  });
});

const stored = (): Cluster => api.store.view().get('cluster', 'cluster') as Cluster;

const update = async (spec: Partial<ClusterSpec>, rotation?: object): Promise<Cluster> => {
  const { cluster } = await api.call('updateCluster', {
    clusterId: 'cluster',
    clusterVersion: stored().meta?.version,
    spec: { ...stored().spec, ...spec } as never,
    rotation: rotation as never,
  });
  return cluster as Cluster;
};

const refused = (spec: Partial<ClusterSpec>, text: string, kind: Kind = 'invalid-argument') =>
  api.refused(
    'updateCluster',
    {
      clusterId: 'cluster',
      clusterVersion: stored().meta?.version,
      spec: { ...stored().spec, ...spec } as never,
    },
    kind,
    text,
  );

test('what only managers may know is never shown; join tokens are', async () => {
  const answers = [
    (await api.call('getCluster', { clusterId: 'cluster' })).cluster,
    (await api.call('listClusters', {})).clusters[0],
    await update({ encryptionConfig: { autoLockManagers: true } }),
  ];
  for (const cluster of answers) {
    assert.ok(cluster !== undefined);
    assert.ok(!ClusterMessage.encode(cluster).finish().includes('never shown'));
    assert.equal(cluster.rootCa?.caKey.length, 0);
    assert.equal(cluster.rootCa?.joinTokens?.worker, token('w'));
    assert.equal(cluster.rootCa?.caCertHash, 'sha256:x');
    assert.deepEqual([cluster.fips, cluster.encryptionKeyLamportClock], [false, 0n]);
    assert.deepEqual(cluster.defaultAddressPool, ['10.0.0.0/8']);
    assert.deepEqual([cluster.subnetSize, cluster.VXLANUDPPort], [24, 4789]);
  }
  assert.equal(stored().rootCa?.caKey.toString(), 'never shown');
  assert.equal(stored().unlockKeys.length, 1);
});

test('get: an unknown cluster, and none at all', async () => {
  await api.refused('getCluster', { clusterId: 'x' }, 'not-found', 'cluster x not found');
  await api.refused('getCluster', {}, 'invalid-argument', 'invalid argument');
});

test('list: filters', async () => {
  const list = async (filters: object) =>
    (await api.call('listClusters', { filters: filters as never })).clusters.length;
  assert.equal(await list({ names: ['default'] }), 1);
  assert.equal(await list({ names: ['Default'] }), 0);
  assert.equal(await list({ namePrefixes: ['def'] }), 1);
  assert.equal(await list({ idPrefixes: ['no'] }), 0);
  assert.equal(await list({ labels: { x: '' } }), 0);
});

test('update: settings are stored', async () => {
  await update({ orchestration: { taskHistoryRetentionLimit: 9n } });
  assert.equal(stored().spec?.orchestration?.taskHistoryRetentionLimit, 9n);
});

test('update: tokens are rotated on request, each by itself', async () => {
  const cluster = await update({}, { workerJoinToken: true });
  const worker = cluster.rootCa?.joinTokens?.worker ?? '';
  assert.match(worker, new RegExp(`^SWMTKN-1-${digest}-[0-9a-z]{25}$`));
  assert.notEqual(worker, token('w'));
  assert.equal(cluster.rootCa?.joinTokens?.manager, token('m'));
  await update({}, { managerJoinToken: true });
  assert.equal(stored().rootCa?.joinTokens?.worker, worker);
  assert.notEqual(stored().rootCa?.joinTokens?.manager, token('m'));
});

test('update: a request must be whole and fresh', async () => {
  const whole = { clusterId: 'cluster', clusterVersion: { index: 0n }, spec: stored().spec };
  for (const missing of [{ clusterId: '' }, { clusterVersion: undefined }, { spec: undefined }])
    await api.refused(
      'updateCluster',
      { ...whole, ...missing } as never,
      'invalid-argument',
      'invalid argument',
    );
  await api.refused(
    'updateCluster',
    { ...whole, clusterId: 'x' } as never,
    'not-found',
    'cluster x not found',
  );
  await api.refused(
    'updateCluster',
    { ...whole, clusterVersion: { index: 99n } } as never,
    'unknown',
    'update out of sequence',
  );
});

test('update: what no cluster may have', async () => {
  const ca = stored().spec?.caConfig;
  await refused(
    { caConfig: { ...ca, nodeCertExpiry: durationFromMs(3_599_999) } as never },
    'minimum certificate expiry time is: 1h0m0s',
  );
  await refused(
    {
      acceptancePolicy: {
        policies: [{ role: 0, autoaccept: false, secret: { data: Buffer.alloc(1), alg: 'md5' } }],
      },
    },
    'hashing algorithm is not supported: md5',
  );
  await refused(
    { dispatcher: { heartbeatPeriod: durationFromMs(-1) } },
    'heartbeat time period cannot be a negative duration',
  );
  for (const annotations of [undefined, { name: 'other', labels: {}, indices: [] }])
    await refused({ annotations }, 'modification of cluster name is not allowed');
});

test('update: what nothing would act on is refused, not forgotten', async () => {
  const ca = stored().spec?.caConfig;
  await refused(
    { caConfig: { ...ca, forceRotate: 1n } as never },
    'this distribution has no certificate authority',
    'unimplemented',
  );
  await refused(
    { caConfig: { ...ca, externalCas: [{ url: 'https://ca' }] } as never },
    'this distribution has no certificate authority',
    'unimplemented',
  );
});

test('update: a lock has a key while it is on, and another one on request', async () => {
  const keyOf = (subsystem: string) =>
    stored()
      .unlockKeys.find((entry) => entry.subsystem === subsystem)
      ?.key.toString('hex');
  api.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
    const other = {
      subsystem: 'other',
      algorithm: 0,
      key: Buffer.from('mine'),
      lamportTime: 0n,
      madeAt: undefined,
    };
    draft.update('cluster', { ...stored(), unlockKeys: [other] });
  });
  const rotation = { managerUnlockKey: true };
  const on = { encryptionConfig: { autoLockManagers: true } };
  await update({}, rotation);
  assert.equal(keyOf('swarm-manager'), undefined);
  assert.deepEqual((await update(on)).unlockKeys, []);
  const first = keyOf('swarm-manager');
  assert.match(first ?? '', /^[0-9a-f]{64}$/);
  await update({ orchestration: { taskHistoryRetentionLimit: 3n } });
  assert.equal(keyOf('swarm-manager'), first);
  await update({}, rotation);
  const second = keyOf('swarm-manager');
  assert.match(second ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual(second, first);
  await update({ encryptionConfig: { autoLockManagers: false } });
  assert.equal(keyOf('swarm-manager'), undefined);
  assert.equal(keyOf('other'), Buffer.from('mine').toString('hex'));
  await update(on);
  assert.notEqual(keyOf('swarm-manager'), second);
});
