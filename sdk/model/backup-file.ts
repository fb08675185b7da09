/**
 * The file of a backup: what it is of, and the state. With a passphrase it is encrypted (AES-256-GCM under
 * a key that scrypt makes of it); without one it has a checksum, and everything in it lies open.
 *
 *   magic(18) kind(1) salt(16) nonce(12)   head-length(4) head store   check(16 or 32)
 *
 * The check covers all that is before it: a file that was cut or changed is refused as a whole.
 */
import { createCipheriv, createDecipheriv, createHash, scryptSync } from 'node:crypto';
import { SwarmError } from '../plugin/errors.js';
import { BackupHead } from '../wire/gen/node/backup.js';

export interface Backup {
  readonly head: BackupHead;
  /** Serialized `StoreSnapshot`. */
  readonly store: Uint8Array;
}

const MAGIC = Buffer.from('swarmkit backup 1\n');
const KIND_AT = MAGIC.length;
const SALT_AT = KIND_AT + 1;
const NONCE_AT = SALT_AT + 16;
const BODY_AT = NONCE_AT + 12;
const TAG_BYTES = 16;
const SUM_BYTES = 32;
const PLAIN = 0;
const SEALED = 1;
/** 64 MiB of memory and some tenths of a second a guess. */
const COST = { N: 2 ** 16, r: 8, p: 1, maxmem: 128 * 1024 * 1024 };

/** `random`: bytes fit for keys. */
export function writeBackup(
  { head, store }: Backup,
  passphrase: string | undefined,
  random: (count: number) => Uint8Array,
): Buffer {
  const start = Buffer.alloc(BODY_AT);
  MAGIC.copy(start);
  const described = BackupHead.encode(head).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(described.length);
  if (passphrase === undefined) {
    start[KIND_AT] = PLAIN;
    const whole = Buffer.concat([start, length, described, store]);
    return Buffer.concat([whole, createHash('sha256').update(whole).digest()]);
  }
  start[KIND_AT] = SEALED;
  start.set(random(BODY_AT - SALT_AT), SALT_AT);
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, start), nonceOf(start));
  cipher.setAAD(start);
  const body = [cipher.update(length), cipher.update(described), cipher.update(store)];
  return Buffer.concat([start, ...body, cipher.final(), cipher.getAuthTag()]);
}

/** Whether `readBackup` takes a passphrase for it. */
export const isSealed = (file: Uint8Array): boolean =>
  file.length > BODY_AT && file[KIND_AT] === SEALED;

/** BACKUP_FILE when it is none, or damaged; BACKUP_PASSPHRASE when that is missing or wrong. */
export function readBackup(bytes: Uint8Array, passphrase: string | undefined): Backup {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC))
    throw unreadable('it is no backup of a cluster');
  if (file.length < BODY_AT + SUM_BYTES) throw unreadable('it is cut off');
  const body = file[KIND_AT] === SEALED ? opened(file, passphrase) : checked(file);
  const end = body.length < 4 ? 0 : 4 + body.readUInt32BE(0);
  if (end < 4 || end > body.length) throw unreadable('it is damaged');
  try {
    return { head: BackupHead.decode(body.subarray(4, end)), store: body.subarray(end) };
  } catch (cause) {
    throw unreadable('it is damaged', cause);
  }
}

function checked(file: Buffer): Buffer {
  if (file[KIND_AT] !== PLAIN) throw unreadable('it is of a kind that this version does not know');
  const sum = createHash('sha256').update(file.subarray(0, -SUM_BYTES)).digest();
  if (!sum.equals(file.subarray(-SUM_BYTES))) throw unreadable('it is cut off or damaged');
  return file.subarray(BODY_AT, -SUM_BYTES);
}

function opened(file: Buffer, passphrase: string | undefined): Buffer {
  if (passphrase === undefined)
    throw wrongPassphrase('the backup is encrypted: give its passphrase');
  const start = file.subarray(0, BODY_AT);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(passphrase, start), nonceOf(start));
  decipher.setAAD(start);
  decipher.setAuthTag(file.subarray(-TAG_BYTES));
  try {
    const body = decipher.update(file.subarray(BODY_AT, -TAG_BYTES));
    decipher.final();
    return body;
  } catch (cause) {
    throw wrongPassphrase('the passphrase is another one, or the backup is damaged', cause);
  }
}

const keyOf = (passphrase: string, start: Buffer): Buffer =>
  scryptSync(passphrase.normalize('NFC'), start.subarray(SALT_AT, NONCE_AT), 32, COST);

const nonceOf = (start: Buffer): Buffer => start.subarray(NONCE_AT, BODY_AT);

const unreadable = (why: string, cause?: unknown): SwarmError =>
  new SwarmError('data-loss', 'BACKUP_FILE', `the backup cannot be read: ${why}`, { cause });

const wrongPassphrase = (text: string, cause?: unknown): SwarmError =>
  new SwarmError('invalid-argument', 'BACKUP_PASSPHRASE', text, { cause });
