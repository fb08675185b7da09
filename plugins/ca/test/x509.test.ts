// Certificates and requests, judged by OpenSSL, by another library and by Node.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { Authority } from '../shell/authority.js';
import { readPem, writePem } from '../shell/pem.js';
import { createCsr, generateKey, issuerNameOf, publicKeyOfCsr, spkiOf } from '../shell/x509.js';

const CLUSTER = 'c1000000000000000000000000'.slice(0, 25);
const NODE = 'n1000000000000000000000000'.slice(0, 25);

function authorityWithRoot(now = Date.now()) {
  const authority = new Authority(new VirtualEnv('x509', now));
  const root = authority.createRoot();
  authority.use(root);
  return { authority, root };
}

const sign = (authority: Authority, csrPem: string, role: 'manager' | 'worker' = 'manager') =>
  authority.sign({ csrPem, nodeId: NODE, clusterId: CLUSTER, role, expiryMs: 0 });

function folder(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), 'swarmkit-x509-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return {
    dir,
    write: (name: string, text: string) => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    },
  };
}

const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('OpenSSL finds nothing to object to, for both ends of a connection', async (t) => {
  const { authority, root } = authorityWithRoot();
  const leaf = await sign(authority, createCsr(generateKey()));
  const { write } = folder(t);
  const ca = write('ca.crt', root.certificatePem);
  const crt = write('node.crt', leaf);
  for (const purpose of ['sslserver', 'sslclient'])
    assert.match(
      openssl('verify', '-x509_strict', '-purpose', purpose, '-CAfile', ca, crt),
      /: OK/,
    );
  for (const name of ['swarm-manager', 'swarm-ca', NODE])
    assert.match(
      openssl('verify', '-x509_strict', '-verify_hostname', name, '-CAfile', ca, crt),
      /: OK/,
    );
  assert.match(openssl('verify', '-x509_strict', '-CAfile', ca, ca), /: OK/);
  assert.throws(() => openssl('verify', '-verify_hostname', 'swarm-worker', '-CAfile', ca, crt));
  const stranger = write('other.crt', authorityWithRoot().root.certificatePem);
  assert.throws(() => openssl('verify', '-CAfile', stranger, crt));
});

test('another library reads what was meant, in a root', () => {
  const now = Date.UTC(2026, 5, 1, 10, 20, 40);
  const { root } = authorityWithRoot(now);
  const certificate = new x509.X509Certificate(root.certificatePem);
  assert.equal(certificate.subject, 'CN=swarm-ca');
  assert.equal(certificate.issuer, 'CN=swarm-ca');
  assert.equal(certificate.notBefore.getTime(), Date.UTC(2026, 5, 1, 10, 16));
  assert.equal(certificate.notAfter.getTime(), Date.UTC(2026, 5, 1, 10, 16) + 630_720_000_000);
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  assert.deepEqual(
    [constraints?.critical, constraints?.ca, constraints?.pathLength],
    [true, true, undefined],
  );
  const usage = certificate.getExtension(x509.KeyUsagesExtension);
  assert.equal(usage?.usages, x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign);
  assert.equal(certificate.getExtension(x509.SubjectAlternativeNameExtension), null);
  assert.equal(certificate.getExtension(x509.AuthorityKeyIdentifierExtension), null);
  assert.equal(readPem(root.keyPem)[0]?.type, 'EC PRIVATE KEY');
});

test('a root that lives beyond 2049 says so in the other form of time', () => {
  const { root } = authorityWithRoot(Date.UTC(2045, 0, 1));
  const certificate = new x509.X509Certificate(root.certificatePem);
  assert.equal(certificate.notBefore.getUTCFullYear(), 2044);
  assert.equal(certificate.notAfter.getUTCFullYear(), 2064);
  assert.equal(
    Date.parse(new X509Certificate(root.certificatePem).validTo),
    certificate.notAfter.getTime(),
  );
});

test('another library reads what was meant, in a node certificate', async () => {
  const now = Date.UTC(2026, 5, 1, 10, 20, 40);
  const { authority, root } = authorityWithRoot(now);
  const key = generateKey();
  const certificate = new x509.X509Certificate(await sign(authority, createCsr(key)));
  assert.equal(certificate.subject, `O=${CLUSTER}, OU=swarm-manager, CN=${NODE}`);
  assert.equal(certificate.notBefore.getTime(), Date.UTC(2026, 5, 1, 9, 21));
  assert.equal(certificate.notAfter.getTime(), Date.UTC(2026, 5, 1, 10, 21) + 90 * 24 * 3_600_000);
  assert.equal(certificate.serialNumber.length, 40);
  const usage = certificate.getExtension(x509.KeyUsagesExtension);
  assert.equal(usage?.critical, true);
  assert.equal(
    usage?.usages,
    x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
  );
  assert.deepEqual(
    [...(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])],
    [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
  );
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  assert.deepEqual([constraints?.critical, constraints?.ca], [true, false]);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON();
  assert.deepEqual(names, [
    { type: 'dns', value: 'swarm-manager' },
    { type: 'dns', value: NODE },
    { type: 'dns', value: 'swarm-ca' },
    { type: 'url', value: `spiffe://${CLUSTER}/manager/${NODE}` },
  ]);
  const parent = new x509.X509Certificate(root.certificatePem);
  assert.equal(
    certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
    parent.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
  );
  assert.equal(
    await certificate.verify({ publicKey: parent.publicKey, date: new Date(now) }),
    true,
  );
  assert.equal(certificate.publicKey.rawData.byteLength, spkiOf(key.publicKey).length);

  const native = new X509Certificate(certificate.toString('pem'));
  assert.ok(native.checkPrivateKey(key.privateKey));
  assert.ok(native.verify(new X509Certificate(root.certificatePem).publicKey));
  assert.deepEqual(
    issuerNameOf(native),
    Buffer.from(parent.subjectName.toArrayBuffer()),
    'DER of the issuer name',
  );
});

