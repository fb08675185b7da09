import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Rig, refused, tokens } from './rig.js';

const hour = 3_600_000;

const node = (id: string, csr = 'key k1', issued = `cert of key k1`) =>
  aNode({
    id,
    role: NodeRole.WORKER,
    certificate: {
      cn: id,
      csr: Buffer.from(csr),
      certificate: Buffer.from(issued),
      status: { state: IssuanceStatus_State.ISSUED },
    },
  });

const show = (rig: Rig, certificate: string, key = 'k1', token = '') =>
  rig.newcomer.issue({
    csr: Buffer.from(`key ${key}`),
    token,
    expiredCertificate: Buffer.from(certificate),
  });

test('a node that was off for too long is the same node, for the same key', async (t) => {
  const rig = new Rig().seed({}, node('n1')).lead(t);
  const end = rig.clock.now() - 23 * hour;
  const { nodeId } = await show(rig, `n1 cluster ${end} k1`);
  assert.equal(nodeId, 'n1');
  const { certificate } = await rig.newcomer.status('n1');
  assert.equal(certificate?.certificate.toString(), 'worker n1 key k1 by ROOT');
  // Again, as after an answer that was lost.
  assert.equal((await show(rig, `n1 cluster ${end} k1`)).nodeId, 'n1');
  assert.equal(rig.store.view().count('node'), 1);
});

test('who may not, and why', async (t) => {
  const removed = { blacklistedCertificates: { gone: {} } as never };
  const rig = new Rig()
    .seed(removed, node('n1'), node('gone'), node('n2', 'key k2', 'cert of key k2'))
    .lead(t);
  const end = rig.clock.now() - hour;
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [`n1 other ${end} k1`, 'k1', /of another cluster/],
    [`n1 cluster ${end + 2 * hour} k1`, 'k1', /has not run out/],
    [`n1 cluster ${end - 24 * hour} k1`, 'k1', /too long ago/],
    [`gone cluster ${end} k1`, 'k1', /was removed/],
    [`n9 cluster ${end} k1`, 'k1', /was removed/],
    [`n2 cluster ${end} k1`, 'k1', /has a newer one/],
    [`n1 cluster ${end} k1`, 'k2', /has another key/],
  ];
  for (const [certificate, key, text] of cases)
    await refused(show(rig, certificate, key), 'permission-denied', text);
  await refused(show(rig, 'x'.repeat(16_385)), 'invalid-argument', 'InvalidArgument');
  assert.equal(rig.store.commits.length, 0);
});

test('a request that is under way with a newer key is not disturbed by a replay', async (t) => {
  const rig = new Rig().seed({}, node('n1')).lead(t);
  const n1 = rig.as({ nodeId: 'n1', role: 'worker' });
  await n1.issue({ csr: Buffer.from('key k2') });
  await refused(
    show(rig, `n1 cluster ${rig.clock.now() - hour} k1`),
    'permission-denied',
    /has a newer one/,
  );
  await n1.status('n1');
  assert.equal(rig.node('n1').certificate?.csr.toString(), 'key k2');
});

test('a token makes it a new node, and a certificate of now comes first', async (t) => {
  const rig = new Rig().seed({}, node('n1'), node('n2')).lead(t);
  const old = `n1 cluster ${rig.clock.now() - hour} k1`;
  assert.notEqual((await show(rig, old, 'k1', tokens.worker)).nodeId, 'n1');
  const n2 = rig.as({ nodeId: 'n2', role: 'worker' });
  const request = { csr: Buffer.from('key k1'), expiredCertificate: Buffer.from(old) };
  assert.equal((await n2.issue(request)).nodeId, 'n2');
});
