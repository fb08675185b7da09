import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatIp,
  formatNetwork,
  ipNumber,
  ipOfNumber,
  networkSize,
  overlap,
  parseCidr,
  parseIp,
} from '../ip-address.js';

const ip = (text: string) => {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
};
const net = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
};

test('addresses are written as other tools write them', () => {
  for (const [text, usual = text] of [
    ['10.0.1.255'],
    ['FD00::0001', 'fd00::1'],
    ['::'],
    ['::1'],
    ['fe80::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ])
    assert.equal(formatIp(ip(text ?? '')), usual);
  assert.equal(formatNetwork(net('10.1.2.3/16')), '10.1.0.0/16');
});

test('what was written is read as the same address, and numbers go both ways', () => {
  const bytes = fc.oneof(
    fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(bytes, (address) => {
      const mapped = address.length === 16 && parseIp(formatIp(address))?.length === 4;
      if (!mapped) assert.deepEqual(ip(formatIp(address)), address);
      assert.deepEqual(ipOfNumber(ipNumber(address), address.length), address);
    }),
  );
});

test('sizes and overlaps of networks', () => {
  assert.equal(networkSize(net('10.0.0.0/24')), 256n);
  assert.equal(networkSize(net('fd00::/64')), 1n << 64n);
  for (const [a, b, expected] of [
    ['10.0.0.0/24', '10.0.1.0/24', false],
    ['10.0.0.0/23', '10.0.1.0/24', true],
    ['10.0.1.128/25', '10.0.1.0/24', true],
    ['0.0.0.0/0', 'fd00::/64', false],
    ['fd00::/48', 'fd00:0:0:1::/64', true],
  ] as const) {
    assert.equal(overlap(net(a), net(b)), expected, `${a} ${b}`);
    assert.equal(overlap(net(b), net(a)), expected, `${b} ${a}`);
  }
});
