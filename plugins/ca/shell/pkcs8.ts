// Encrypted PKCS#8 in the one form that SwarmKit can read: PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC.
// The password is the key-encryption key's raw bytes, zeros included, so OpenSSL's readers are not used:
// some of them take passwords for text.
import { createCipheriv, createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { bytesOf, decode, integer, itemOf, itemsOf, octets, oid, oidOf, sequence } from './der.js';

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const HMAC_SHA1 = '1.2.840.113549.2.7';
const AES_256_CBC = '2.16.840.1.101.3.4.1.42';
/** SwarmKit's. The password has 256 bits of its own, so more rounds would guard nothing. */
const ROUNDS = 2048;
/** A file that asks for more would only keep the daemon from starting. */
const MAX_ROUNDS = 10_000_000;
const SALT_BYTES = 8;
const IV_BYTES = 16;
const KEY_BYTES = 32;

/** `random` gives fresh bytes. */
export function encryptPkcs8(
  der: Uint8Array,
  password: Uint8Array,
  random: (count: number) => Uint8Array,
): Buffer {
  const salt = random(SALT_BYTES);
  const iv = random(IV_BYTES);
  const cipher = createCipheriv('aes-256-cbc', keyOf(password, salt, ROUNDS), iv);
  const derivation = sequence(octets(salt), integer(Uint8Array.of(ROUNDS >> 8, ROUNDS & 0xff)));
  return sequence(
    sequence(
      oid(PBES2),
      sequence(sequence(oid(PBKDF2), derivation), sequence(oid(AES_256_CBC), octets(iv))),
    ),
    octets(Buffer.concat([cipher.update(der), cipher.final()])),
  );
}

/** What can be wrong: the bytes (a plain Error), or the password, which answers undefined. */
export function decryptPkcs8(encrypted: Uint8Array, password: Uint8Array): Buffer | undefined {
  const outer = decode(encrypted);
  const scheme = itemOf(outer, 0);
  if (oidOf(itemOf(scheme, 0)) !== PBES2) throw unsupported();
  const [kdf, cipherOf] = itemsOf(itemOf(scheme, 1));
  if (kdf === undefined || cipherOf === undefined || oidOf(itemOf(kdf, 0)) !== PBKDF2)
    throw unsupported();
  if (oidOf(itemOf(cipherOf, 0)) !== AES_256_CBC) throw unsupported();
  const [salt, rounds, ...options] = itemsOf(itemOf(kdf, 1));
  if (salt === undefined || rounds === undefined) throw unsupported();
  // A pseudo-random function other than the default would stand here.
  const prf = options.find((option) => typeof option.value !== 'string');
  if (prf !== undefined && oidOf(itemOf(prf, 0)) !== HMAC_SHA1) throw unsupported();
  const count = bytesOf(rounds).reduce((sum, byte) => sum * 256 + byte, 0);
  if (count < 1 || count > MAX_ROUNDS) throw unsupported();
  const data = bytesOf(itemOf(outer, 1));
  const iv = bytesOf(itemOf(cipherOf, 1));
  if (iv.length !== IV_BYTES || data.length === 0 || data.length % IV_BYTES !== 0)
    throw unsupported();
  const decipher = createDecipheriv('aes-256-cbc', keyOf(password, bytesOf(salt), count), iv);
  try {
    const der = Buffer.concat([decipher.update(data), decipher.final()]);
    // One wrong password in 256 leaves padding that looks right; what is inside then is no DER.
    decode(der);
    return der;
  } catch {
    return undefined;
  }
}

const keyOf = (password: Uint8Array, salt: Uint8Array, rounds: number): Buffer =>
  pbkdf2Sync(password, salt, rounds, KEY_BYTES, 'sha1');

const unsupported = (): Error =>
  new Error('it is not encrypted with PBES2, PBKDF2-HMAC-SHA1 and AES-256-CBC');
