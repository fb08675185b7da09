import { token } from '../plugin/token.js';

/**
 * Signs node certificates for the cluster. `bootstrap` and `sign` use the root key that this node holds;
 * everything else works on what it is given, since the cluster object is the truth about roots.
 * Errors: CA_CSR (invalid-argument: unreadable, bad self-signature or key), CA_NO_KEY
 * (failed-precondition: the root key is not here), CA_ROOT (invalid-argument: a root certificate or its
 * key that cannot sign for a cluster). One provider.
 */
export interface CertificateAuthority {
  /** What a new cluster's object holds: root certificate and key (PEM), digest, join tokens. */
  bootstrap(): RootMaterial;
  /** PEM chain, leaf first. Only the public key is taken from the CSR. */
  sign(request: SignRequest): Promise<string>;
  /** The same with this root, followed by its intermediates. Takes less than a millisecond or two. */
  signWith(root: SigningRoot, request: SignRequest): string;
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

export interface RootMaterial {
  readonly certificatePem: string;
  /** SEC1 `EC PRIVATE KEY`. Never logged. */
  readonly keyPem: string;
  /** `sha256:<64 hex>` over the PEM bytes. */
  readonly digest: string;
  readonly workerToken: string;
  readonly managerToken: string;
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
