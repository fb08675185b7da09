import assert from 'node:assert/strict';
import test from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import type { CreateSecretRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Config, Secret, type Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

const secret = (id: string, name: string, labels: Record<string, string> = {}): Secret =>
  Secret.fromPartial({ id, spec: { annotations: { name, labels } } } as never);
const config = (id: string, name: string, data: string): Config =>
  Config.fromPartial({
    id,
    spec: { annotations: { name, labels: {} }, data: Buffer.from(data) },
  } as never);

const withSecret = (name: string, secretId: string, overrides: object = {}): Service =>
  aService({
    id: name,
    spec: {
      annotations: { name },
      task: {
        runtime: {
          $case: 'container',
          value: {
            image: 'busybox',
            secrets: [
              {
                secretId,
                secretName: 'key',
                target: { $case: 'file', value: { name: 'key.pem', uid: '7' } },
              },
            ],
          },
        },
      },
      mode: { $case: 'replicated', value: { replicas: 1n } },
    },
    ...overrides,
  } as never);

const secretsOf = (cluster: FakeCluster, id: string) => {
  const runtime = cluster.services.find((one) => one.id === id)?.spec?.task?.runtime;
  assert.ok(runtime?.$case === 'container');
  return runtime.value.secrets;
};

/** Its tasks follow at once: what runs is what its spec asks for. */
const obeys = (cluster: FakeCluster): FakeCluster => {
  cluster.nodes = [aNode({ id: 'n1' })];
  cluster.onServiceUpdate = (service) => {
    cluster.tasks = [
      ...cluster.tasks.filter(({ serviceId }) => serviceId !== service.id),
      aTaskOf(service, { nodeId: 'n1', slot: 1n, status: { state: TaskState.RUNNING } }),
    ];
  };
  return cluster;
};

test('create: from a file and from standard input', async () => {
  for (const [kind, file] of [
    ['secret', '-'],
    ['config', 'a.conf'],
  ] as const) {
    const cluster = new FakeCluster();
    const { code, out, err } = await runCtl(
      cluster,
      [kind, 'create', '-l', 'a=b', '--template-driver', 'golang', 'key', file],
      { files: { [file]: 'xyz' } },
    );
    assert.deepEqual([code, err], [0, '']);
    const made = (kind === 'secret' ? cluster.secrets : cluster.configs)[0];
    assert.equal(out, `${made?.id}\n`);
    assert.equal(made?.spec?.data.toString(), 'xyz');
    assert.deepEqual(made?.spec?.annotations, { name: 'key', labels: { a: 'b' }, indices: [] });
    assert.equal(made?.spec?.templating?.name, 'golang');
  }
});

test('create: data or a driver', async () => {
  const cluster = new FakeCluster();
  assert.equal((await runCtl(cluster, ['secret', 'create', 'key'])).code, 2);
  assert.equal((await runCtl(cluster, ['secret', 'create', 'key', 'f', '-d', 'x'])).code, 2);
  assert.equal((await runCtl(cluster, ['secret', 'create', 'key', '-d', 'vault'])).code, 0);
  const [asked] = cluster.requests<CreateSecretRequest>('createSecret');
  assert.equal(asked?.spec?.driver?.name, 'vault');
  const missing = await runCtl(cluster, ['config', 'create', 'key', 'nofile']);
  assert.match(missing.err, /ENOENT/);
});

test('ls, inspect, rm', async () => {
  const cluster = new FakeCluster();
  cluster.secrets = [secret('s2', 'zeta'), secret('s1', 'alpha', { a: 'b' })];
  cluster.configs = [config('c1', 'conf', 'a=1\n  b=\u001b[31m\n')];
  const list = await runCtl(cluster, ['secret', 'ls']);
  assert.match(list.out, /^ID +NAME +CREATED +UPDATED\ns1 +alpha\ns2 +zeta\n$/);
  assert.equal((await runCtl(cluster, ['secret', 'ls', '-q'])).out, 's1\ns2\n');
  const shown = await runCtl(cluster, ['secret', 'inspect', 'alpha']);
  assert.match(shown.out, /Name: +alpha\nLabels: +a=b\n/);
  const conf = await runCtl(cluster, ['config', 'inspect', 'c1']);
  assert.match(conf.out, /\n\na=1\n {2}b= \[31m\n$/);
  assert.match((await runCtl(cluster, ['config', 'ls', '--format', 'json'])).out, /"id": "c1"/);
  const removed = await runCtl(cluster, ['secret', 'rm', 'alpha', 'nobody', 'zeta']);
  assert.equal(removed.code, 3);
  assert.equal(removed.out, 'alpha\nzeta\n');
  assert.deepEqual(cluster.secrets, []);
});

test('rotate: a new version, the services move, the old one goes', async () => {
  const cluster = obeys(new FakeCluster());
  cluster.secrets = [secret('old', 'key', { of: 'us' })];
  cluster.services = [withSecret('web', 'old'), withSecret('other', 'elsewhere')];
  const { code, out, err } = await runCtl(cluster, ['secret', 'rotate', 'key', '-'], {
    files: { '-': 'new' },
  });
  assert.equal(code, 0, err);
  const [made] = cluster.secrets;
  assert.equal(cluster.secrets.length, 1);
  assert.equal(out, `${made?.id}\n`);
  assert.deepEqual(made?.spec?.annotations, {
    name: 'key.v2',
    labels: { of: 'us', 'swarmkit.rotation.pointer': 'key', 'swarmkit.rotation.version': '2' },
    indices: [],
  });
  assert.deepEqual(secretsOf(cluster, 'web')[0], {
    secretId: made?.id,
    secretName: 'key.v2',
    target: { $case: 'file', value: { name: 'key.pem', uid: '7', gid: '', mode: 0 } },
  });
  assert.equal(secretsOf(cluster, 'other')[0]?.secretId, 'elsewhere');
  assert.match(err, /web is updated\n[\s\S]*key is removed\n$/);
  // The pointer now means the new one, and the next is the third.
  await runCtl(cluster, ['secret', 'rotate', 'key', '-'], { files: { '-': 'newer' } });
  assert.deepEqual(
    cluster.secrets.map(({ spec }) => spec?.annotations?.name),
    ['key.v3'],
  );
  const created = await runCtl(cluster, ['service', 'create', '-d', '--secret', 'key', 'busybox']);
  assert.equal(created.code, 0, created.err);
  assert.equal(secretsOf(cluster, 'newservice000000000000000')[0]?.secretName, 'key.v3');
});

test('rotate: what broke off is finished by the same command without data', async () => {
  const cluster = obeys(new FakeCluster());
  cluster.secrets = [secret('old', 'key')];
  cluster.services = [withSecret('a', 'old'), withSecret('b', 'old')];
  cluster.faults.set('updateService', [new SwarmError('unavailable', 'X', 'gone')]);
  const broken = await runCtl(cluster, ['secret', 'rotate', 'key', '-'], { files: { '-': 'x' } });
  assert.equal(broken.code, 4);
  assert.equal(cluster.secrets.length, 2);
  const again = await runCtl(cluster, ['secret', 'rotate', 'key']);
  assert.equal(again.code, 0, again.err);
  assert.deepEqual(
    cluster.secrets.map(({ spec }) => spec?.annotations?.name),
    ['key.v2'],
  );
  for (const id of ['a', 'b']) assert.equal(secretsOf(cluster, id)[0]?.secretName, 'key.v2');
  const updates = cluster.requests('updateService').length;
  assert.equal((await runCtl(cluster, ['secret', 'rotate', 'key'])).code, 0);
  assert.equal(cluster.requests('updateService').length, updates, 'nothing is left to do');
});

test('rotate: an old version stays while a job or a living task has it', async () => {
  const cluster = new FakeCluster();
  cluster.nodes = [aNode({ id: 'n1' })];
  cluster.secrets = [secret('old', 'key')];
  const job = withSecret('job', 'old');
  const web = withSecret('web', 'old');
  cluster.services = [
    {
      ...job,
      spec: job.spec && {
        ...job.spec,
        mode: { $case: 'replicatedJob', value: { maxConcurrent: 1n, totalCompletions: 1n } },
      },
    },
  ];
  const files = { '-': 'x' };
  const kept = await runCtl(cluster, ['secret', 'rotate', 'key', '-'], { files });
  assert.equal(
    kept.err,
    'job is a job: it keeps its secret until it is updated\nkey stays: job uses it\n',
  );
  cluster.services = [web];
  cluster.tasks = [aTaskOf(web, { id: 't', nodeId: 'n1', status: { state: TaskState.RUNNING } })];
  const detached = await runCtl(cluster, ['secret', 'rotate', '-d', 'key', '-'], { files });
  assert.match(detached.err, /key stays: task t still has it; rotate again to remove it\n/);
  cluster.tasks = [];
  const last = await runCtl(cluster, ['secret', 'rotate', '-d', 'key']);
  assert.match(last.err, /key is removed\n/);
  assert.equal(cluster.secrets.length, 1);
});

test('rotate: a config with the same data is not made again; two who rotate at once', async () => {
  const cluster = new FakeCluster();
  cluster.configs = [config('c1', 'conf', 'same')];
  const files = { f: 'same', g: 'other' };
  assert.equal((await runCtl(cluster, ['config', 'rotate', 'conf', 'f'], { files })).out, 'c1\n');
  assert.equal(cluster.requests('createConfig').length, 0);
  cluster.faults.set('createConfig', [new SwarmError('already-exists', 'RPC_REMOTE', 'taken')]);
  const { code } = await runCtl(cluster, ['config', 'rotate', 'conf', 'g'], { files });
  assert.equal(code, 0);
  assert.equal(cluster.requests('createConfig').length, 2);
  assert.equal((await runCtl(cluster, ['config', 'rotate', 'none', 'g'], { files })).code, 3);
});
