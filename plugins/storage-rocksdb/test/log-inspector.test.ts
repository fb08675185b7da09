import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../core/crc32c.js';
import { inspectLog } from '../core/log-inspector.js';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;

/** Writes a log as RocksDB does. Returns the bytes and where each record ends. */
function makeLog(records: readonly Uint8Array[]): { bytes: Buffer; ends: number[] } {
  const parts: Buffer[] = [];
  const ends: number[] = [];
  let at = 0;
  const add = (part: Buffer): void => {
    parts.push(part);
    at += part.length;
  };
  for (const record of records) {
    let begin = true;
    let rest = record;
    do {
      const left = BLOCK_BYTES - (at % BLOCK_BYTES);
      if (left < HEADER_BYTES) add(Buffer.alloc(left));
      const room = BLOCK_BYTES - (at % BLOCK_BYTES) - HEADER_BYTES;
      const piece = rest.subarray(0, room);
      rest = rest.subarray(piece.length);
      const end = rest.length === 0;
      add(fragment(begin && end ? 1 : begin ? 2 : end ? 4 : 3, piece));
      begin = false;
    } while (rest.length > 0);
    ends.push(at);
  }
  return { bytes: Buffer.concat(parts), ends };
}

function fragment(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  bytes.set(payload, HEADER_BYTES);
  bytes.writeUInt16LE(payload.length, 4);
  bytes[6] = type;
  const crc = crc32c(bytes, 6, bytes.length);
  bytes.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
  return bytes;
}

const findDamage = (bytes: Uint8Array): number | undefined => {
  const { badAt, damaged } = inspectLog(bytes);
  return damaged ? badAt : undefined;
};

/** Never zero, so that no sector of it looks unwritten. */
const record = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => 1 + ((i * 7 + seed) % 255));

describe('the inspection of a write-ahead log', () => {
  it('knows crc32c', () => {
    assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
    assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa);
  });

  it('accepts whole logs, records over several blocks and block ends without room for a header', () => {
    assert.equal(findDamage(Buffer.alloc(0)), undefined);
    const sizes = [100, 1, 0, 200_000, BLOCK_BYTES - HEADER_BYTES, 32_000, 740, 3_000];
    assert.equal(findDamage(makeLog(sizes.map((size) => record(size))).bytes), undefined);
  });

  it('accepts a log that was cut off anywhere', () => {
    const { bytes } = makeLog([record(500), record(70_000), record(300)]);
    for (let length = 0; length < bytes.length; length += 97)
      assert.equal(findDamage(bytes.subarray(0, length)), undefined, `cut at ${length}`);
  });

  it('accepts a last record of which sectors were not written', () => {
    const { bytes, ends } = makeLog([record(500), record(9_000)]);
    bytes.fill(0, 1_024, 1_024 + 512);
    assert.equal(findDamage(bytes), undefined);
    bytes.fill(0, ends[0]);
    assert.equal(findDamage(bytes), undefined);
  });

  it('finds every flipped bit that is not in the padding', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat({ max: 7 }), (lengths, where, bit) => {
        const { bytes } = makeLog(lengths.map((length, i) => record(length, i)));
        const at = where % bytes.length;
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] as number) ^ (1 << bit);
        const isPadding = bytes[at] === 0 && at % BLOCK_BYTES > BLOCK_BYTES - HEADER_BYTES;
        const found = findDamage(flipped);
        // The bit may be anywhere in the fragment that is named.
        if (found === undefined) assert.ok(isPadding, `bit ${bit} of byte ${at}`);
        else assert.ok(found <= at && found > at - BLOCK_BYTES);
      }),
      { numRuns: 300 },
    );
  });

  it('accepts a refused record that was written once more on closing', () => {
    const { bytes, ends } = makeLog([record(500), record(9_000, 3)]);
    const start = ends[0] as number;
    const whole = bytes.subarray(start);
    for (const cut of [1, 6, 7, 8, 700, 4_096 - start, 9_000])
      for (const again of [whole.length, 5_000, 12]) {
        const parts = [bytes.subarray(0, start + cut), whole.subarray(0, again)];
        assert.equal(findDamage(Buffer.concat(parts)), undefined, `cut at ${cut}, then ${again}`);
      }
    // The buffer began before the fragment that broke off.
    const { bytes: long, ends: longEnds } = makeLog([record(500), record(100_000, 3)]);
    const buffer = longEnds[0] as number;
    const parts = [long.subarray(0, 80_000), long.subarray(buffer)];
    assert.equal(findDamage(Buffer.concat(parts)), undefined);
    const other = makeLog([record(600)]).bytes;
    assert.equal(findDamage(Buffer.concat([bytes.subarray(0, start + 700), other])), start);
  });

  it('calls zeroed sectors damage when another write follows', () => {
    const { bytes } = makeLog([record(500), record(9_000), record(200)]);
    bytes.fill(0, 1_024, 1_024 + 512);
    assert.equal(findDamage(bytes), 507);
  });
});
