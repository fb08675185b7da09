import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type CertificateProfile, nodeProfile, rootProfile } from '../core/certificate-profile.js';
import { holdIdentity } from '../shell/held-identity.js';
import { readPem, writePem } from '../shell/pem.js';
import { generateKey, type Issuer, issueCertificate, issuerNameOf, spkiOf } from '../shell/x509.js';

const NAMES = { clusterId: 'c1', nodeId: 'n1', role: 'worker' } as const;
const NOW = Date.now();

const serial = (seed: string): Uint8Array =>
  createHash('sha1').update(seed).digest().fill(0x41, 0, 1);

function certify(profile: CertificateProfile, issuer?: Issuer) {
  const key = generateKey();
  const der = issueCertificate(
    profile,
    key.publicKey,
    serial(`${profile.subject.commonName}`),
    issuer ?? { key: key.privateKey, certificate: undefined },
  );
  const certificate = new X509Certificate(der);
  return { key: key.privateKey, pem: writePem('CERTIFICATE', der), certificate };
}

const root = certify(rootProfile(NOW));
const leaf = certify(nodeProfile(NAMES, 0, NOW), root);

test('a certificate under its root is an identity, with what TLS info reports', () => {
  const { identity, notBefore } = holdIdentity(leaf.pem, leaf.key, root.pem);
  assert.deepEqual([identity.nodeId, identity.clusterId, identity.role], ['n1', 'c1', 'worker']);
  assert.deepEqual(Buffer.from(identity.issuerSubject), issuerNameOf(leaf.certificate));
  assert.deepEqual(Buffer.from(identity.issuerPublicKey), spkiOf(root.certificate.publicKey));
  assert.ok(notBefore < NOW && NOW < identity.notAfter);
});

test('an intermediate is followed, and is the issuer that is reported', () => {
  const middle = certify({ ...rootProfile(NOW), subject: { commonName: 'swarm-ca-2' } }, root);
  const below = certify(nodeProfile(NAMES, 0, NOW), middle);
  const { identity } = holdIdentity(below.pem + middle.pem, below.key, root.pem);
  assert.deepEqual(Buffer.from(identity.issuerPublicKey), spkiOf(middle.certificate.publicKey));
  assert.throws(() => holdIdentity(below.pem, below.key, root.pem), /is not signed by the root/);
});

test('one root of several is enough', () => {
  const other = certify(rootProfile(NOW));
  holdIdentity(leaf.pem, leaf.key, other.pem + root.pem);
  assert.throws(() => holdIdentity(leaf.pem, leaf.key, other.pem), /is not signed by the root/);
});

test('a broken signature is noticed', () => {
  const der = Buffer.from(readPem(leaf.pem)[0]?.der ?? '');
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  assert.throws(
    () => holdIdentity(writePem('CERTIFICATE', der), leaf.key, root.pem),
    /is not signed by the root/,
  );
});

test('a node cannot sign for others', () => {
  const forged = certify(nodeProfile({ ...NAMES, role: 'manager' }, 0, NOW), leaf);
  assert.throws(
    () => holdIdentity(forged.pem + leaf.pem, forged.key, root.pem),
    /is not signed by the root/,
  );
});

test('a signature of the right key under another name does not count', () => {
  const alias = certify({ ...rootProfile(NOW), subject: { commonName: 'alias' } });
  const misnamed = certify(nodeProfile(NAMES, 0, NOW), {
    key: root.key,
    certificate: alias.certificate,
  });
  assert.throws(
    () => holdIdentity(misnamed.pem, misnamed.key, root.pem),
    /is not signed by the root/,
  );
});

test('the key must be the certificate’s, and the subject complete', () => {
  assert.throws(() => holdIdentity(leaf.pem, root.key, root.pem), /does not belong to the key/);
  const profile = nodeProfile(NAMES, 0, NOW);
  for (const subject of [
    { commonName: 'n1' },
    { organization: 'c1', commonName: 'n1' },
    { organization: 'c1', organizationalUnit: 'swarm-boss', commonName: 'n1' },
  ]) {
    const odd = certify({ ...profile, subject }, root);
    assert.throws(() => holdIdentity(odd.pem, odd.key, root.pem), /does not name a node/);
  }
});
