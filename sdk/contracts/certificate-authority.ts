import { token } from '../plugin/token.js';

/**
 * Signs node certificates for the cluster. `bootstrap` and `sign` use the root key that this node holds;
 * everything else works on what it is given, since the cluster object is the truth about roots.
 * Errors: CA_CSR (invalid-argument: unreadable, bad self-signature or key), CA_NO_KEY
 * (failed-precondition: the root key is not here), CA_ROOT (invalid-argument: a root certificate or its
 * key that cannot sign for a cluster), CA_PROOF (permission-denied). One provider.
 */
export interface CertificateAuthority {
  /** What a new cluster's object holds: root certificate and key (PEM), digest, join tokens. */
  bootstrap(): RootMaterial;
  /** PEM chain, leaf first. Only the public key is taken from the CSR. */
  sign(request: SignRequest): Promise<string>;
  /** The same with this root, followed by its intermediates. Takes less than a millisecond or two. */
  signWith(root: SigningRoot, request: SignRequest): string;
  /** A fresh root that nobody uses yet: ECDSA P-256, 20 years. */
  createRoot(): SigningRoot;
  /** CA_ROOT unless every certificate may sign for a cluster now, and the key, where given, is the first one's. */
  inspectRoot(certificatesPem: string, keyPem?: string): RootFacts;
  /** `certificatePem` with its subject, key and validity, signed by `by`: PEM of one certificate. */
  crossSign(by: SigningRoot, certificatePem: string): string;
  /** The same asked of somebody else: what to send them. */
  crossSigningRequest(root: SigningRoot): CrossSigningRequest;
  /**
   * Whose certificate this was, whatever its dates: it must have been signed under these roots, and the
   * request be signed with its key. Anything else is CA_PROOF.
   */
  formerNode(proof: FormerCertificate): FormerNode;
  /** DER SubjectPublicKeyInfo of a certificate or a signing request, PEM; undefined of anything else. */
  publicKeyOf(pem: string): Uint8Array | undefined;
  /** What follows from a root bundle: its digest, and two new tokens that name it. */
  tokensFor(certificatesPem: string, fips: boolean): RootTokens;
}

export interface FormerCertificate {
  /** Leaf first. */
  readonly chainPem: string;
  readonly csrPem: string;
  readonly rootsPem: string;
}

export interface FormerNode {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Wall clock, ms. */
  readonly notAfter: number;
  readonly publicKey: Uint8Array;
}

/** What is to be known of a root bundle. Of several certificates, the first one is described. */
export interface RootFacts {
  /** The blocks alone, in one form: equal bundles have equal texts. */
  readonly pem: string;
  readonly certificates: number;
  /** Earliest end of validity, wall clock ms. */
  readonly notAfter: number;
  /** DER Name, as nodes report their issuer. */
  readonly subject: Uint8Array;
  /** DER SubjectPublicKeyInfo, as nodes report their issuer's. */
  readonly publicKey: Uint8Array;
}

export interface CrossSigningRequest {
  /** With the new root's subject, signed by its key. */
  readonly csrPem: string;
  /** Parts of the new root's subject by their short names: CN, O, OU, C, ST, L. */
  readonly subject: Readonly<Record<string, string>>;
  /** The new root's basicConstraints, DER. */
  readonly constraints: { readonly critical: boolean; readonly value: Uint8Array };
}

export interface RootTokens {
  /** `sha256:<64 hex>` over the PEM bytes. */
  readonly digest: string;
  readonly workerToken: string;
  readonly managerToken: string;
}

/** A root that can sign. */
export interface SigningRoot {
  /** One certificate, PEM. */
  readonly certificatePem: string;
  /** PEM. Never logged. */
  readonly keyPem: string;
  /** What stands between this root and the one that nodes trust, while a rotation is under way. PEM. */
  readonly intermediatesPem?: string;
}

export interface RootMaterial extends RootTokens {
  readonly certificatePem: string;
  /** SEC1 `EC PRIVATE KEY`. Never logged. */
  readonly keyPem: string;
}

export interface SignRequest {
  readonly csrPem: string;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly role: 'manager' | 'worker';
  /** Span of validity, ms. Below one hour means the default of 90 days. */
  readonly expiryMs: number;
}

export const CertificateAuthority = token<CertificateAuthority>('swarmkit.ca.v1');
