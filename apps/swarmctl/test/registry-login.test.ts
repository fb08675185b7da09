import assert from 'node:assert/strict';
import test from 'node:test';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import type {
  CreateServiceRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { FakeCluster } from './fake-cluster.js';
import { runCtl, type RunOptions } from './run-ctl.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const config = {
  auths: {
    'https://index.docker.io/v1/': { auth: base64('me:pass:word') },
    'registry.example.com:5000': { auth: base64('bot:one\0\0'), email: 'x' },
    'https://old.example.com/v1/': { username: 'u', password: 'p' },
  },
  credHelpers: { 'helped.example.com': 'pass', 'token.example.com': 'pass' },
};

const options: RunOptions = {
  env: { HOME: '/home/me' },
  files: { '/home/me/.docker/config.json': JSON.stringify(config) },
  credentials: {
    'pass helped.example.com': { Username: 'h', Secret: 's' },
    'pass token.example.com': { Username: '<token>', Secret: 't' },
  },
};

const loginIn = (spec: ServiceSpec | undefined): unknown => {
  const runtime = spec?.task?.runtime;
  assert.ok(runtime?.$case === 'container');
  const encoded = runtime.value.pullOptions?.registryAuth;
  return encoded === undefined ? undefined : JSON.parse(Buffer.from(encoded, 'base64').toString());
};

async function created(image: string, more: RunOptions = options) {
  const cluster = new FakeCluster();
  const argv = ['service', 'create', '--detach', '--with-registry-auth', image];
  const { code, err } = await runCtl(cluster, argv, more);
  const request = cluster.requests<CreateServiceRequest>('createService')[0];
  return { code, err, login: request && loginIn(request.spec) };
}

test('what docker login has kept for the registry of the image goes with the service', async () => {
  const hub = 'https://index.docker.io/v1/';
  const cases: readonly (readonly [string, object])[] = [
    ['nginx', { username: 'me', password: 'pass:word', serveraddress: hub }],
    ['me/app:1', { username: 'me', password: 'pass:word', serveraddress: hub }],
    [
      'registry.example.com:5000/app@sha256:0',
      { username: 'bot', password: 'one', serveraddress: 'registry.example.com:5000' },
    ],
    ['old.example.com/a/b', { username: 'u', password: 'p', serveraddress: 'old.example.com' }],
    ['helped.example.com/a', { username: 'h', password: 's', serveraddress: 'helped.example.com' }],
    ['token.example.com/a', { identitytoken: 't', serveraddress: 'token.example.com' }],
  ];
  for (const [image, login] of cases) {
    const answer = await created(image);
    assert.equal(answer.code, 0, answer.err);
    assert.deepEqual(answer.login, login, image);
  }
});

test('an image whose registry nobody logged in to is pulled without, and that is said', async () => {
  const { code, err, login } = await created('localhost/app');
  assert.deepEqual([code, login], [0, undefined]);
  assert.equal(err, 'no login is kept for the registry of localhost/app: nodes pull it without\n');
});

test('a helper for the hub is named as Docker names it, and a file that holds nothing is no login', async () => {
  const hub = 'https://index.docker.io/v1/';
  const file = (value: unknown) => ({ '/home/me/.docker/config.json': JSON.stringify(value) });
  const helped = await created('nginx', {
    ...options,
    files: file({ credHelpers: { [hub]: 'hub' }, credsStore: 'all' }),
    credentials: { [`hub ${hub}`]: { Username: 'h', Secret: 's' } },
  });
  assert.deepEqual(helped.login, { username: 'h', password: 's', serveraddress: hub });
  for (const nothing of [null, {}, { auths: null }]) {
    const { code, login } = await created('nginx', { ...options, files: file(nothing) });
    assert.deepEqual([code, login], [0, undefined]);
  }
});

test('what cannot be read is one sentence', async () => {
  const nothing = await created('a', { env: { DOCKER_CONFIG: '/d' } });
  assert.equal(nothing.code, 2);
  assert.match(
    nothing.err,
    /^swarmctl: --with-registry-auth reads what docker login has kept: ENOENT.*\n$/,
  );
  const broken = await created('a', { ...options, files: { '/home/me/.docker/config.json': '{' } });
  assert.equal(
    broken.err,
    'swarmctl: --with-registry-auth: /home/me/.docker/config.json is no JSON\n',
  );
});

test('an update without the flag keeps the login; with it, it is that of the image now', async () => {
  const cluster = new FakeCluster();
  const pullOptions = { registryAuth: base64(JSON.stringify({ username: 'before' })) };
  cluster.services = [
    aService({
      id: 's1',
      spec: {
        annotations: { name: 'web' },
        task: {
          runtime: { $case: 'container', value: { image: 'old.example.com/a', pullOptions } },
        },
      },
    }),
  ];
  const update = (...argv: readonly string[]) =>
    runCtl(cluster, ['service', 'update', '--detach', 'web', ...argv], options);
  assert.equal((await update('--label-add', 'a=1')).code, 0);
  assert.equal((await update('--with-registry-auth')).code, 0);
  const specs = cluster.requests<UpdateServiceRequest>('updateService').map(({ spec }) => spec);
  assert.deepEqual(specs.map(loginIn), [
    { username: 'before' },
    { username: 'u', password: 'p', serveraddress: 'old.example.com' },
  ]);
});
