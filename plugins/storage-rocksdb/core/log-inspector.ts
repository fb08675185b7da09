/**
 * Reads a RocksDB write-ahead log (LevelDB's log format: blocks of 32 KiB, fragments with a 7-byte
 * header of masked crc32c, length and type) and tells a torn tail from damage. RocksDB itself replays
 * up to the first bad fragment and silently drops the rest, which may have been acknowledged.
 *
 * A torn tail is the one write that was in flight: its fragments end with the file, or have whole
 * sectors that never reached the disk and read as zeros, and no other write comes after it.
 */
import { crc32c } from './crc32c.js';

export const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const SECTOR_BYTES = 512;
const FULL = 1;
const FIRST = 2;

export class LogInspector {
  private offset = 0;
  /** Where the first bad fragment begins. */
  private tornAt: number | undefined;
  private damage: number | undefined;

  /** Offset of damage: acknowledged writes are lost there. Undefined so far. */
  get damagedAt(): number | undefined {
    return this.damage;
  }

  /** Takes the next block, in order; only the last one may be shorter than `BLOCK_BYTES`. */
  block(bytes: Uint8Array): void {
    const start = this.offset;
    this.offset += bytes.length;
    if (this.damage !== undefined) return;
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + lengthAt(bytes, at);
      if (end <= bytes.length && isSound(bytes, at, end)) {
        if (this.tornAt !== undefined && beginsWrite(bytes, at)) {
          this.damage = this.tornAt;
          return;
        }
        at = end;
        continue;
      }
      this.tornAt ??= start + at;
      if (!couldBeTorn(bytes, at, end) || hasWriteAfter(bytes, at + 1)) this.damage = this.tornAt;
      return;
    }
  }
}

const lengthAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8);

const beginsWrite = (bytes: Uint8Array, at: number): boolean =>
  bytes[at + 6] === FULL || bytes[at + 6] === FIRST;

/** The checksum covers the type and the payload, and is stored rotated, so that a log can hold logs. */
function isSound(bytes: Uint8Array, at: number, end: number): boolean {
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

function couldBeTorn(bytes: Uint8Array, at: number, end: number): boolean {
  // Cut off by the end of the file. A header whose length alone is wrong would look the same.
  if (end > bytes.length) return bytes.length < BLOCK_BYTES && !isSound(bytes, at, bytes.length);
  for (let from = at; from < end; ) {
    const to = Math.min(end, from - (from % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(bytes, from, to)) return true;
    from = to;
  }
  return false;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Looks for the beginning of another write at any offset, since the length that led here is not to be trusted. */
function hasWriteAfter(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at + HEADER_BYTES <= bytes.length; at++) {
    if (!beginsWrite(bytes, at)) continue;
    const end = at + HEADER_BYTES + lengthAt(bytes, at);
    if (end <= bytes.length && isSound(bytes, at, end)) return true;
  }
  return false;
}
