import assert from 'node:assert/strict';
import test from 'node:test';
import { bytes, count, duration, nanoCpus, oneOf, pairs } from '../spec/units.js';
import { refuses } from './refuses.js';

const F = '--flag';

test('spans', () => {
  const ms = (text: string): number => {
    const { seconds, nanos } = duration(F, text);
    return Number(seconds) * 1_000 + nanos / 1e6;
  };
  assert.equal(ms('500ms'), 500);
  assert.equal(ms('10s'), 10_000);
  assert.equal(ms('1m30s'), 90_000);
  assert.equal(ms('1.5h'), 5_400_000);
  assert.equal(ms('0'), 0);
  assert.equal(ms('0s'), 0);
  assert.equal(ms('250us'), 0.25);
  for (const text of ['', '5', '5 s', 's', '-1s', '1s2', '1d', 'soon'])
    refuses(() => duration(F, text), `--flag is ${JSON.stringify(text)}; write a span`);
});

test('sizes', () => {
  assert.equal(bytes(F, '1024'), 1024n);
  assert.equal(bytes(F, '64m'), 64n << 20n);
  assert.equal(bytes(F, '2GiB'), 2n << 30n);
  assert.equal(bytes(F, '1.5g'), 3n << 29n);
  assert.equal(bytes(F, '10kb'), 10_240n);
  // More than a double holds exactly.
  assert.equal(bytes(F, '9007199254740993'), 9_007_199_254_740_993n);
  for (const text of ['', '1x', 'g', '-1m', '1 2', '1e3'])
    refuses(() => bytes(F, text), 'write a size like 64m');
  refuses(() => bytes(F, '99999999t'), 'more than can be stored');
});

test('CPUs', () => {
  assert.equal(nanoCpus(F, '0.5'), 500_000_000n);
  assert.equal(nanoCpus(F, '.25'), 250_000_000n);
  assert.equal(nanoCpus(F, '2'), 2_000_000_000n);
  for (const text of ['', '.', 'x', '-1', '1e1', '50%'])
    refuses(() => nanoCpus(F, text), 'a number of CPUs');
});

test('counts', () => {
  assert.equal(count(F, '0'), 0n);
  assert.equal(count(F, '12'), 12n);
  for (const text of ['', '-1', '1.5', 'x', '1e3']) refuses(() => count(F, text), 'a whole number');
  refuses(() => count(F, '9223372036854775808'), 'more than can be stored');
});

test('pairs', () => {
  assert.deepEqual(pairs(F, ['a=1', 'b', 'c=x=y', 'a=2']), { a: '2', b: '', c: 'x=y' });
  assert.equal(Object.entries(pairs(F, ['__proto__=x']))[0]?.join('='), '__proto__=x');
  refuses(() => pairs(F, ['=x']), '--flag is "=x"; write key=value');
});

test('one of a few words', () => {
  assert.equal(oneOf(F, { any: 1, none: 2 }, 'None'), 2);
  refuses(() => oneOf(F, { any: 1, none: 2 }, 'toString'), 'must be one of any, none');
});
