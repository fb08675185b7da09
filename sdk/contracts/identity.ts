import type { Observable } from 'rxjs';
import { token } from '../plugin/token.js';
import type { Node } from '../wire/gen/swarmkit/objects.js';

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

/**
 * What the managers tell this node about itself, passed on by whoever hears it (the agent, from its
 * session). The provider of NodeIdentity acts on it: trusts a new root, renews a certificate that is to
 * be rotated or has another role than wanted, and knows whom to ask.
 * Verbs are level-triggered: the same news twice does nothing. One provider.
 */
export interface IdentityNews {
  /** The root bundle as served now, PEM. Refused (resolves, logged) when our own chain does not validate against it. */
  roots(pem: string): Promise<void>;
  /** Own node object as the managers have it. */
  node(node: Node): void;
  /** Managers that can be asked, as the last session message lists them. Kept over restarts. */
  managers(list: readonly KnownManager[]): void;
  /**
   * The group of managers has removed this node from among them. The manager scope closes; where the
   * certificate still says manager after two times 16 s and a renewal, it opens again, as in SwarmKit.
   */
  dismissed(): void;
}

export const IdentityNews = token<IdentityNews>('swarmkit.identity-news.v1');

export interface KnownManager {
  /** Empty where only an address was given to join by. */
  readonly nodeId: string;
  /** `host:port`. */
  readonly address: string;
}

/**
 * Where other managers are, for whoever must reach one before a session tells: what the last session
 * listed, else the addresses this node joined by. Known as soon as the provider has started.
 * One provider: that of NodeIdentity.
 */
export interface KnownManagers {
  /** Never this node itself. Empty on the first node of a new cluster. */
  others(): readonly KnownManager[];
  /**
   * This node made the cluster's root certificate, so its log may be the group's first. A node that is no
   * founder, or knows others, joins them and founds nothing.
   */
  founder(): boolean;
}

export const KnownManagers = token<KnownManagers>('swarmkit.known-managers.v1');
