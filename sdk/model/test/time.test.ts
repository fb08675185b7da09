import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  compareTimestamps,
  durationFromMs,
  durationToMs,
  timestampFromMs,
  timestampToMs,
} from '../time.js';

const wholeMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });

test('whole milliseconds go to the wire and back unchanged, signs and all', () => {
  fc.assert(
    fc.property(wholeMs, (ms) => {
      assert.equal(timestampToMs(timestampFromMs(ms)), ms);
      assert.equal(durationToMs(durationFromMs(ms)), ms);
    }),
  );
});

test('what is on the wire is valid: nanos of an instant from 0, of a span with the sign of its seconds', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e12, max: 1e12, noNaN: true }), (ms) => {
      const at = timestampFromMs(ms);
      assert.ok(at.nanos >= 0 && at.nanos < 1e9 && Number.isInteger(at.nanos));
      const span = durationFromMs(ms);
      assert.ok(Math.abs(span.nanos) < 1e9 && Number.isInteger(span.nanos));
      if (span.seconds !== 0n && span.nanos !== 0) assert.equal(span.seconds > 0n, span.nanos > 0);
    }),
  );
  assert.deepEqual(timestampFromMs(-1), { seconds: -1n, nanos: 999_000_000 });
  assert.deepEqual(durationFromMs(-1500), { seconds: -1n, nanos: -500_000_000 });
});

test('finer than a millisecond is cut: an instant towards the past, a span towards zero', () => {
  assert.equal(timestampToMs({ seconds: 1n, nanos: 1_999_999 }), 1001);
  assert.equal(timestampToMs({ seconds: -1n, nanos: 999_999_999 }), -1);
  assert.equal(durationToMs({ seconds: 1n, nanos: 1_999_999 }), 1001);
  assert.equal(durationToMs({ seconds: -1n, nanos: -1_999_999 }), -1001);
  assert.ok(Object.is(durationToMs({ seconds: 0n, nanos: -1 }), 0));
});

test('absent stays absent, and comes first in order', () => {
  assert.equal(timestampFromMs(undefined), undefined);
  assert.equal(timestampToMs(undefined), undefined);
  assert.equal(durationFromMs(undefined), undefined);
  assert.equal(durationToMs(undefined), undefined);
  const at = timestampFromMs(1);
  assert.ok(compareTimestamps(undefined, at) < 0 && compareTimestamps(at, undefined) > 0);
  assert.equal(compareTimestamps(undefined, undefined), 0);
});

test('instants compare by seconds, then nanos', () => {
  fc.assert(
    fc.property(wholeMs, wholeMs, (a, b) => {
      assert.equal(
        Math.sign(compareTimestamps(timestampFromMs(a), timestampFromMs(b))),
        Math.sign(a - b),
      );
    }),
  );
});
