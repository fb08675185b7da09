// Join tokens: which root to trust, and the secret that admits a node in a role.
// `SWMTKN-1-<digest>-<secret>`, or `SWMTKN-2-<fips>-<digest>-<secret>`; both numbers in base 36.
import { SwarmError } from '../plugin/errors.js';

const DIGEST_CHARS = 50;
const SECRET_CHARS = 25;
export const SECRET_BYTES = 16;

export interface JoinToken {
  /** `sha256:<64 hex>` of the root certificates' PEM, as in the cluster object. */
  readonly digest: string;
  readonly secret: string;
  /** The cluster mandates FIPS. */
  readonly fips: boolean;
}

/** `digest` is `sha256:<64 hex>`, `secret` 16 random bytes. */
export const joinToken = (digest: string, secret: Uint8Array, fips = false): string =>
  `SWMTKN-${fips ? '2-1' : '1'}-${base36(BigInt(`0x${digest.slice('sha256:'.length)}`), DIGEST_CHARS)}-${secretText(secret)}`;

export function parseJoinToken(text: string): JoinToken {
  const match = /^SWMTKN-(?:1|2-([01]))-([0-9a-z]{50})-([0-9a-z]{25})$/.exec(text);
  const [, fips, digest, secret] = match ?? [];
  const hex = digest === undefined ? '' : fromBase36(digest).toString(16).padStart(64, '0');
  if (secret === undefined || hex.length !== 64) {
    throw new SwarmError('invalid-argument', 'CA_TOKEN', 'invalid join token');
  }
  return { digest: `sha256:${hex}`, secret, fips: fips === '1' };
}

export function secretText(secret: Uint8Array): string {
  let value = 0n;
  for (const byte of secret) value = (value << 8n) | BigInt(byte);
  return base36(value, SECRET_CHARS);
}

/** The same token with another secret: a rotation leaves the digest as it is. */
export const withNewSecret = (token: string, secret: Uint8Array): string =>
  token.slice(0, token.lastIndexOf('-') + 1) + secretText(secret);

const base36 = (value: bigint, chars: number): string => value.toString(36).padStart(chars, '0');

function fromBase36(text: string): bigint {
  let value = 0n;
  for (const char of text) value = value * 36n + BigInt(Number.parseInt(char, 36));
  return value;
}
