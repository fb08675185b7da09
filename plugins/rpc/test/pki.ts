// Certificates for tests, made by a library that the product does not use.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

export interface Root {
  readonly pem: string;
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

type CryptoKeyPair = { publicKey: webcrypto.CryptoKey; privateKey: webcrypto.CryptoKey };

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;

export async function makeRoot(): Promise<Root> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=swarm-ca',
    keys: keys as never,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + 24 * HOUR_MS),
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return { pem: `${certificate.toString('pem')}\n`, certificate, keys };
}

/**
 * The new root's certificate signed by the old one, as Go makes it: both names are the same, and then it
 * leaves out whose key signed.
 */
export async function crossSigned(next: Root, old: Root): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    subject: next.certificate.subject,
    issuer: old.certificate.subject,
    publicKey: next.keys.publicKey as never,
    signingKey: old.keys.privateKey as never,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + 24 * HOUR_MS),
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(next.keys.publicKey as never),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

export interface NodeOptions {
  readonly nodeId?: string;
  readonly clusterId?: string;
  readonly role?: 'manager' | 'worker';
  /** OU of the certificate; by default that of the role. */
  readonly unit?: string;
  readonly expired?: boolean;
}

/** A node's identity under this root, `cluster1` and `node1` unless you say so. */
export async function makeIdentity(root: Root, options: NodeOptions = {}): Promise<Identity> {
  const { nodeId = 'node1', clusterId = 'cluster1', role = 'manager' } = options;
  const unit = options.unit ?? `swarm-${role}`;
  const keys = await newKeys();
  const from = Date.now() - (options.expired ? 4 : 1) * HOUR_MS;
  const notAfter = from + 2 * HOUR_MS;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `O=${clusterId}, OU=${unit}, CN=${nodeId}`,
    issuer: root.certificate.subject,
    publicKey: keys.publicKey as never,
    signingKey: root.keys.privateKey as never,
    notBefore: new Date(from),
    notAfter: new Date(notAfter),
    signingAlgorithm: ECDSA,
    extensions: [
      await x509.AuthorityKeyIdentifierExtension.create(root.keys.publicKey as never),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: unit },
        { type: 'dns', value: nodeId },
      ]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    nodeId,
    clusterId,
    role,
    certificatePem: `${certificate.toString('pem')}\n`,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    rootsPem: root.pem,
    issuerSubject: new Uint8Array(),
    issuerPublicKey: new Uint8Array(),
    notAfter,
  };
}
