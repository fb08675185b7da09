// What SwarmKit's certificates say, as plain data: subjects, names, spans. Encoding and signing are the
// shell's; nothing here knows ASN.1 or reads a clock.

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** 20 years, as SwarmKit writes it: 630,720,000 s. */
const ROOT_EXPIRY_MS = 630_720_000_000;
const ROOT_BACKDATE_MS = 5 * MINUTE_MS;
/** Clocks of joining nodes may be this much behind. */
const NODE_BACKDATE_MS = HOUR_MS;
const MIN_NODE_EXPIRY_MS = HOUR_MS;
export const DEFAULT_NODE_EXPIRY_MS = 90 * DAY_MS;
/** Dates of certificates end with the year 9999; nobody waits for that. */
const MAX_NODE_EXPIRY_MS = 100 * 365 * DAY_MS;

export type Role = 'manager' | 'worker';

export interface Subject {
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly commonName: string;
}

export interface CertificateProfile {
  readonly subject: Subject;
  /** Wall clock, ms, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** A CA signs certificates and revocation lists; any other is for both ends of a TLS connection. */
  readonly ca: boolean;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

export function rootProfile(now: number): CertificateProfile {
  const notBefore = toMinute(now) - ROOT_BACKDATE_MS;
  return {
    subject: { commonName: 'swarm-ca' },
    notBefore,
    notAfter: notBefore + ROOT_EXPIRY_MS,
    ca: true,
    dnsNames: [],
    uris: [],
  };
}

export interface NodeNames {
  readonly clusterId: string;
  readonly nodeId: string;
  readonly role: Role;
}

/** An expiry below one hour means the default, as SwarmKit's signer has it. */
export function nodeProfile(names: NodeNames, expiryMs: number, now: number): CertificateProfile {
  const { clusterId, nodeId, role } = names;
  const unit = unitOf(role);
  const expiry =
    expiryMs < MIN_NODE_EXPIRY_MS
      ? DEFAULT_NODE_EXPIRY_MS
      : Math.floor(Math.min(expiryMs, MAX_NODE_EXPIRY_MS) / 1_000) * 1_000;
  const notBefore = toMinute(now) - NODE_BACKDATE_MS;
  return {
    subject: { organization: clusterId, organizationalUnit: unit, commonName: nodeId },
    notBefore,
    notAfter: notBefore + expiry + NODE_BACKDATE_MS,
    ca: false,
    // `swarm-ca` is the name that nodes without a certificate verify.
    dnsNames: role === 'manager' ? [unit, nodeId, 'swarm-ca'] : [unit, nodeId],
    uris: [`spiffe://${clusterId}/${role}/${nodeId}`],
  };
}

const unitOf = (role: Role): string => `swarm-${role}`;

export const roleOf = (unit: string | undefined): Role | undefined =>
  unit === unitOf('manager') ? 'manager' : unit === unitOf('worker') ? 'worker' : undefined;

const toMinute = (now: number): number => Math.round(now / MINUTE_MS) * MINUTE_MS;

/** How many random bytes a serial number takes. */
export const SERIAL_BYTES = 20;

/** A positive DER integer of at most 20 bytes. */
export function serialOf(random: Uint8Array): Uint8Array {
  const serial = Uint8Array.from(random);
  const [first = 0] = serial;
  // The top bit would make it negative; the next one keeps it from beginning with a zero byte.
  serial[0] = (first & 0x7f) | 0x40;
  return serial;
}
