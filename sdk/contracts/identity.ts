import type { Observable } from 'rxjs';
import { token } from '../plugin/token.js';

/**
 * Who this node is: its certificate, key and trusted roots.
 *
 * Streams: `identity$` (state; changes on renewal, role change and root rotation).
 * Invariants: node id and cluster id never change while the process lives; the certificate always
 * matches the key and chains to the roots.
 * Errors: CA_STATE (data-loss: unreadable certificate folder), CA_EXPIRED.
 * One provider.
 */
export interface NodeIdentity {
  current(): Identity;
  readonly identity$: Observable<Identity>;
}

export interface Identity {
  readonly nodeId: string;
  /** O of every certificate; id of the single cluster object. */
  readonly clusterId: string;
  readonly role: 'manager' | 'worker';
  /** Leaf first, then intermediates. */
  readonly certificatePem: string;
  /** PKCS#8. Never logged. */
  readonly keyPem: string;
  /** One or more trusted roots. */
  readonly rootsPem: string;
  /** DER Name of the issuer, as reported in TLS info. */
  readonly issuerSubject: Uint8Array;
  /** DER SubjectPublicKeyInfo of the issuer. */
  readonly issuerPublicKey: Uint8Array;
  /** Wall clock, ms. */
  readonly notAfter: number;
}

export const NodeIdentity = token<NodeIdentity>('swarmkit.identity.v1');
