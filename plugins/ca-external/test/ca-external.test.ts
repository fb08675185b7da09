import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import {
  CertificateAuthority,
  type SignRequest,
} from '@swarmkit/sdk/contracts/certificate-authority';
import type { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import type { Kind } from '@swarmkit/sdk/plugin/errors';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import { readAnswer } from '../core/cfssl.js';
import { caExternal } from '../plugin.js';
import { csrOf, identity, issue, newKeys, newRoot, type Root, serve } from './cfssl-server.js';

interface World {
  readonly root: Root;
  readonly next: Root;
  readonly external: ExternalAuthority;
  readonly env: VirtualEnv;
  request(nodeId?: string): Promise<SignRequest>;
}

async function world(t: TestContext, asker?: Root): Promise<World> {
  const [root, next] = [await newRoot('CN=swarm-ca'), await newRoot('O=Acme, CN=next')];
  const env = new VirtualEnv('external');
  const own = await identity(asker ?? root, 'O=c1, OU=swarm-manager, CN=m1');
  const given = new Map<string, unknown>([
    [NodeIdentity.id, { current: () => own }],
    [
      CertificateAuthority.id,
      {
        crossSigningRequest: () => ({
          csrPem: csr,
          subject: { O: 'Acme', CN: 'next' },
          constraints: { critical: true, value: Buffer.from('30030101ff', 'hex') },
        }),
      },
    ],
  ]);
  const csr = await csrOf(next.keys, 'O=Acme, CN=next');
  let external: ExternalAuthority | undefined;
  const ctx = {
    env,
    get: (token: Token<unknown>) => given.get(token.id),
    provide: (_token: unknown, value: ExternalAuthority) => {
      external = value;
    },
  } as unknown as Context;
  caExternal.register?.(ctx);
  t.after(() => caExternal.stop?.(ctx));
  assert.ok(external !== undefined);
  return {
    root,
    next,
    env,
    external,
    request: async (nodeId = 'n1') => ({
      csrPem: await csrOf(await newKeys(), 'CN=whatever'),
      nodeId,
      clusterId: 'c1',
      role: 'manager',
      expiryMs: 0,
    }),
  };
}

const ok = (certificate: string) => ({
  status: 200,
  text: JSON.stringify({ success: true, result: { certificate }, errors: [], messages: [] }),
});

async function refused(call: Promise<unknown>, kind: Kind, text: RegExp): Promise<void> {
  await assert.rejects(call, (error: { kind?: string; message: string }) => {
    assert.equal(error.kind, kind);
    assert.match(error.message, text);
    return true;
  });
}

test('a node certificate is asked for in CFSSL’s words, with this manager’s certificate', async (t) => {
  const { external, root, request } = await world(t);
  const server = await serve(t, root);
  const asked = { urls: [`${server.url}/sign`], rootsPem: root.pem };
  const wanted = await request();
  const certificate = new X509Certificate(await external.sign(asked, wanted));
  assert.equal(certificate.subject, 'O=c1\nOU=swarm-manager\nCN=n1');
  assert.ok(certificate.verify(new X509Certificate(root.pem).publicKey));
  assert.deepEqual(server.asked, [
    {
      hosts: ['swarm-manager', 'n1', 'swarm-ca'],
      certificate_request: wanted.csrPem,
      subject: { CN: 'n1', names: [{ O: 'c1', OU: 'swarm-manager' }], SerialNumber: '' },
      profile: '',
      crl_override: '',
      label: '',
      metadata: null,
      NotBefore: '0001-01-01T00:00:00Z',
      NotAfter: '0001-01-01T00:00:00Z',
      ReturnPrecert: false,
    },
  ]);
  assert.deepEqual(server.callers, ['m1']);
  await external.sign(asked, { ...(await request('n2')), role: 'worker' });
  assert.deepEqual(server.asked[1]?.hosts, ['swarm-worker', 'n2']);
});

test('a new root is signed across by its request, and what comes back is looked at', async (t) => {
  const { external, root, next } = await world(t);
  const server = await serve(t, root);
  const asked = { urls: [server.url], rootsPem: root.pem };
  const pem = await external.crossSign(asked, { certificatePem: next.pem, keyPem: '' });
  const crossed = new X509Certificate(pem);
  assert.ok(crossed.ca);
  assert.equal(crossed.subject, 'O=Acme\nCN=next');
  const body = server.asked[0];
  assert.equal(body?.profile, 'CA');
  assert.deepEqual(body?.extensions, [{ id: '2.5.29.19', critical: true, value: '30030101ff' }]);
  const cross = () => external.crossSign(asked, { certificatePem: next.pem, keyPem: '' });
  const other = await newKeys();
  server.replies.set('/', ok(await issue(root, 'CN=next', other.publicKey)));
  await refused(cross(), 'invalid-argument', /another key than the new root/);
  server.replies.set('/', ok(next.pem));
  await refused(cross(), 'invalid-argument', /does not lead to the present root/);
});

test('addresses are asked in their order until one answers; a refusal is an answer', async (t) => {
  const { external, root, request } = await world(t);
  const server = await serve(t, root);
  const { url, replies } = server;
  replies.set('/broken', { status: 500, text: '' });
  replies.set('/moved', { status: 302, text: '' });
  replies.set('/words', { status: 200, text: 'not JSON' });
  replies.set('/long', { status: 200, text: ' '.repeat(256 * 1024 + 1) });
  replies.set('/no', {
    status: 200,
    text: '{"success":false,"errors":[{"code":1,"message":"policy\\nsays no"}]}',
  });
  replies.set('/rubbish', ok('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'));
  replies.set('/other', ok(await issue(root, 'CN=somebody', (await newKeys()).publicKey)));
  const sign = async (...paths: string[]) =>
    external.sign(
      { urls: paths.map((path) => (path.startsWith('/') ? url + path : path)), rootsPem: root.pem },
      await request(),
    );
  const bad = [
    '/broken',
    '/moved',
    '/words',
    '/long',
    'http://127.0.0.1:1',
    'https://127.0.0.1:1',
    'x',
  ];
  await sign(...bad, '/good');
  await refused(sign(...bad), 'unavailable', /500; .*302; .*not JSON; .*longer than 262144 bytes/);
  await refused(sign(), 'unavailable', /none is configured/);
  await refused(sign('/no', '/good'), 'invalid-argument', /did not sign: policy says no$/);
  await refused(sign('/rubbish'), 'invalid-argument', /did not sign/);
  await refused(sign('/other'), 'invalid-argument', /is for another node/);
});

test('one that says nothing is given up after 5 s', async (t) => {
  const { external, root, request, env } = await world(t);
  const server = await serve(t, root);
  server.replies.set('/', 'hang');
  const answer = refused(
    external.sign({ urls: [server.url], rootsPem: root.pem }, await request()),
    'unavailable',
    /it took longer than 5 s/,
  );
  while (server.asked.length === 0) await new Promise((turned) => setImmediate(turned));
  await env.clock.advance(5_000);
  await answer;
});

test('neither end talks to a stranger', async (t) => {
  const { external, root, next, request } = await world(t);
  const server = await serve(t, next);
  const asked = { urls: [server.url], rootsPem: root.pem };
  await refused(
    external.sign(asked, await request()),
    'unavailable',
    /no external CA gave an answer/,
  );
  assert.equal(await external.isReachable(server.url, root.pem), false);
  assert.equal(await external.isReachable(server.url, `${root.pem}${next.pem}`), true);
  // The server is known, and does not know us.
  const both = { urls: [server.url], rootsPem: `${root.pem}${next.pem}` };
  await refused(external.sign(both, await request()), 'unavailable', /no external CA/);
  assert.equal(server.asked.length, 0);
});

test('reachable is what speaks TLS under these roots', async (t) => {
  const { external, root } = await world(t);
  const server = await serve(t, root);
  assert.equal(await external.isReachable(`${server.url}/any/path`, root.pem), true);
  for (const url of [
    '',
    'x',
    'https://',
    server.url.replace('https', 'http'),
    'https://127.0.0.1:1',
  ])
    assert.equal(await external.isReachable(url, root.pem), false, url);
});

test('whatever an answer holds, it is one of three things', () => {
  fc.assert(
    fc.property(fc.integer(), fc.oneof(fc.string(), fc.json()), (status, text) => {
      const answer = readAnswer(status, text);
      if (answer.kind === 'certificate') assert.match(answer.pem, /BEGIN CERTIFICATE/);
      else assert.ok(answer.reason.length > 0 && !answer.reason.includes('\n'));
    }),
  );
});
