// The node's key file: the private key, and in its PEM headers which key-encryption key (KEK) it is under
// and the data keys of the manager's log. Text in, contents out; nothing here touches a disk or a log.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { DataKeySet } from '@swarmkit/sdk/contracts/data-keys';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { readPem, writePem, type PemBlock } from './pem.js';
import { decryptPkcs8, encryptPkcs8 } from './pkcs8.js';
import { seal, unseal } from './secret-box.js';

export interface Kek {
  /** Version of the cluster object that it came with; 0 for a file that was never locked. */
  readonly version: bigint;
  /** 32 bytes; undefined while the file is not locked. */
  readonly key: Uint8Array | undefined;
}

export interface KeyFile {
  readonly key: KeyObject;
  readonly kek: Kek;
  readonly dataKeys: DataKeySet;
  /** Headers that somebody else keeps here. */
  readonly others: ReadonlyMap<string, string>;
}

export const NO_KEK: Kek = { version: 0n, key: undefined };
export const NO_DATA_KEYS: DataKeySet = {
  current: undefined,
  pending: undefined,
  needsRotation: false,
};

const HEADER = {
  version: 'kek-version',
  current: 'raft-dek',
  pending: 'raft-dek-pending',
  needsRotation: 'raft-dek-needs-rotation',
} as const;
/** Of keys that OpenSSL encrypted before PKCS#8; SwarmKit of long ago wrote them. */
const LEGACY = ['Proc-Type', 'DEK-Info'] as const;

type Random = (count: number) => Uint8Array;

export function writeKeyFile({ key, kek, dataKeys, others }: KeyFile, random: Random): string {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const sealed = (secret: Uint8Array): string =>
    Buffer.from(seal(secret, kek.key, random)).toString('base64');
  const headers = new Map(others);
  headers.set(HEADER.version, kek.version.toString());
  if (dataKeys.current !== undefined) {
    headers.set(HEADER.current, sealed(dataKeys.current));
    if (dataKeys.pending !== undefined) headers.set(HEADER.pending, sealed(dataKeys.pending));
    if (dataKeys.needsRotation) headers.set(HEADER.needsRotation, 'true');
  }
  return kek.key === undefined
    ? writePem('PRIVATE KEY', der, headers)
    : writePem('ENCRYPTED PRIVATE KEY', encryptPkcs8(der, kek.key, random), headers);
}

/**
 * The same contents under another KEK. Data keys that lay on disk in the clear so far are no secret any
 * more: they are to be replaced.
 */
export function withKek(file: KeyFile, kek: Kek): KeyFile {
  const { dataKeys } = file;
  const wasOpen = file.kek.key === undefined && kek.key !== undefined;
  const needsRotation = dataKeys.needsRotation || (wasOpen && dataKeys.current !== undefined);
  return { ...file, kek, dataKeys: { ...dataKeys, needsRotation } };
}

export const isSameKek = (a: Kek, b: Kek): boolean =>
  a.key === undefined || b.key === undefined ? a.key === b.key : Buffer.compare(a.key, b.key) === 0;

/**
 * 'locked' without the KEK that it takes. Throws CA_UNLOCK_WRONG for another one, and a plain Error when
 * the file is damaged.
 */
export function readKeyFile(text: string, kek: Uint8Array | undefined): KeyFile | 'locked' {
  const block = readPem(text).find(({ type }) => type.endsWith('PRIVATE KEY'));
  if (block === undefined) throw new Error('there is no key in it');
  const isLocked = block.type === 'ENCRYPTED PRIVATE KEY' || block.headers.has('DEK-Info');
  if (isLocked && kek === undefined) return 'locked';
  const used = isLocked ? kek : undefined;
  const others = new Map(block.headers);
  for (const name of [...Object.values(HEADER), ...LEGACY]) others.delete(name);
  const version = block.headers.get(HEADER.version) ?? '0';
  if (!/^\d{1,20}$/.test(version)) throw new Error(`its ${HEADER.version} is no number`);
  return {
    key: privateKeyOf(block, used),
    kek: { version: BigInt(version), key: used },
    dataKeys: dataKeysOf(block.headers, used),
    others,
  };
}

function privateKeyOf(block: PemBlock, kek: Uint8Array | undefined): KeyObject {
  if (kek === undefined) return createPrivateKey(writePem(block.type, block.der));
  if (block.type === 'ENCRYPTED PRIVATE KEY') {
    const der = decryptPkcs8(block.der, kek);
    if (der === undefined) throw wrongKey();
    try {
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    } catch {
      throw wrongKey();
    }
  }
  const headers = new Map(LEGACY.map((name) => [name, block.headers.get(name) ?? '']));
  try {
    return createPrivateKey({
      key: writePem(block.type, block.der, headers),
      passphrase: Buffer.from(kek),
    });
  } catch {
    throw wrongKey();
  }
}

function dataKeysOf(headers: ReadonlyMap<string, string>, kek: Uint8Array | undefined): DataKeySet {
  const open = (name: string): Uint8Array | undefined => {
    const value = headers.get(name);
    if (value === undefined) return undefined;
    try {
      return unseal(Buffer.from(value, 'base64'), kek);
    } catch (cause) {
      throw new Error(`its ${name} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  const current = open(HEADER.current);
  const pending = open(HEADER.pending);
  if (current === undefined && pending !== undefined)
    throw new Error(`it has a ${HEADER.pending} and no ${HEADER.current}`);
  return { current, pending, needsRotation: headers.get(HEADER.needsRotation) === 'true' };
}

const wrongKey = (): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'CA_UNLOCK_WRONG',
    'the unlock key is wrong: nothing was changed',
  );
