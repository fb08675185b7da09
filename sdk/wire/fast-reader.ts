// Reads protobuf's wire format: what generated `decode` functions call. The bytes come from peers
// that we do not trust: every read is checked against the end of the message it belongs to, no
// length is believed before that many bytes are there, and nesting is limited. What is wrong
// throws a WireError. Nothing that is read shares memory with the input.
import { WireError } from './wire-error.js';

/** Messages within messages; the limit of protobuf's own implementations. */
const MAX_DEPTH = 100;

interface Unknowns {
  _unknownFields?: { [tag: number]: Uint8Array[] };
}

/** Replacement of BinaryReader. After a throw the reader is useless; drop it. */
export class FastReader {
  /** Next byte to read. */
  pos = 0;
  /** End of the message being read (of the whole input outside of any). */
  end: number;
  private depth = 0;
  private readonly buffer: Buffer;
  /** Upper half of the varint that `varint64` read last. */
  private high = 0;

  constructor(input: Uint8Array) {
    this.buffer = Buffer.isBuffer(input)
      ? input
      : Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    this.end = input.byteLength;
  }

  /**
   * Goes into a message or a packed field of `length` bytes (default: all that is left).
   * Returns what `leave` needs to come back out.
   */
  enter(length?: number): number {
    const outer = this.end;
    if (length !== undefined) {
      this.ask(length);
      this.end = this.pos + length;
    }
    this.depth += 1;
    if (this.depth > MAX_DEPTH) {
      throw new WireError(`messages are nested more than ${MAX_DEPTH} deep`);
    }
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
    this.depth -= 1;
  }

  /** Keeps a field that the message does not know, so that encoding writes it again. */
  keep(message: Unknowns, tag: number): void {
    const bytes = this.skip(tag & 7, tag >>> 3);
    message._unknownFields ??= {};
    const unknown = message._unknownFields;
    const values = unknown[tag];
    if (values === undefined) unknown[tag] = [bytes];
    else values.push(bytes);
  }

  /** Steps over the value of a field and returns a copy of its bytes, without the tag. */
  skip(wireType: number, field: number): Buffer {
    const start = this.pos;
    this.step(wireType, field, this.depth);
    return Buffer.from(this.buffer.subarray(start, this.pos));
  }

  uint32(): number {
    // Most varints are tags and lengths of one byte.
    if (this.pos < this.end) {
      const byte = this.buffer[this.pos] as number;
      if (byte < 0x80) {
        this.pos += 1;
        return byte;
      }
    }
    return this.varint64();
  }

  int32(): number {
    return this.uint32() | 0;
  }

  sint32(): number {
    const bits = this.uint32();
    return (bits >>> 1) ^ -(bits & 1);
  }

  bool(): boolean {
    return this.varint64() !== 0 || this.high !== 0;
  }

  uint64(): bigint {
    const low = this.varint64();
    if (this.high < 0x200000) return BigInt(this.high * 0x100000000 + low);
    return (BigInt(this.high) << 32n) | BigInt(low);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  sint64(): bigint {
    const bits = this.uint64();
    return (bits >> 1n) ^ -(bits & 1n);
  }

  fixed32(): number {
    return this.buffer.readUInt32LE(this.take(4));
  }

  sfixed32(): number {
    return this.buffer.readInt32LE(this.take(4));
  }

  fixed64(): bigint {
    return this.buffer.readBigUInt64LE(this.take(8));
  }

  sfixed64(): bigint {
    return this.buffer.readBigInt64LE(this.take(8));
  }

  float(): number {
    return this.buffer.readFloatLE(this.take(4));
  }

  double(): number {
    return this.buffer.readDoubleLE(this.take(8));
  }

  /** A copy: an alias would keep the whole input in memory, and change when it does. */
  bytes(): Buffer {
    const length = this.uint32();
    const start = this.take(length);
    return Buffer.from(this.buffer.subarray(start, start + length));
  }

  /** Bytes that are no UTF-8 become U+FFFD, as in Go's gogo peers nothing refuses them. */
  string(): string {
    const length = this.uint32();
    const start = this.take(length);
    const buffer = this.buffer;
    if (length < 24) {
      let text = '';
      for (let i = start; i < start + length; i++) {
        const byte = buffer[i] as number;
        if (byte > 0x7f) return buffer.toString('utf8', start, start + length);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return buffer.toString('utf8', start, start + length);
  }

  private ask(count: number): void {
    if (count > this.end - this.pos) {
      throw new WireError(
        `message is cut short: ${count} bytes wanted at ${this.pos}, ${this.end - this.pos} left`,
      );
    }
  }

  /** Steps over `count` bytes and returns where they start. */
  private take(count: number): number {
    this.ask(count);
    const start = this.pos;
    this.pos += count;
    return start;
  }

  /** Lower half of a varint of up to ten bytes; the upper half is in `high`. */
  private varint64(): number {
    const buffer = this.buffer;
    const last = this.end;
    let pos = this.pos;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= last)
        throw new WireError(`message is cut short: varint at ${this.pos} has no end`);
      const byte = buffer[pos++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) {
        low |= bits << shift;
      } else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        // Of the tenth byte only one bit fits; what is beyond is dropped, as everywhere.
        high |= bits << (shift - 32);
      }
      if (byte < 0x80) {
        this.pos = pos;
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new WireError(`varint at ${this.pos} is longer than ten bytes`);
  }

  private step(wireType: number, field: number, depth: number): void {
    if (field === 0) throw new WireError(`field number 0 at ${this.pos}`);
    switch (wireType) {
      case 0:
        this.varint64();
        return;
      case 1:
        this.take(8);
        return;
      case 2:
        this.take(this.uint32());
        return;
      case 3:
        if (depth >= MAX_DEPTH) {
          throw new WireError(`messages are nested more than ${MAX_DEPTH} deep`);
        }
        for (;;) {
          const tag = this.uint32();
          if ((tag & 7) === 4) {
            if (tag >>> 3 === field) return;
            throw new WireError(`group ${field} is ended as ${tag >>> 3} at ${this.pos}`);
          }
          this.step(tag & 7, tag >>> 3, depth + 1);
        }
      case 5:
        this.take(4);
        return;
      default:
        throw new WireError(`field ${field} has wire type ${wireType} at ${this.pos}`);
    }
  }
}
