// Roots of our own and of other making: signing with them, signing across, and what is refused. OpenSSL
// and another library are the judges.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SigningRoot } from '@swarmkit/sdk/contracts/certificate-authority';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import * as x509 from '@peculiar/x509';
import { Authority } from '../shell/authority.js';
import { createCsr, generateKey } from '../shell/x509.js';

const authority = (at = Date.now()) => new Authority(new VirtualEnv('roots', at));

const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'swarmkit-roots-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** As people make them by hand. */
function rootOf(dir: string, name: string, key: readonly string[], ...more: string[]): SigningRoot {
  const [keyFile, crtFile] = [join(dir, `${name}.key`), join(dir, `${name}.crt`)];
  openssl('genpkey', ...key, '-out', keyFile);
  openssl(
    ...['req', '-x509', '-new', '-key', keyFile, '-out', crtFile, '-days', '3650'],
    ...['-subj', `/C=CH/O=Acme AG/OU=Plattform/CN=${name}`],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ...more,
  );
  return {
    certificatePem: readFileSync(crtFile, 'utf8'),
    keyPem: readFileSync(keyFile, 'utf8'),
  };
}

const keys = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  p521: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  rsa2048: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  rsa3072: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
} as const;

const request = (role: 'manager' | 'worker' = 'worker') => ({
  csrPem: createCsr(generateKey()),
  nodeId: 'n1',
  clusterId: 'c1',
  role,
  expiryMs: 3_600_000,
});

const signatureOf = (pem: string): unknown => {
  const { signatureAlgorithm } = new x509.X509Certificate(pem);
  const { name, hash } = signatureAlgorithm as { name: string; hash?: { name: string } };
  return `${name} ${hash?.name}`;
};

function verifies(dir: string, roots: string, untrusted: string, leaf: string): void {
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const chain = untrusted === '' ? [] : ['-untrusted', file('untrusted', untrusted)];
  const said = openssl(
    ...['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', file('roots', roots)],
    ...chain,
    file('leaf', leaf),
  );
  assert.match(said, /: OK/);
}

test('every kind of root signs, with the hash that its key calls for', (t) => {
  const dir = folder(t);
  const hashes: { readonly [kind: string]: string } = {
    p256: 'ECDSA SHA-256',
    p384: 'ECDSA SHA-384',
    p521: 'ECDSA SHA-512',
    rsa2048: 'RSASSA-PKCS1-v1_5 SHA-256',
    rsa3072: 'RSASSA-PKCS1-v1_5 SHA-384',
  };
  for (const [kind, key] of Object.entries(keys)) {
    const root = rootOf(dir, kind, key, '-sha256');
    const leaf = authority().signWith(root, request());
    assert.equal(signatureOf(leaf), hashes[kind]);
    verifies(dir, root.certificatePem, '', leaf);
    const facts = authority().inspectRoot(root.certificatePem, root.keyPem);
    assert.equal(facts.certificates, 1);
    const issued = new X509Certificate(leaf);
    assert.ok(issued.checkIssued(new X509Certificate(root.certificatePem)));
  }
});

