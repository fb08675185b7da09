// Small secrets in the headers of the key file: SwarmKit's MaybeEncryptedRecord. Written as NaCl secretbox;
// Fernet is read too, since managers in FIPS mode write that. Nothing here is ever logged.
import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import {
  MaybeEncryptedRecord,
  MaybeEncryptedRecord_Algorithm as Algorithm,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import nacl from 'tweetnacl';

const KEY_BYTES = 32;
const NONCE_BYTES = 24;

/** `random` gives fresh bytes. Without a key the record holds the secret as it is. */
export function seal(
  secret: Uint8Array,
  key: Uint8Array | undefined,
  random: (count: number) => Uint8Array,
): Uint8Array {
  if (key === undefined)
    return MaybeEncryptedRecord.encode(record(Algorithm.NONE, secret)).finish();
  const nonce = random(NONCE_BYTES);
  const data = nacl.secretbox(secret, nonce, padded(key));
  return MaybeEncryptedRecord.encode(
    record(Algorithm.SECRETBOX_SALSA20_POLY1305, data, nonce),
  ).finish();
}

/** Throws a plain Error when the record is damaged or under another key. */
export function unseal(sealed: Uint8Array, key: Uint8Array | undefined): Uint8Array {
  const { algorithm, data, nonce } = MaybeEncryptedRecord.decode(sealed);
  if (algorithm === Algorithm.NONE) return data;
  if (key === undefined) throw new Error('it is encrypted and there is no key for it');
  const opened =
    algorithm === Algorithm.SECRETBOX_SALSA20_POLY1305
      ? nonce.length === NONCE_BYTES && nacl.secretbox.open(data, nonce, padded(key))
      : algorithm === Algorithm.FERNET_AES_128_CBC && openFernet(data, padded(key));
  if (!opened) throw new Error('it is damaged, or under another key');
  return opened;
}

const record = (algorithm: Algorithm, data: Uint8Array, nonce?: Uint8Array): MaybeEncryptedRecord =>
  MaybeEncryptedRecord.create({
    algorithm,
    data: Buffer.from(data),
    nonce: Buffer.from(nonce ?? []),
  });

/** Shorter keys are extended with zeros, as SwarmKit does. Copies: tweetnacl takes plain arrays only. */
const padded = (key: Uint8Array): Uint8Array => {
  const full = new Uint8Array(KEY_BYTES);
  full.set(key.subarray(0, KEY_BYTES));
  return full;
};

/** Version, 8 bytes of time, 16 of IV, AES-128-CBC, 32 of HMAC-SHA256. The time is not looked at. */
function openFernet(token: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(Buffer.from(token).toString('latin1'), 'base64url');
  if (bytes.length < 1 + 8 + 16 + 16 + 32 || bytes[0] !== 0x80) return undefined;
  const body = bytes.subarray(0, -32);
  const mac = createHmac('sha256', key.subarray(0, 16)).update(body).digest();
  if (!timingSafeEqual(mac, bytes.subarray(-32))) return undefined;
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(16), body.subarray(9, 25));
  return Buffer.concat([decipher.update(body.subarray(25)), decipher.final()]);
}
