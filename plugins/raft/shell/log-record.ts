/**
 * Keys and values of the `raft` space. Every value carries a checksum over its key and itself, so that
 * a flipped bit is found and the record it is in can be named, whatever the storage does.
 */
import { crc32 } from 'node:zlib';

const CHECKSUM_BYTES = 4;
const ENTRY_PREFIX = 'entry/';
const CHUNK_PREFIX = 'chunk/';

/** Who this log belongs to: a serialized `RaftMember`. */
export const MEMBER_KEY = Buffer.from('member');
export const HARD_STATE_KEY = Buffer.from('hard-state');
/** The newest whole snapshot: its metadata and how many chunks its data has. */
export const SNAPSHOT_KEY = Buffer.from('snapshot');

export const entryKey = (index: bigint): Buffer => numbered(ENTRY_PREFIX, index);

export const indexOfEntryKey = (key: Uint8Array): bigint =>
  Buffer.from(key).readBigUInt64BE(ENTRY_PREFIX.length);

/** All entries, whatever their index. '0' follows '/'. */
export const ENTRY_RANGE = { gte: Buffer.from(ENTRY_PREFIX), lt: Buffer.from('entry0') };

export function chunkKey(snapshotIndex: bigint, chunk: number): Buffer {
  const key = Buffer.alloc(CHUNK_PREFIX.length + 12);
  numbered(CHUNK_PREFIX, snapshotIndex).copy(key);
  key.writeUInt32BE(chunk, CHUNK_PREFIX.length + 8);
  return key;
}

export const CHUNK_RANGE = { gte: Buffer.from(CHUNK_PREFIX), lt: Buffer.from('chunk0') };

export const snapshotOfChunkKey = (key: Uint8Array): bigint =>
  Buffer.from(key).readBigUInt64BE(CHUNK_PREFIX.length);

export function seal(key: Buffer, payload: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(CHECKSUM_BYTES + payload.length);
  sealed.set(payload, CHECKSUM_BYTES);
  sealed.writeUInt32BE(checksum(key, sealed.subarray(CHECKSUM_BYTES)), 0);
  return sealed;
}

/** Undefined when the checksum does not fit. */
export function unseal(key: Uint8Array, sealed: Uint8Array): Buffer | undefined {
  if (sealed.length < CHECKSUM_BYTES) return undefined;
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  const payload = bytes.subarray(CHECKSUM_BYTES);
  return bytes.readUInt32BE(0) === checksum(key, payload) ? payload : undefined;
}

const checksum = (key: Uint8Array, payload: Uint8Array): number => crc32(payload, crc32(key));

function numbered(prefix: string, index: bigint): Buffer {
  const key = Buffer.alloc(prefix.length + 8);
  key.write(prefix, 'latin1');
  key.writeBigUInt64BE(index, prefix.length);
  return key;
}
