// The words of ASN.1 that certificates need, over node-forge. forge keeps bytes in binary strings
// ("latin1"); nothing outside this file and its users in this folder should see one.
import forge from 'node-forge';

const { asn1 } = forge;
const { Type, Class } = asn1;

export type Asn1 = forge.asn1.Asn1;

export const sequence = (...items: readonly Asn1[]): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, [...items]);

export const set = (...items: readonly Asn1[]): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.SET, true, [...items]);

export const oid = (dotted: string): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(dotted).getBytes());

export const integer = (bytes: Uint8Array): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.INTEGER, false, binary(bytes));

export const boolean = (value: boolean): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.BOOLEAN, false, value ? '\xff' : '\x00');

export const nothing = (): Asn1 => asn1.create(Class.UNIVERSAL, Type.NULL, false, '');

export const octets = (bytes: Uint8Array): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, binary(bytes));

/** `unused` bits at the end of the last byte. */
export const bits = (bytes: Uint8Array, unused = 0): Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.BITSTRING, false, String.fromCharCode(unused) + binary(bytes));

/** As Go's encoder chooses: PrintableString where the text allows it, since names are compared as bytes. */
export const text = (value: string): Asn1 =>
  /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value)
    ? asn1.create(Class.UNIVERSAL, Type.PRINTABLESTRING, false, value)
    : asn1.create(Class.UNIVERSAL, Type.UTF8, false, forge.util.encodeUtf8(value));

/** UTCTime until 2049, GeneralizedTime after, as X.509 demands. */
export const time = (at: number): Asn1 => {
  const date = new Date(at);
  return date.getUTCFullYear() < 2050
    ? asn1.create(Class.UNIVERSAL, Type.UTCTIME, false, asn1.dateToUtcTime(date))
    : asn1.create(Class.UNIVERSAL, Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date));
};

/** A context-specific tag around items, or around raw bytes. */
export const tagged = (tag: number, content: readonly Asn1[] | Uint8Array): Asn1 =>
  content instanceof Uint8Array
    ? asn1.create(Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, false, binary(content))
    : asn1.create(Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, true, [...content]);

export const encode = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), 'latin1');

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
