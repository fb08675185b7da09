/**
 * A peer's certificate chain, checked by hand where OpenSSL cannot: while a root is being rotated, Go
 * managers serve an intermediate whose subject and issuer have the same name and that says nothing of
 * its issuer's key. OpenSSL takes it for self-signed and stops; every signature in the chain is good.
 */
import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

type Purpose = 'server' | 'client';

/** What OpenSSL says of such a chain. Every other refusal of its stands. */
const STOPPED_AT = 'SELF_SIGNED_CERT_IN_CHAIN';
const USAGE: Readonly<Record<Purpose, string>> = {
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};
/** A leaf, and an intermediate for each root that was on its way at once. */
const LONGEST = 5;

/**
 * Who is at the other end. To be asked once a socket: node hands out the issuers that came along only with
 * the first certificate object. Undefined when no certificate was shown.
 */
export const peerCertificate = (socket: TLSSocket): X509Certificate | undefined =>
  socket.getPeerX509Certificate();

/** Whether a client's certificate is good: OpenSSL verified it, or would have but for the intermediate's look. */
export const isVerifiedClient = (
  socket: TLSSocket,
  leaf: X509Certificate,
  rootsPem: string,
  now: number,
): boolean =>
  socket.authorized ||
  (isStoppedShort(socket) && chainsTo(leaf, 'client', certificatesIn(rootsPem), now));

/** Why the server is not one of the managers, undefined when it is. */
export function serverProblem(
  socket: TLSSocket,
  name: string,
  rootsPem: string,
  now: number,
): Error | undefined {
  if (socket.authorized) return undefined;
  const leaf = peerCertificate(socket);
  const nobody = new Error(`its certificate does not have the name ${name}`);
  // OpenSSL did not come as far as the name.
  if (isStoppedShort(socket) && leaf && chainsTo(leaf, 'server', certificatesIn(rootsPem), now))
    return leaf.checkHost(name) === undefined ? nobody : undefined;
  const code = codeOf(socket.authorizationError);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return nobody;
  return new Error(`its certificate does not verify: ${code.toLowerCase().replaceAll('_', ' ')}`);
}

const isStoppedShort = (socket: TLSSocket): boolean =>
  codeOf(socket.authorizationError) === STOPPED_AT;

/** `leaf` with the issuers that its peer sent along. `now` is wall clock, ms. */
function chainsTo(
  leaf: X509Certificate,
  purpose: Purpose,
  roots: readonly X509Certificate[],
  now: number,
): boolean {
  // In spite of its name this is the extended key usage.
  if (leaf.ca || !leaf.keyUsage?.includes(USAGE[purpose])) return false;
  let at: X509Certificate | undefined = leaf;
  for (let length = 0; at !== undefined && length < LONGEST; length++) {
    const one: X509Certificate = at;
    if (!isValid(one, now)) return false;
    if (roots.some((root) => signs(root, one) && isValid(root, now))) return true;
    const issuer: X509Certificate | undefined = one.issuerCertificate;
    if (issuer === undefined || !signs(issuer, one)) return false;
    at = issuer;
  }
  return false;
}

const signs = (issuer: X509Certificate, one: X509Certificate): boolean =>
  issuer.ca && one.issuer === issuer.subject && one.verify(issuer.publicKey);

const isValid = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  now >= Date.parse(validFrom) && now < Date.parse(validTo);

const certificatesIn = (pem: string): readonly X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (one) => new X509Certificate(one),
  );

const codeOf = (error: unknown): string =>
  typeof error === 'string' ? error : ((error as { readonly code?: string } | null)?.code ?? '');
