// From PEM to a checked identity. Whoever holds one may rely on it: the key is the certificate's, the
// chain ends at a trusted root, and the subject names node, cluster and role.
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Identity } from '@swarmkit/sdk/contracts/identity';
import { messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { roleOf } from '../core/certificate-profile.js';
import { readPem, writePem } from './pem.js';
import { issuerNameOf, spkiOf } from './x509.js';

/** An identity and when its certificate began, for the renewal's schedule. */
export interface Held {
  readonly identity: Identity;
  /** Wall clock, ms. */
  readonly notBefore: number;
}

/** Throws a plain Error whose text completes "<file> ...". Does not look at the clock. */
export function holdIdentity(certificatePem: string, key: KeyObject, rootsPem: string): Held {
  const chain = readCertificates(certificatePem);
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('is not a PEM certificate');
  if (!leaf.checkPrivateKey(key)) throw new Error('does not belong to the key in swarm-node.key');
  const issuer = verifyChain(chain, readCertificates(rootsPem));
  const { O: clusterId, OU: unit, CN: nodeId } = subjectOf(leaf);
  const role = roleOf(unit);
  if (clusterId === undefined || nodeId === undefined || role === undefined)
    throw new Error('does not name a node, its cluster and its role');
  return {
    notBefore: Date.parse(leaf.validFrom),
    identity: {
      nodeId,
      clusterId,
      role,
      certificatePem,
      keyPem: writePem('PRIVATE KEY', key.export({ type: 'pkcs8', format: 'der' })),
      rootsPem,
      issuerSubject: issuerNameOf(leaf),
      issuerPublicKey: spkiOf(issuer.publicKey),
      notAfter: Date.parse(leaf.validTo),
    },
  };
}

/**
 * Who the node of a certificate was, by its chain alone. Throws a plain Error that completes "the
 * certificate …". Does not look at the clock.
 */
export function formerNode(chainPem: string, rootsPem: string) {
  const chain = readCertificates(chainPem);
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('is not a PEM certificate');
  verifyChain(chain, readCertificates(rootsPem));
  const { O: clusterId, OU: unit, CN: nodeId } = subjectOf(leaf);
  if (clusterId === undefined || nodeId === undefined || roleOf(unit) === undefined)
    throw new Error('does not name a node, its cluster and its role');
  return {
    nodeId,
    clusterId,
    notAfter: Date.parse(leaf.validTo),
    publicKey: spkiOf(leaf.publicKey),
  };
}

/** An identity of a certificate that somebody signed for us: CA_CERTIFICATE when it is of no use. */
export function holdGiven(certificatePem: string, key: KeyObject, rootsPem: string): Held {
  try {
    return holdIdentity(certificatePem, key, rootsPem);
  } catch (cause) {
    throw new SwarmError(
      'failed-precondition',
      'CA_CERTIFICATE',
      `the certificate that was given to this node is of no use: it ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** Every certificate of a PEM text; empty when it holds none. Throws on a block that is damaged. */
export const readCertificates = (pem: string): readonly X509Certificate[] =>
  readPem(pem)
    .filter((block) => block.type === 'CERTIFICATE')
    .map((block) => new X509Certificate(block.der));

/**
 * From the leaf up: signed by a root, or by the next of the chain, which then must be. A root may come in
 * early: the cross-signed certificate of a root rotation is of no use any more when the new root itself is
 * trusted. Returns the leaf's issuer.
 */
function verifyChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): X509Certificate {
  let issuer: X509Certificate | undefined;
  for (const [at, certificate] of chain.entries()) {
    const root = roots.find((it) => it.ca && isSignedBy(certificate, it));
    if (root !== undefined) return issuer ?? root;
    const next = chain[at + 1];
    if (next === undefined || !next.ca || !isSignedBy(certificate, next)) break;
    issuer ??= next;
  }
  throw new Error('is not signed by the root in swarm-root-ca.crt');
}

export const isSignedBy = (certificate: X509Certificate, signer: X509Certificate): boolean =>
  certificate.checkIssued(signer) && certificate.verify(signer.publicKey);

/** Parts that occur once; SwarmKit writes no other. */
function subjectOf(certificate: X509Certificate): Partial<Record<string, string>> {
  const { subject } = certificate.toLegacyObject();
  return Object.fromEntries(
    Object.entries(subject).filter((part): part is [string, string] => typeof part[1] === 'string'),
  );
}
