// Certificates and signing requests: encoded with forge's ASN.1, signed and verified by node:crypto
// (forge itself knows no elliptic curves). Every function is a pure one of its arguments, apart from
// the randomness inside an ECDSA signature.
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  type X509Certificate,
} from 'node:crypto';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { CertificateProfile, Subject } from '../core/certificate-profile.js';
import {
  type Asn1,
  type Der,
  bits,
  bitsOf,
  boolean,
  bytesOf,
  decode,
  encode,
  insideTag,
  integer,
  itemOf,
  itemsOf,
  nothing,
  octets,
  oid,
  oidOf,
  sequence,
  set,
  tagged,
  text,
  time,
  writtenItem,
} from './der.js';
import { readPem, writePem } from './pem.js';

/** Object identifiers of X.509, by the names that RFC 5280 and RFC 5758 give them. */
const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  organizationalUnit: '2.5.4.11',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Signature algorithms of requests and of roots, and the hash that each stands for. */
const HASHES: { readonly [oid: string]: string } = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
};
const MAX_CSR_CHARS = 64 * 1024;

/**
 * Keys come from node:crypto and not from `env.random`: no seed may ever lead to a private key.
 */
export const generateKey = (): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' });

export interface Issuer {
  /** ECDSA P-256, P-384, P-521 or RSA. */
  readonly key: KeyObject;
  /** Undefined for a root, which signs itself. */
  readonly certificate: X509Certificate | undefined;
}

/** A signed certificate, DER. */
export function issueCertificate(
  profile: CertificateProfile,
  publicKey: KeyObject,
  serial: Uint8Array,
  issuer: Issuer,
): Buffer {
  const spki = spkiOf(publicKey);
  const subject = nameOf(profile.subject);
  const parent = issuer.certificate && signerOf(issuer.certificate);
  const body = sequence(
    tagged(0, [integer(Uint8Array.of(2))]), // version 3
    integer(serial),
    algorithmOf(issuer.key).name,
    parent === undefined ? subject : parent.subject,
    sequence(time(profile.notBefore), time(profile.notAfter)),
    subject,
    spki,
    tagged(3, [sequence(...extensionsOf(profile, spki, parent))]),
  );
  return signed(body, issuer.key);
}

/**
 * What a node sends to be signed: an empty subject and no extensions, as the CA sets both. `of`: the
 * certificate whose subject it has instead.
 */
export function createCsr(
  key: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  of?: X509Certificate,
): string {
  const body = sequence(
    integer(Uint8Array.of(0)),
    of === undefined ? sequence() : subjectNameOf(of),
    spkiOf(key.publicKey),
    tagged(0, []),
  );
  return writePem('CERTIFICATE REQUEST', signed(body, key.privateKey));
}

