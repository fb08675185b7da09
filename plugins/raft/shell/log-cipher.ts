/**
 * Seals the values of the log: a checksum always, and AES-256-GCM where there is a key. The checksum comes
 * first, so that damage is found, and named, also by who has no key. A value is bound to its record: moved
 * to another key of the storage it does not open.
 *
 *   plain      checksum(4)                     payload
 *   encrypted  checksum(4) key(4) nonce(12)    ciphertext tag(16)
 *
 * The two kinds differ in what their checksums are taken over, so a log may have both: one that was begun
 * before there was a key is encrypted by and by.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Random } from '@swarmkit/sdk/plugin/env';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

const ALGORITHM = 'aes-256-gcm';
const CHECKSUM_BYTES = 4;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = CHECKSUM_BYTES + KEY_ID_BYTES + NONCE_BYTES;
const KEY_BYTES = 32;
const ENCRYPTED = Buffer.from('encrypted');

interface Key {
  readonly id: number;
  readonly secret: Uint8Array;
}

export class LogCipher {
  private readonly keys = new Map<number, Key>();
  private newest: Key | undefined;
  /** A nonce is 6 random bytes of this process and a number that is never used twice in it. */
  private readonly salt: Uint8Array;
  private sealed = 0;

  constructor(random: Pick<Random, 'bytes'>) {
    this.salt = random.bytes(NONCE_BYTES - 6);
  }

  /** These keys open records; the last one seals new ones. None: new records are plain. */
  use(secrets: readonly Uint8Array[]): void {
    for (const secret of secrets) {
      const key = { id: idOf(secret), secret };
      this.keys.set(key.id, key);
      this.newest = key;
    }
    if (secrets.length === 0) this.newest = undefined;
  }

  /** Records under it cannot be opened any more. */
  drop(secret: Uint8Array): void {
    this.keys.delete(idOf(secret));
  }

  seal(record: Uint8Array, payload: Uint8Array): Buffer {
    const key = this.newest;
    if (key === undefined) {
      const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + payload.length);
      sealed.set(payload, CHECKSUM_BYTES);
      sealed.writeUInt32BE(checksum(record, sealed), 0);
      return sealed;
    }
    const nonce = this.nonce();
    const cipher = createCipheriv(ALGORITHM, key.secret, nonce);
    cipher.setAAD(record);
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt32BE(key.id, CHECKSUM_BYTES);
    nonce.copy(head, CHECKSUM_BYTES + KEY_ID_BYTES);
    const body = cipher.update(payload);
    const sealed = Buffer.concat([head, body, cipher.final(), cipher.getAuthTag()]);
    sealed.writeUInt32BE(checksum(record, sealed, ENCRYPTED), 0);
    return sealed;
  }

  /** Undefined when it is damaged. Throws RAFT_KEY when its key is not here. */
  unseal(record: Uint8Array, value: Uint8Array): Buffer | undefined {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    if (bytes.length < CHECKSUM_BYTES) return undefined;
    const found = bytes.readUInt32BE(0);
    if (found === checksum(record, bytes)) return bytes.subarray(CHECKSUM_BYTES);
    if (bytes.length < HEAD_BYTES + TAG_BYTES) return undefined;
    if (found !== checksum(record, bytes, ENCRYPTED)) return undefined;
    const key = this.keys.get(bytes.readUInt32BE(CHECKSUM_BYTES));
    if (key === undefined) throw keyMissing();
    const nonce = bytes.subarray(CHECKSUM_BYTES + KEY_ID_BYTES, HEAD_BYTES);
    const decipher = createDecipheriv(ALGORITHM, key.secret, nonce);
    decipher.setAAD(record);
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const payload = decipher.update(bytes.subarray(HEAD_BYTES, -TAG_BYTES));
      decipher.final();
      return payload;
    } catch {
      return undefined;
    }
  }

  private nonce(): Buffer {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.set(this.salt);
    nonce.writeUIntBE(this.sealed++, this.salt.length, 6);
    return nonce;
  }
}

export const newDataKey = (random: Pick<Random, 'bytes'>): Uint8Array => random.bytes(KEY_BYTES);

/** Tells keys apart and nothing about them. */
const idOf = (secret: Uint8Array): number =>
  createHash('sha256').update('swarmkit raft log key').update(secret).digest().readUInt32BE(0);

const checksum = (record: Uint8Array, sealed: Buffer, kind?: Buffer): number => {
  const start = kind === undefined ? crc32(record) : crc32(kind, crc32(record));
  return crc32(sealed.subarray(CHECKSUM_BYTES), start);
};

const keyMissing = (): SwarmError =>
  new SwarmError(
    'failed-precondition',
    'RAFT_KEY',
    "the raft log is encrypted with a key that is not in this node's key file: bring back the certificates folder that belongs to it, or move the log away and let this node join the cluster again",
  );
