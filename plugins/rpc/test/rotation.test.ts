import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import { HealthService } from '@swarmkit/sdk/wire/gen/swarmkit/health';
import { clientOf, startServer } from './harness.js';
import { crossSigned, makeIdentity, makeRoot, type Root } from './pki.js';

// While a Docker manager rotates the root, nodes under the old root and under the new one meet, with an
// intermediate between them that OpenSSL takes for self-signed.

const ask = async (from: Identity, address: string) => {
  const connection = clientOf(from).connect(address);
  try {
    return await connection.unary(HealthService.check, { service: '' }, { timeoutMs: 5_000 });
  } finally {
    connection.close();
  }
};

/** A node of the new root that still trusts the old one. */
async function moved(next: Root, old: Root, signer = old): Promise<Identity> {
  const identity = await makeIdentity(next, { nodeId: 'moved' });
  const chain = `${identity.certificatePem}${await crossSigned(next, signer)}`;
  return { ...identity, certificatePem: chain, rootsPem: old.pem };
}

test('nodes of the old root and of the new one talk during a rotation', async (t) => {
  const running = await startServer(t, { remote: true });
  const node = await moved(await makeRoot(), running.root);
  await ask(node, running.remote);
  running.server.use(node);
  await ask(running.identity, running.remote);
  await ask(node, running.remote);
});

test('an intermediate that the old root did not sign is good for nothing', async (t) => {
  const running = await startServer(t, { remote: true });
  const foreign = await moved(await makeRoot(), running.root, await makeRoot());
  await assert.rejects(ask(foreign, running.remote), { kind: 'unavailable' });
  running.server.use({ ...foreign, rootsPem: running.root.pem });
  await assert.rejects(ask(running.identity, running.remote), {
    kind: 'unavailable',
    message: /does not verify/,
  });
});

test('a server of another role is refused under an intermediate too', async (t) => {
  const running = await startServer(t, { remote: true });
  const next = await makeRoot();
  const worker = await makeIdentity(next, { role: 'worker' });
  const chain = `${worker.certificatePem}${await crossSigned(next, running.root)}`;
  running.server.use({ ...worker, certificatePem: chain, rootsPem: running.root.pem });
  await assert.rejects(ask(running.identity, running.remote), { message: /swarm-manager/ });
});