test('no two certificates share a serial number, and only a root key signs', async () => {
  const { authority } = authorityWithRoot();
  const csr = createCsr(generateKey());
  const serials = new Set<string>();
  for (let i = 0; i < 20; i++)
    serials.add(new X509Certificate(await sign(authority, csr)).serialNumber);
  assert.equal(serials.size, 20);

  const without = new Authority(new VirtualEnv('no root'));
  await assert.rejects(sign(without, csr), { kind: 'failed-precondition', code: 'CA_NO_KEY' });
  assert.throws(() => without.bootstrap(), { code: 'CA_NO_KEY' });
});

test('bootstrap hands out the root with two tokens that name its digest', () => {
  const { authority, root } = authorityWithRoot();
  const first = authority.bootstrap();
  assert.equal(first.certificatePem, root.certificatePem);
  assert.equal(first.keyPem, root.keyPem);
  assert.match(first.digest, /^sha256:[0-9a-f]{64}$/);
  const second = authority.bootstrap();
  const tokens = [first, second].flatMap(({ workerToken, managerToken }) => [
    workerToken,
    managerToken,
  ]);
  assert.equal(new Set(tokens).size, 4);
});

test('requests of other tools and other keys are signed; only the key is taken', async (t) => {
  const { authority } = authorityWithRoot();
  const { dir } = folder(t);
  const algorithms = [
    ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
    ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521', '-sha512'],
    ['rsa:2048'],
  ];
  for (const [kind = '', ...options] of algorithms) {
    const csr = openssl(
      ...['req', '-new', '-newkey', kind, ...options, '-nodes', '-keyout', join(dir, 'k')],
      ...['-subj', '/O=elsewhere/OU=swarm-manager/CN=root', '-addext', 'subjectAltName=DNS:evil'],
    );
    const certificate = new X509Certificate(await sign(authority, csr, 'worker'));
    assert.ok(certificate.publicKey.equals(createPublicKey(readFileSync(join(dir, 'k'), 'utf8'))));
    assert.equal(certificate.subject, `O=${CLUSTER}\nOU=swarm-worker\nCN=${NODE}`);
    assert.doesNotMatch(certificate.subjectAltName ?? '', /evil/);
  }
  const ours = createCsr(generateKey());
  const renamed = ours.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
  await sign(authority, renamed);
  writeFileSync(join(dir, 'ours.csr'), ours);
  assert.match(openssl('req', '-in', join(dir, 'ours.csr'), '-noout', '-subject'), /subject=\s*$/);
});

test('requests that prove nothing are refused', (t) => {
  const { dir } = folder(t);
  const weak = openssl(
    ...['req', '-new', '-newkey', 'rsa:1024', '-nodes', '-keyout', join(dir, 'k')],
    ...['-subj', '/CN=x'],
  );
  const ed = openssl(
    ...['req', '-new', '-newkey', 'ed25519', '-nodes', '-keyout', join(dir, 'k')],
    ...['-subj', '/CN=x'],
  );
  const [mine, theirs] = [generateKey(), generateKey()];
  const forged = createCsr({ publicKey: theirs.publicKey, privateKey: mine.privateKey });
  const certificate = authorityWithRoot().root.certificatePem;
  const long = `${createCsr(mine)}${'x'.repeat(70_000)}`;
  for (const bad of ['', 'x', weak, ed, forged, certificate, long])
    assert.throws(() => publicKeyOfCsr(bad), { kind: 'invalid-argument', code: 'CA_CSR' });
});

test('no flipped or missing byte of a request gets through', () => {
  const key = generateKey();
  const der = readPem(createCsr(key))[0]?.der ?? Buffer.alloc(0);
  const refused = (bytes: Uint8Array) =>
    assert.throws(() => publicKeyOfCsr(writePem('CERTIFICATE REQUEST', bytes)), {
      code: 'CA_CSR',
    });
  for (let at = 0; at < der.length; at++) {
    for (const bit of [1, 0x20, 0x80]) {
      const flipped = Buffer.from(der);
      flipped[at] = (flipped[at] ?? 0) ^ bit;
      refused(flipped);
    }
    refused(der.subarray(0, at));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => refused(noise)));
  // Deep nesting must not exhaust the stack.
  refused(Buffer.alloc(40_000, Buffer.from([0x30, 0x80])));
});

test('PEM keeps its headers and passes over what stands between blocks', () => {
  const headers = new Map([
    ['kek-version', '0'],
    ['raft-dek', 'AAECAw=='],
  ]);
  const der = Buffer.from(Array.from({ length: 100 }, (_, i) => i));
  const pem = writePem('PRIVATE KEY', der, headers);
  assert.match(pem, /^-----BEGIN PRIVATE KEY-----\nkek-version: 0\nraft-dek: AAECAw==\n\n/);
  const [first, second] = readPem(`notes\n${pem}more notes\r\n${pem.replaceAll('\n', '\r\n')}`);
  for (const block of [first, second]) {
    assert.equal(block?.type, 'PRIVATE KEY');
    assert.deepEqual(block?.headers, headers);
    assert.deepEqual(block?.der, der);
  }
});
