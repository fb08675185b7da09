import { token } from '../plugin/token.js';
import type { SigningRoot, SignRequest } from './certificate-authority.js';

/**
 * Certificate authorities outside of the cluster, which hold a root key that no manager has.
 *
 * Verbs: ask them for a certificate; for the cross-signed certificate of a new root; whether one answers.
 * Errors: EXTCA_UNAVAILABLE (unavailable: none of them gave an answer; ask again later), EXTCA_REFUSED
 * (invalid-argument: one of them said no, or something that is no certificate). Optional; one provider.
 */
export interface ExternalAuthority {
  /** PEM chain, leaf first. */
  sign(asked: ExternalAuthorities, request: SignRequest): Promise<string>;
  /** PEM of one certificate: the new root's subject and key. */
  crossSign(asked: ExternalAuthorities, root: SigningRoot): Promise<string>;
  /** Whether something at this address speaks TLS with a certificate under these roots. Takes up to 5 s. */
  isReachable(url: string, rootsPem: string): Promise<boolean>;
}

/** They are asked in this order until one answers. */
export interface ExternalAuthorities {
  readonly urls: readonly string[];
  /** Roots that their own certificates must chain to, PEM. */
  readonly rootsPem: string;
}

export const ExternalAuthority = token<ExternalAuthority>('swarmkit.external-ca.v1');
