import { token } from '../plugin/token.js';

/**
 * The lock on this node's key file: the key-encryption key (KEK) under which the node's private key and
 * the data keys of its log are kept. The cluster object holds it; whoever watches that passes it on.
 *
 * Invariants: a lower or equal version changes nothing; the key file is replaced whole, so that a crash
 * leaves it under the old or the new KEK; the KEK is never logged.
 * Errors: CA_KEK_VERSION (data-loss: this version is in use with another KEK), CA_WRITE.
 * One provider: that of NodeIdentity.
 */
export interface KeyLock {
  /** Version of the cluster object and its KEK, 32 bytes; undefined while managers are not locked. */
  apply(version: bigint, kek: Uint8Array | undefined): Promise<void>;
}

export const KeyLock = token<KeyLock>('swarmkit.key-lock.v1');