test('a cross-signed root leads from the old root to leaves of the new one', (t) => {
  const dir = folder(t);
  const own = authority().createRoot();
  const foreign = rootOf(dir, 'foreign', keys.rsa3072);
  const constraints = 'nameConstraints=critical,permitted;DNS:n1,permitted;DNS:swarm-worker';
  const other = rootOf(dir, 'other', keys.p384, '-addext', constraints);
  for (const [from, to] of [
    [own, authority().createRoot()],
    [own, foreign],
    [foreign, own],
    [foreign, other],
    [other, foreign],
  ] as const) {
    const cross = authority().crossSign(from, to.certificatePem);
    const chain = authority().signWith({ ...to, intermediatesPem: cross }, request());
    assert.equal(chain.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.ok(chain.endsWith(cross));
    const leaf = chain.slice(0, -cross.length);
    verifies(dir, from.certificatePem, cross, leaf);
    // Once the new root is trusted itself, the intermediate does no harm.
    verifies(dir, to.certificatePem, cross, leaf);

    const [crossed, root, old] = [cross, to.certificatePem, from.certificatePem].map(
      (pem) => new x509.X509Certificate(pem),
    ) as [x509.X509Certificate, x509.X509Certificate, x509.X509Certificate];
    assert.deepEqual(crossed.subjectName.toArrayBuffer(), root.subjectName.toArrayBuffer());
    assert.deepEqual(crossed.issuerName.toArrayBuffer(), old.subjectName.toArrayBuffer());
    assert.deepEqual(crossed.publicKey.rawData, root.publicKey.rawData);
    assert.deepEqual([crossed.notBefore, crossed.notAfter], [root.notBefore, root.notAfter]);
    const ski = (it: x509.X509Certificate) =>
      it.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
    assert.equal(ski(crossed), ski(root));
    assert.equal(crossed.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, ski(old));
    const others = (it: x509.X509Certificate) =>
      it.extensions
        .filter(({ type }) => type !== '2.5.29.35')
        .map(({ rawData }) => Buffer.from(rawData).toString('hex'));
    assert.deepEqual(others(crossed), others(root));
  }
});

test('the request to sign a root across proves its key and says its name', (t) => {
  const dir = folder(t);
  const root = rootOf(dir, 'asked', keys.p384);
  const { csrPem, subject, constraints } = authority().crossSigningRequest(root);
  const csr = new x509.Pkcs10CertificateRequest(csrPem);
  const certificate = new x509.X509Certificate(root.certificatePem);
  assert.deepEqual(csr.subjectName.toArrayBuffer(), certificate.subjectName.toArrayBuffer());
  assert.deepEqual(csr.publicKey.rawData, certificate.publicKey.rawData);
  assert.deepEqual(subject, { C: 'CH', O: 'Acme AG', OU: 'Plattform', CN: 'asked' });
  assert.deepEqual(
    [constraints.critical, Buffer.from(constraints.value).toString('hex')],
    [true, '30030101ff'],
  );
  writeFileSync(join(dir, 'csr'), csrPem);
  openssl('req', '-in', join(dir, 'csr'), '-verify', '-noout');
});

test('one form for the same bundle, whatever stands around the blocks', (t) => {
  const dir = folder(t);
  const { certificatePem, keyPem } = rootOf(dir, 'plain', keys.p256);
  const odd = `Subject: somebody\n\n${certificatePem.replaceAll('\n', '\r\n')}\r\n\r\n`;
  const facts = authority().inspectRoot(certificatePem, keyPem);
  assert.equal(authority().inspectRoot(odd).pem, facts.pem);
  const two = authority().inspectRoot(certificatePem + authority().createRoot().certificatePem);
  assert.equal(two.certificates, 2);
  assert.deepEqual(Buffer.from(two.publicKey), Buffer.from(facts.publicKey));
  const spki = new X509Certificate(certificatePem).publicKey.export({
    type: 'spki',
    format: 'der',
  });
  assert.deepEqual(Buffer.from(facts.publicKey), spki);
});

test('a certificate that ran out proves who its node was, by its key', () => {
  const root = authority().createRoot();
  const key = generateKey();
  const csrPem = createCsr(key);
  const chainPem = authority().signWith(root, { ...request(), csrPem });
  const rootsPem = `${authority().createRoot().certificatePem}\n${root.certificatePem}`;
  const late = authority(Date.now() + 1_000 * 86_400_000);
  const proof = { chainPem, csrPem: createCsr(key), rootsPem };
  const former = late.formerNode(proof);
  assert.deepEqual([former.nodeId, former.clusterId], ['n1', 'c1']);
  assert.equal(former.notAfter, Date.parse(new X509Certificate(chainPem).validTo));
  assert.deepEqual(late.publicKeyOf(chainPem), late.publicKeyOf(csrPem));
  assert.deepEqual(late.publicKeyOf(chainPem), former.publicKey);
  assert.equal(late.publicKeyOf('rubbish'), undefined);
  // Through a cross-signed root too.
  const next = authority().createRoot();
  const crossed = authority().crossSign(root, next.certificatePem);
  const moved = authority().signWith(
    { ...next, intermediatesPem: crossed },
    { ...request(), csrPem },
  );
  assert.equal(late.formerNode({ ...proof, chainPem: moved }).nodeId, 'n1');
  for (const wrong of [
    { csrPem: createCsr(generateKey()) },
    { csrPem: 'x' },
    { chainPem: 'x' },
    { chainPem: root.certificatePem },
    { rootsPem: authority().createRoot().certificatePem },
    { rootsPem: '' },
  ])
    assert.throws(() => late.formerNode({ ...proof, ...wrong }), {
      kind: 'permission-denied',
      code: 'CA_PROOF',
    });
});

test('tokens name the digest of the bundle', () => {
  const { digest, workerToken, managerToken } = authority().tokensFor('', false);
  assert.equal(digest, `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`);
  assert.match(workerToken, /^SWMTKN-1-5oaq0bjhj6un82wg98mgigso5q7qlhc63je4gw7ivixqqhkd3p-/);
  assert.notEqual(workerToken, managerToken);
  assert.match(authority().tokensFor('', true).workerToken, /^SWMTKN-2-1-5oaq/);
});

test('what must not sign for a cluster', (t) => {
  const dir = folder(t);
  const good = rootOf(dir, 'good', keys.p256);
  const refusal = (pem: string, keyPem?: string): string => {
    try {
      authority().inspectRoot(pem, keyPem);
      return 'accepted';
    } catch (error) {
      const { kind, code, message } = error as { kind: string; code: string; message: string };
      assert.deepEqual([kind, code], ['invalid-argument', 'CA_ROOT']);
      return message;
    }
  };
  const the = 'the root certificate';
  assert.equal(refusal(''), `${the} is not a PEM certificate`);
  assert.equal(refusal('rubbish'), `${the} is not a PEM certificate`);
  assert.equal(
    refusal('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    `${the} cannot be read`,
  );
  assert.equal(refusal(good.certificatePem, 'no key'), `${the} cannot be read`);
  assert.equal(
    refusal(good.certificatePem, authority().createRoot().keyPem),
    `${the} does not belong to the key`,
  );
  const leaf = authority().signWith(good, request());
  assert.equal(refusal(leaf), `${the} is not that of a certificate authority`);
  const cross = authority().crossSign(good, authority().createRoot().certificatePem);
  assert.equal(refusal(cross), `${the} does not sign itself`);
  assert.equal(refusal(good.certificatePem + cross), `${the} does not sign itself`);
  const weak = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'];
  assert.match(refusal(rootOf(dir, 'weak', weak).certificatePem), /key that is neither/);
  const old = rootOf(dir, 'old', keys.rsa2048, '-sha1');
  assert.match(refusal(old.certificatePem), /another algorithm than SHA-256/);
  const ed = rootOf(dir, 'ed', ['-algorithm', 'ED25519']);
  assert.match(refusal(ed.certificatePem), /another algorithm/);
  const late = authority(Date.now() + 4_000 * 86_400_000);
  assert.throws(() => late.inspectRoot(good.certificatePem), { message: /is valid from .* to / });
  assert.throws(() => authority().signWith({ ...good, keyPem: 'x' }, request()), {
    code: 'CA_ROOT',
  });
  assert.throws(() => authority().crossSign(good, 'x'), { code: 'CA_ROOT' });
});

test('an expiry beyond all years is still a date', () => {
  const root = authority().createRoot();
  for (const expiryMs of [Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, 3_600_000.5]) {
    const leaf = authority().signWith(root, { ...request(), expiryMs });
    assert.ok(Date.parse(new X509Certificate(leaf).validTo) < Date.UTC(2200, 0));
  }
});
