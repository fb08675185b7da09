// The words of ASN.1 that certificates need. Written by hand, since a certificate is made for each node of a
// crowd at once and forge takes milliseconds for it; read with node-forge, whose parser has seen more.
// forge keeps bytes in binary strings ("latin1"); nothing outside of this file should see one.
import forge from 'node-forge';

const { asn1 } = forge;
const { Type, Class } = asn1;

/** What was read. */
export type Asn1 = forge.asn1.Asn1;

/** One value as it is written. */
export type Der = Buffer;

const CONSTRUCTED = 0x20;

function value(tag: number, ...content: readonly Uint8Array[]): Der {
  let length = 0;
  for (const part of content) length += part.length;
  const size =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : length < 0x10000
          ? [0x82, length >> 8, length & 0xff]
          : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...size), ...content]);
}

export const sequence = (...items: readonly Der[]): Der =>
  value(Type.SEQUENCE | CONSTRUCTED, ...items);

export const set = (...items: readonly Der[]): Der => value(Type.SET | CONSTRUCTED, ...items);

/** There are a dozen of them. */
const oids = new Map<string, Der>();

export function oid(dotted: string): Der {
  let known = oids.get(dotted);
  if (known === undefined) {
    known = value(Type.OID, latin1(asn1.oidToDer(dotted).getBytes()));
    oids.set(dotted, known);
  }
  return known;
}

/** Of as few bytes as it takes, the sign's bit among them. */
export const integer = (bytes: Uint8Array): Der => value(Type.INTEGER, bytes);

export const boolean = (yes: boolean): Der => value(Type.BOOLEAN, Uint8Array.of(yes ? 0xff : 0));

export const nothing = (): Der => value(Type.NULL);

export const octets = (bytes: Uint8Array): Der => value(Type.OCTETSTRING, bytes);

/** `unused` bits at the end of the last byte. */
export const bits = (bytes: Uint8Array, unused = 0): Der =>
  value(Type.BITSTRING, Uint8Array.of(unused), bytes);

/** As Go's encoder chooses: PrintableString where the text allows it, since names are compared as bytes. */
export const text = (content: string): Der =>
  value(
    /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(content) ? Type.PRINTABLESTRING : Type.UTF8,
    Buffer.from(content),
  );

/** UTCTime until 2049, GeneralizedTime after, as X.509 demands. */
export const time = (at: number): Der => {
  const date = new Date(at);
  return date.getUTCFullYear() < 2050
    ? value(Type.UTCTIME, latin1(asn1.dateToUtcTime(date)))
    : value(Type.GENERALIZEDTIME, latin1(asn1.dateToGeneralizedTime(date)));
};

/** A context-specific tag around values, or around raw bytes. */
export const tagged = (tag: number, content: readonly Der[] | Uint8Array): Der =>
  content instanceof Uint8Array
    ? value(Class.CONTEXT_SPECIFIC | tag, content)
    : value(Class.CONTEXT_SPECIFIC | CONSTRUCTED | tag, ...content);

/** What was read, as it was written. */
export const encode = (read: Asn1): Der => latin1(asn1.toDer(read).getBytes());

/** A value of a SEQUENCE as it is written there. Of bytes that `decode` took. */
export function writtenItem(der: Der, index: number): Der {
  let { from, to } = contentAt(der, 0);
  for (let at = 0; from < der.length; at++, from = to) {
    ({ to } = contentAt(der, from));
    if (at === index) return der.subarray(from, to);
  }
  throw new Error(`a list of ASN.1 has no item ${index}`);
}

/** Where the content of the value at `at` begins and ends. Tags here are of one byte. */
function contentAt(bytes: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = bytes[at + 1] ?? 0;
  const sizeBytes = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + sizeBytes;
  return { from, to: from + (sizeBytes === 0 ? first : bytes.readUIntBE(at + 2, sizeBytes)) };
}

/** The typings know only the older signature of forge's parser. */
const parse = asn1.fromDer as unknown as (
  bytes: forge.util.ByteStringBuffer,
  options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean },
) => Asn1;

/** Throws a plain Error when the bytes are not DER. BIT STRINGs stay bytes: forge would look into them. */
export const decode = (der: Uint8Array): Asn1 =>
  parse(forge.util.createBuffer(binary(der)), {
    strict: true,
    parseAllBytes: true,
    decodeBitStrings: false,
  });

/** The items of a SEQUENCE. */
export const itemsOf = (value: Asn1): readonly Asn1[] =>
  contentOf(value, Class.UNIVERSAL, Type.SEQUENCE);

/** What a context tag stands around. */
export const insideTag = (value: Asn1, tag: number): readonly Asn1[] =>
  contentOf(value, Class.CONTEXT_SPECIFIC, tag);

function contentOf(value: Asn1, tagClass: number, type: number): readonly Asn1[] {
  if (typeof value.value === 'string' || value.tagClass !== tagClass || value.type !== type)
    throw new Error('something else stands where ASN.1 should have a list');
  return value.value;
}

export const itemOf = (value: Asn1, index: number): Asn1 => {
  const item = itemsOf(value)[index];
  if (item === undefined) throw new Error(`a list of ASN.1 has no item ${index}`);
  return item;
};

/** The bytes of a primitive value. */
export const bytesOf = (value: Asn1): Buffer => {
  if (typeof value.value !== 'string')
    throw new Error('a list stands where ASN.1 should have a plain value');
  return Buffer.from(value.value, 'latin1');
};

/** The bytes of a BIT STRING of whole bytes. */
export const bitsOf = (value: Asn1): Buffer => {
  const bytes = bytesOf(value);
  if (value.tagClass !== Class.UNIVERSAL || value.type !== Type.BITSTRING || bytes[0] !== 0)
    throw new Error('something else stands where ASN.1 should have a string of whole bytes');
  return bytes.subarray(1);
};

export const oidOf = (value: Asn1): string => {
  if (value.tagClass !== Class.UNIVERSAL || value.type !== Type.OID)
    throw new Error('something else stands where ASN.1 should have an identifier');
  return asn1.derToOid(forge.util.createBuffer(binary(bytesOf(value))));
};

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
