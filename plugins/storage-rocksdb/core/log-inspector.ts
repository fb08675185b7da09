/**
 * Reads a RocksDB write-ahead log (LevelDB's log format: blocks of 32 KiB, fragments with a 7-byte
 * header of masked crc32c, length and type) and tells a torn tail from damage. RocksDB itself replays
 * up to the first bad fragment and silently drops the rest, which may have been acknowledged.
 *
 * A torn tail is the one write that was in flight or refused, and nothing comes after it: its fragment
 * ends with the file, or has whole sectors that never reached the disk and read as zeros, or comes a
 * second time, because on closing RocksDB writes its buffer again of which a full disk took a part.
 */
import { crc32c } from './crc32c.js';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const SECTOR_BYTES = 512;
/** What RocksDB's log writer buffers at most. */
const BUFFER_BYTES = 1024 * 1024;
const FULL = 1;
const FIRST = 2;

export interface Inspection {
  /** Where the first bad fragment begins. Undefined in a sound log. */
  readonly badAt: number | undefined;
  /** It is no torn tail: acknowledged writes are lost there. */
  readonly damaged: boolean;
}

export function inspectLog(log: Uint8Array): Inspection {
  let badAt: number | undefined;
  for (let begin = 0; begin < log.length; begin += BLOCK_BYTES) {
    const block = log.subarray(begin, begin + BLOCK_BYTES);
    let at = 0;
    while (block.length - at >= HEADER_BYTES && isSound(block, at)) {
      if (badAt !== undefined && beginsWrite(block, at)) return { badAt, damaged: true };
      at = endOf(block, at);
    }
    if (block.length - at < HEADER_BYTES) continue;
    badAt ??= begin + at;
    if (comesAgain(log, begin + at)) return { badAt, damaged: false };
    if (!couldBeTorn(block, at) || hasWriteAfter(block, at)) return { badAt, damaged: true };
  }
  return { badAt, damaged: false };
}

const lengthAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8);

const endOf = (bytes: Uint8Array, at: number): number => at + HEADER_BYTES + lengthAt(bytes, at);

const beginsWrite = (bytes: Uint8Array, at: number): boolean =>
  bytes[at + 6] === FULL || bytes[at + 6] === FIRST;

/** The checksum covers the type and the payload, and is stored rotated, so that a log can hold logs. */
function isSound(bytes: Uint8Array, at: number, end = endOf(bytes, at)): boolean {
  if (end > bytes.length) return false;
  const stored =
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0;
  const crc = crc32c(bytes, at + 6, end);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  return stored === masked;
}

function couldBeTorn(block: Uint8Array, at: number): boolean {
  const end = endOf(block, at);
  // Cut off by the end of the file. A header of which only the length is wrong would look the same.
  if (end > block.length) return block.length < BLOCK_BYTES && !isSound(block, at, block.length);
  for (let from = at; from < end; ) {
    const to = Math.min(end, from - (from % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(block, from, to)) return true;
    from = to;
  }
  return false;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Looks for the beginning of another write at any offset, since a bad fragment's length is not to be trusted. */
function hasWriteAfter(block: Uint8Array, bad: number): boolean {
  for (let at = bad + 1; at + HEADER_BYTES <= block.length; at++)
    if (beginsWrite(block, at) && isSound(block, at)) return true;
  return false;
}

/**
 * Whether the fragment with the same header follows, whole or cut off by the end of the log. It is
 * wherever the first attempt ended plus what lies before it in the buffer, so blocks do not matter.
 */
function comesAgain(log: Uint8Array, bad: number): boolean {
  const lastStart = Math.min(bad + BLOCK_BYTES + BUFFER_BYTES, log.length - HEADER_BYTES);
  for (let at = bad + 1; at <= lastStart; at++) {
    const shared = Math.min(at - bad, HEADER_BYTES);
    if (!isEqual(log, bad, at, shared)) continue;
    if (isSound(log, at) || (endOf(log, at) > log.length && shared === HEADER_BYTES)) return true;
  }
  return false;
}

function isEqual(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
