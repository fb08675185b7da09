import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { IssuanceStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Rig, tokens } from './rig.js';

const certificate = (name: string) =>
  Buffer.from(
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(name).toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
const current = certificate('current');
const next = certificate('next');
const cross = Buffer.from(' cross');

const at = (url: string, caCert: Uint8Array = Buffer.alloc(0), protocol = 0) => ({
  protocol,
  url,
  options: {},
  caCert,
});
const rootCa = { caCert: current, caKey: Buffer.from('KEY'), joinTokens: tokens };
const entries = [
  at('https://of-current'),
  at('https://also', Buffer.from(`comment\r\n${current.toString()}\r\n`)),
  at('https://of-next', next),
  at('https://other-protocol', current, 7),
];
const withCas = (externalCas: object[], more: object = {}) => ({
  spec: { caConfig: { externalCas } } as never,
  rootCa: { ...rootCa, ...more } as never,
});

async function join(rig: Rig): Promise<string> {
  const { nodeId } = await rig.newcomer.issue({ csr: Buffer.from('x'), token: tokens.worker });
  const { certificate: issued } = await rig.newcomer.status(nodeId);
  return issued?.certificate.toString().replace(nodeId, 'N') ?? '';
}

test('an authority that is configured for the root signs, and nobody else', async (t) => {
  const rig = new Rig().seed(withCas(entries)).lead(t);
  assert.equal(await join(rig), 'N by https://of-current https://also');
  assert.equal(rig.authority.signed.length, 0);
});

test('entries of another root are nobody: the key of the cluster signs', async (t) => {
  const rig = new Rig().seed(withCas([at('https://of-next', next)])).lead(t);
  assert.match(await join(rig), /^worker N x by -----BEGIN/);
  assert.equal(rig.external.asked.length, 0);
});

test('during a rotation the authorities of the new root sign, under both roots', async (t) => {
  const rootRotation = { caCert: next, caKey: Buffer.alloc(0), crossSignedCaCert: cross };
  const rig = new Rig().seed(withCas(entries, { rootRotation }), aNode()).lead(t);
  assert.equal(await join(rig), 'N by https://of-next cross');
  assert.equal(rig.external.asked[0]?.rootsPem, `${current.toString()}\n${next.toString()}`);
});

test('while none answers, requests wait; when one does, they are signed', async (t) => {
  const rig = new Rig().seed(withCas(entries)).lead(t);
  rig.external.isDown = true;
  const { nodeId } = await rig.newcomer.issue({ csr: Buffer.from('x'), token: tokens.worker });
  await rig.clock.until(() => rig.external.asked.length === 3);
  assert.equal(rig.state(nodeId), 'PENDING');
  rig.external.isDown = false;
  const status = rig.newcomer.status(nodeId, 60_000);
  await rig.clock.until(() => rig.state(nodeId) === 'ISSUED');
  assert.equal((await status).status?.state, IssuanceStatus_State.ISSUED);
});
