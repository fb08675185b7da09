/**
 * `SWMTKN-1-<digest of the root>-<secret>`, with `2-<fips>` for `1` in some clusters. A rotation replaces
 * the secret alone, so the root's digest need not be worked out again.
 */
export function withNewSecret(token: string, secret: Uint8Array): string {
  const cut = token.lastIndexOf('-') + 1;
  let number = 0n;
  for (const byte of secret) number = (number << 8n) | BigInt(byte);
  return token.slice(0, cut) + number.toString(36).padStart(secretLength, '0');
}

/** 128 bits in base 36. */
const secretLength = 25;
