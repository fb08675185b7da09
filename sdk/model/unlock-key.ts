/**
 * Unlock keys: what a person types to unlock a manager. `SWMKEY-1-` and the 32 bytes of the
 * key-encryption key in standard base64 without padding.
 */
import { SwarmError } from '../plugin/errors.js';

export const unlockKeyBytes = 32;

/** Which of the cluster's unlock keys is the managers'. */
export const managersSubsystem = 'swarm-manager';

const form = /^SWMKEY-1-([A-Za-z0-9+/]{43})$/;

/** Of 32 bytes. */
export const unlockKeyText = (key: Uint8Array): string =>
  `SWMKEY-1-${Buffer.from(key).toString('base64').replace(/=+$/, '')}`;

/** The key-encryption key, 32 bytes. Anything else is CA_UNLOCK_KEY. */
export function parseUnlockKey(text: string): Uint8Array {
  const base64 = form.exec(text.trim())?.[1];
  const key = Buffer.from(base64 ?? '', 'base64');
  // The last character carries two bits more than there are: only zero ones name exactly one key.
  if (key.length !== unlockKeyBytes || key.toString('base64') !== `${base64}=`)
    throw new SwarmError('invalid-argument', 'CA_UNLOCK_KEY', 'invalid key string');
  return key;
}
