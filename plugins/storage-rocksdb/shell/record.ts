/**
 * How a pair lies in RocksDB: the key behind one byte, so that the empty key is possible and our own
 * marks have a place of their own; the value behind a checksum over key and value, because RocksDB
 * does not verify block checksums while it iterates (the binding switches that off).
 */
import { crc32 } from 'node:zlib';
import type { IteratorRange } from './engine.js';
import type { KeyRange } from '@swarmkit/sdk/contracts/storage';

const PREFIX = 0x6b;
const CHECKSUM_BYTES = 4;

/** Below every pair of a user. */
export const FORMAT_KEY = Buffer.from('\x00format');

export function encodeKey(key: Uint8Array): Buffer {
  const encoded = Buffer.allocUnsafe(key.length + 1);
  encoded[0] = PREFIX;
  encoded.set(key, 1);
  return encoded;
}

export const decodeKey = (encoded: Buffer): Buffer => encoded.subarray(1);

export function encodeValue(encodedKey: Buffer, value: Uint8Array): Buffer {
  const encoded = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES);
  encoded.set(value, CHECKSUM_BYTES);
  encoded.writeUInt32LE(checksum(encodedKey, encoded.subarray(CHECKSUM_BYTES)), 0);
  return encoded;
}

/** Undefined when the checksum does not fit: a bit is not what it was. */
export function decodeValue(encodedKey: Buffer, encoded: Buffer): Buffer | undefined {
  if (encoded.length < CHECKSUM_BYTES) return undefined;
  const value = encoded.subarray(CHECKSUM_BYTES);
  return encoded.readUInt32LE(0) === checksum(encodedKey, value) ? value : undefined;
}

export const encodeRange = (range: KeyRange): IteratorRange => ({
  gte: range.gte === undefined ? Buffer.of(PREFIX) : encodeKey(range.gte),
  lt: range.lt === undefined ? Buffer.of(PREFIX + 1) : encodeKey(range.lt),
  reverse: range.reverse ?? false,
  limit: range.limit ?? -1,
});

const checksum = (encodedKey: Buffer, value: Buffer): number => crc32(value, crc32(encodedKey));