/** The public key of a signing request whose own signature verifies; anything else is CA_CSR. */
export function publicKeyOfCsr(pem: string): KeyObject {
  try {
    if (pem.length > MAX_CSR_CHARS) throw new Error('it is too long');
    const [block] = readPem(pem);
    if (block === undefined || !/^(NEW )?CERTIFICATE REQUEST$/.test(block.type))
      throw new Error('it is not a PEM block of a certificate request');
    const request = decode(block.der);
    const hash = HASHES[oidOf(itemOf(itemOf(request, 1), 0))];
    if (hash === undefined) throw new Error('its signature algorithm is not supported');
    // The signature is over the bytes that came.
    const body = writtenItem(block.der, 0);
    const spki = writtenItem(body, 2);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    checkKey(key);
    if (!verify(hash, body, key, bitsOf(itemOf(request, 2))))
      throw new Error('its signature does not match its key');
    return key;
  } catch (cause) {
    throw new SwarmError(
      'invalid-argument',
      'CA_CSR',
      `the certificate signing request cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** DER of a certificate's issuer name, byte for byte. */
export const issuerNameOf = (certificate: X509Certificate): Buffer =>
  encode(itemOf(itemOf(decode(certificate.raw), 0), 3));

/** DER of a certificate's own name, byte for byte. */
export const subjectNameOf = (certificate: X509Certificate): Buffer =>
  encode(subjectOf(certificate));

export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

const subjectOf = (certificate: X509Certificate): Asn1 =>
  itemOf(itemOf(decode(certificate.raw), 0), 5);

/**
 * The other certificate of the same authority: its subject, key and validity, signed by another one.
 * What it says of itself stays, but for who signed it.
 */
export function crossSign(
  certificate: X509Certificate,
  issuer: { readonly key: KeyObject; readonly certificate: X509Certificate },
): Buffer {
  const body = itemOf(decode(certificate.raw), 0);
  const [version, serial, , , validity, subject, spki] = itemsOf(body);
  if (!version || !serial || !validity || !subject || !spki) throw new Error('it is cut short');
  const kept = extensionsIn(certificate).filter(
    (it) => oidOf(itemOf(it, 0)) !== OID.authorityKeyIdentifier,
  );
  const parent = signerOf(issuer.certificate);
  const next = sequence(
    encode(version),
    encode(serial),
    algorithmOf(issuer.key).name,
    parent.subject,
    ...[validity, subject, spki].map(encode),
    tagged(3, [sequence(...kept.map(encode), parent.mark)]),
  );
  return signed(next, issuer.key);
}

/** Throws a plain Error, which completes "the root certificate …", where it must not sign for a cluster. */
export function checkAuthority(certificate: X509Certificate, now: number): void {
  const algorithm = oidOf(itemOf(itemOf(decode(certificate.raw), 1), 0));
  if (!Object.hasOwn(HASHES, algorithm))
    throw new Error('is signed with another algorithm than SHA-256, SHA-384 or SHA-512');
  if (!isStrong(certificate.publicKey))
    throw new Error('has a key that is neither ECDSA P-256, P-384, P-521 nor RSA of 2048 bits');
  if (!certificate.ca) throw new Error('is not that of a certificate authority');
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey))
    throw new Error('does not sign itself');
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now < from || now >= to)
    throw new Error(
      `is valid from ${new Date(from).toISOString()} to ${new Date(to).toISOString()}`,
    );
}

function checkKey(key: KeyObject): void {
  if (!isStrong(key))
    throw new Error('its key is neither ECDSA P-256, P-384, P-521 nor RSA of 2048 bits');
}

/** Hash and identifier of a curve's signatures. */
const CURVES: { readonly [curve: string]: readonly [hash: string, oid: string] } = {
  prime256v1: ['sha256', '1.2.840.10045.4.3.2'],
  secp384r1: ['sha384', '1.2.840.10045.4.3.3'],
  secp521r1: ['sha512', '1.2.840.10045.4.3.4'],
};

function isStrong(key: KeyObject): boolean {
  const {
    namedCurve = '',
    modulusLength = 0,
    publicExponent = 0n,
  } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === 'ec'
    ? Object.hasOwn(CURVES, namedCurve)
    : key.asymmetricKeyType === 'rsa' && modulusLength >= 2048 && publicExponent > 1n;
}

/** The hash goes with the strength of the key, as SwarmKit chooses it. */
function algorithmOf(key: KeyObject): { readonly hash: string; readonly name: Der } {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const curve = CURVES[namedCurve];
  if (curve !== undefined) return { hash: curve[0], name: sequence(oid(curve[1])) };
  const [hash, type] =
    modulusLength >= 4096
      ? ['sha512', '1.2.840.113549.1.1.13']
      : modulusLength >= 3072
        ? ['sha384', '1.2.840.113549.1.1.12']
        : ['sha256', '1.2.840.113549.1.1.11'];
  return { hash, name: sequence(oid(type), nothing()) };
}

function signed(body: Der, key: KeyObject): Der {
  const { hash, name } = algorithmOf(key);
  return sequence(body, name, bits(sign(hash, body, key)));
}

function nameOf({ organization, organizationalUnit, commonName }: Subject): Der {
  const part = (type: string, value: string | undefined): Der[] =>
    value === undefined ? [] : [set(sequence(oid(type), text(value)))];
  return sequence(
    ...part(OID.organization, organization),
    ...part(OID.organizationalUnit, organizationalUnit),
    ...part(OID.commonName, commonName),
  );
}

function extensionsOf(
  profile: CertificateProfile,
  spki: Buffer,
  parent: Signer | undefined,
): readonly Der[] {
  const extensions = [...(profile.ca ? AUTHORITY_USES : NODE_USES)];
  extensions.push(extension(OID.subjectKeyIdentifier, false, octets(keyIdOf(spki))));
  if (parent !== undefined) extensions.push(parent.mark);
  const names = [
    ...profile.dnsNames.map((name) => tagged(2, Buffer.from(name))),
    ...profile.uris.map((uri) => tagged(6, Buffer.from(uri))),
  ];
  if (names.length > 0) extensions.push(extension(OID.subjectAltName, false, sequence(...names)));
  return extensions;
}

function extension(type: string, critical: boolean, value: Der): Der {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), octets(value));
}

const AUTHORITY_USES: readonly Der[] = [
  extension(OID.keyUsage, true, bits(Uint8Array.of(0b0000_0110), 1)), // certSign, cRLSign
  extension(OID.basicConstraints, true, sequence(boolean(true))),
];
const NODE_USES: readonly Der[] = [
  extension(OID.keyUsage, true, bits(Uint8Array.of(0b1010_0000), 5)), // digitalSignature, keyEncipherment
  extension(OID.extKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
  extension(OID.basicConstraints, true, sequence()),
];

/** What every certificate takes over from the one that signs it. */
interface Signer {
  readonly subject: Der;
  /** The authorityKeyIdentifier. */
  readonly mark: Der;
}

const signers = new WeakMap<X509Certificate, Signer>();

function signerOf(certificate: X509Certificate): Signer {
  let known = signers.get(certificate);
  if (known === undefined) {
    const keyId = sequence(tagged(0, subjectKeyIdOf(certificate)));
    known = {
      subject: subjectNameOf(certificate),
      mark: extension(OID.authorityKeyIdentifier, false, keyId),
    };
    signers.set(certificate, known);
  }
  return known;
}

/** SHA-1 over the key's bits: a name, not a safeguard. */
const keyIdOf = (spki: Buffer): Buffer =>
  createHash('sha1')
    .update(bitsOf(itemOf(decode(spki), 1)))
    .digest();

/** The basicConstraints of a CA, as they stand there. */
export function constraintsOf(certificate: X509Certificate): {
  readonly critical: boolean;
  readonly value: Buffer;
} {
  const found = extensionsIn(certificate).find(
    (it) => oidOf(itemOf(it, 0)) === OID.basicConstraints,
  );
  const value = found && itemsOf(found).at(-1);
  if (found === undefined || value === undefined)
    throw new Error('is not that of a certificate authority');
  return { critical: itemsOf(found).length === 3, value: bytesOf(value) };
}

/** Behind the seven parts that every certificate has there may be two that nobody uses any more. */
function extensionsIn(certificate: X509Certificate): readonly Asn1[] {
  const last = itemsOf(itemOf(decode(certificate.raw), 0))
    .slice(7)
    .at(-1);
  if (last === undefined) return [];
  const [list] = insideTag(last, 3);
  return list === undefined ? [] : itemsOf(list);
}

/** What the certificate says; a CA of other making may have chosen another way to name its key. */
function subjectKeyIdOf(certificate: X509Certificate): Buffer {
  const found = extensionsIn(certificate).find(
    (it) => oidOf(itemOf(it, 0)) === OID.subjectKeyIdentifier,
  );
  if (found === undefined) return keyIdOf(spkiOf(certificate.publicKey));
  const value = itemsOf(found).at(-1);
  if (value === undefined) throw new Error('an extension without a value');
  return bytesOf(decode(bytesOf(value)));
}
