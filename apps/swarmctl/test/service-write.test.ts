import assert from 'node:assert/strict';
import test from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNetwork, aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import {
  type CreateServiceRequest,
  type UpdateServiceRequest,
  UpdateServiceRequest_Rollback,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { FakeCluster, outOfSequence } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

async function created(...argv: readonly string[]): Promise<ServiceSpec> {
  const cluster = new FakeCluster();
  cluster.networks = [aNetwork({ id: 'net1', spec: { annotations: { name: 'front' } } })];
  const { code, err } = await runCtl(cluster, ['service', 'create', '--detach', ...argv]);
  assert.equal(code, 0, err);
  const spec = cluster.requests<CreateServiceRequest>('createService')[0]?.spec;
  assert.ok(spec);
  return spec;
}

const container = ({ task }: ServiceSpec) => {
  assert.ok(task?.runtime?.$case === 'container');
  return task.runtime.value;
};

test('create takes the image and its command as they stand', async () => {
  const spec = await created(
    '--name',
    'web',
    '--env',
    'A=1',
    'busybox:1',
    'httpd',
    '-f',
    '-p',
    '8080',
    '--name',
    'x',
  );
  assert.equal(spec.annotations?.name, 'web');
  assert.deepEqual(container(spec).args, ['httpd', '-f', '-p', '8080', '--name', 'x']);
  assert.deepEqual(container(spec).env, ['A=1']);
  assert.equal(container(spec).image, 'busybox:1');
  assert.equal(spec.endpoint, undefined);
});

test('create as SwarmKit has it', async () => {
  const spec = await created(
    '--name',
    'web',
    '--image',
    'busybox',
    '--args',
    'sleep',
    '--args',
    '5',
    '--network',
    'front',
  );
  assert.deepEqual(container(spec).args, ['sleep', '5']);
  assert.deepEqual(
    spec.task?.networks.map(({ target }) => target),
    ['net1'],
  );
  const words = await created('--image', 'busybox', 'sleep', '-5');
  assert.deepEqual(container(words).args, ['sleep', '-5']);
});

test('create makes up a name', async () => {
  const nameOf = async (image: string) => (await created(image)).annotations?.name ?? '';
  assert.match(await nameOf('busybox'), /^busybox-[a-z0-9]{4}$/);
  assert.match(await nameOf('localhost:5000/team/my.app:1.2@sha256:abc'), /^my-app-[a-z0-9]{4}$/);
  assert.match(await nameOf('busybox@sha256:abc'), /^busybox-[a-z0-9]{4}$/);
  assert.ok((await nameOf('x'.repeat(80))).length <= 63);
});

test('create prints the id, or the whole service as JSON', async () => {
  const text = await runCtl(new FakeCluster(), ['service', 'create', '-d', 'busybox']);
  assert.deepEqual([text.out, text.err], ['newservice000000000000000\n', '']);
  const json = await runCtl(new FakeCluster(), [
    'service',
    'create',
    '-d',
    'a',
    '--format',
    'json',
  ]);
  assert.equal(json.code, 0, 'what follows the image is the command of the container');
  const first = await runCtl(new FakeCluster(), [
    'service',
    'create',
    '--format',
    'json',
    '-d',
    'a',
  ]);
  assert.equal((JSON.parse(first.out) as { readonly id: string }).id, 'newservice000000000000000');
});

test('create without an image, or with its command twice', async () => {
  const none = await runCtl(new FakeCluster(), ['service', 'create', '--name', 'a']);
  assert.deepEqual(
    [none.code, none.err],
    [2, 'swarmctl: service create needs an image: swarmctl service create IMAGE\n'],
  );
  const twice = await runCtl(new FakeCluster(), [
    'service',
    'create',
    '--args',
    'a',
    'busybox',
    'b',
  ]);
  assert.equal(twice.code, 2);
});

function withWeb(): FakeCluster {
  const cluster = new FakeCluster();
  const web = aService({
    id: 'svc-web',
    meta: { version: { index: 3n } },
    spec: { annotations: { name: 'web' } },
  });
  cluster.services = [web];
  cluster.nodes = [aNode({ id: 'node1', description: { hostname: 'alpha' } })];
  cluster.tasks = [aTaskOf(web, { nodeId: 'node1' })];
  return cluster;
}

const updates = (cluster: FakeCluster) => cluster.requests<UpdateServiceRequest>('updateService');

test('update changes what is named, at the version that it read', async () => {
  const cluster = withWeb();
  const { code, out } = await runCtl(cluster, [
    'service',
    'update',
    'web',
    '--replicas',
    '0',
    '-d',
  ]);
  assert.deepEqual([code, out], [0, 'svc-web\n']);
  const [request] = updates(cluster);
  assert.equal(request?.serviceVersion?.index, 3n);
  assert.deepEqual(request?.spec?.mode, { $case: 'replicated', value: { replicas: 0n } });
  assert.equal(request?.spec && container(request.spec).image, 'busybox:latest');
});

test('update tries again when somebody else wrote in between, and gives up in the end', async () => {
  const cluster = withWeb();
  cluster.faults.set('updateService', [outOfSequence(), outOfSequence()]);
  assert.equal((await runCtl(cluster, ['service', 'update', 'web', '-d', '--force'])).code, 0);
  assert.equal(updates(cluster).length, 3);
  const busy = withWeb();
  busy.faults.set('updateService', Array.from({ length: 9 }, outOfSequence));
  const { code, err } = await runCtl(busy, ['service', 'update', 'web', '-d', '--force']);
  assert.deepEqual([code, err], [1, 'swarmctl: update out of sequence\n']);
  assert.equal(updates(busy).length, 5);
});

test('rollback sends the present spec and asks for the previous one', async () => {
  const cluster = withWeb();
  await runCtl(cluster, ['service', 'update', 'web', '--rollback', '--detach']);
  const [request] = updates(cluster);
  assert.equal(request?.rollback, UpdateServiceRequest_Rollback.PREVIOUS);
  assert.equal(request?.spec, cluster.services[0]?.spec);
});

test("the manager's refusals are passed on", async () => {
  const cluster = withWeb();
  const text = 'name conflicts with an existing object: service web already exists';
  cluster.faults.set('createService', [new SwarmError('already-exists', 'RPC_REMOTE', text)]);
  const { code, err } = await runCtl(cluster, ['service', 'create', '--name', 'web', 'busybox']);
  assert.deepEqual([code, err], [1, `swarmctl: ${text}\n`]);
});

test('rm removes what it can and names what it cannot', async () => {
  const cluster = withWeb();
  cluster.services.push(aService({ id: 'svc-db', spec: { annotations: { name: 'db' } } }));
  const { code, out, err } = await runCtl(cluster, [
    'service',
    'rm',
    'web',
    'nobody',
    'db',
    'none',
  ]);
  assert.deepEqual([code, out], [3, 'web\ndb\n']);
  assert.match(err, /^swarmctl: service nobody not found; .*service none not found.*\n$/);
  assert.deepEqual(cluster.services, []);
});

test('nodes are activated, paused and drained, at the version that was read', async () => {
  const cluster = withWeb();
  cluster.faults.set('updateNode', [outOfSequence()]);
  for (const [verb, availability] of [
    ['drain', 2],
    ['pause', 1],
    ['activate', 0],
  ] as const) {
    const { code, out } = await runCtl(cluster, ['node', verb, 'alpha']);
    assert.deepEqual([code, out], [0, 'alpha\n']);
    assert.equal(cluster.nodes[0]?.spec?.availability, availability);
  }
  const { code } = await runCtl(cluster, ['node', 'drain', 'alpha', 'gamma']);
  assert.equal(code, 3);
  assert.equal(cluster.nodes[0]?.spec?.availability, 2);
});

test('scale: several at once, jobs by their completions, and no global ones', async () => {
  const cluster = new FakeCluster();
  const service = (id: string, mode: object) =>
    aService({ id, spec: { annotations: { name: id }, mode: mode as never } });
  cluster.services = [
    service('web', { $case: 'replicated', value: { replicas: 1n } }),
    service('job', { $case: 'replicatedJob', value: { maxConcurrent: 2n, totalCompletions: 2n } }),
    service('all', { $case: 'global', value: {} }),
  ];
  const { code, out, err } = await runCtl(cluster, [
    ...['service', 'scale', '-d', 'web=3', 'all=2', 'job=9'],
  ]);
  assert.equal(code, 2);
  assert.match(err, /--replicas does not go with a global service/);
  assert.equal(out, 'web scaled to 3\njob scaled to 9\n');
  assert.deepEqual(
    cluster.services.map(({ spec }) => spec?.mode),
    [
      { $case: 'replicated', value: { replicas: 3n } },
      { $case: 'replicatedJob', value: { maxConcurrent: 2n, totalCompletions: 9n } },
      { $case: 'global', value: {} },
    ],
  );
  for (const word of ['web', 'web=', '=3', 'web=x'])
    assert.equal((await runCtl(cluster, ['service', 'scale', word])).code, 2, word);
});

test('rollback as a command of its own', async () => {
  const cluster = new FakeCluster();
  cluster.services = [aService({ id: 'web', spec: { annotations: { name: 'web' } } })];
  assert.equal((await runCtl(cluster, ['service', 'rollback', '-d', 'web'])).code, 0);
  const [asked] = cluster.requests<UpdateServiceRequest>('updateService');
  assert.equal(asked?.rollback, UpdateServiceRequest_Rollback.PREVIOUS);
});

test('ps lists what has ended too', async () => {
  const cluster = new FakeCluster();
  const web = aService({ id: 'web', spec: { annotations: { name: 'web' } } });
  cluster.services = [web];
  cluster.tasks = [aTaskOf(web, { id: 't1', desiredState: 640, status: { state: 704, err: 'x' } })];
  assert.match((await runCtl(cluster, ['service', 'ps', 'web'])).out, /t1 .*Failed/);
});

test('variables from files: comments, blank lines, and names that are known here', async () => {
  const cluster = new FakeCluster();
  const { code, err } = await runCtl(
    cluster,
    ['service', 'create', '-d', '--env-file', 'f', '-e', 'C=3', 'busybox'],
    { files: { f: '# a comment\nA=1\n\nHOME\nNOBODY\r\n' }, env: { HOME: '/root' } },
  );
  assert.equal(code, 0, err);
  const spec = cluster.requests<CreateServiceRequest>('createService')[0]?.spec;
  assert.deepEqual(spec && container(spec).env, ['A=1', 'HOME=/root', 'C=3']);
});
