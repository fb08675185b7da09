import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHostPort, parseHostPort } from '../core/address.js';
import { peerOf } from '../core/peer.js';
import { statusOf } from '../core/status.js';

test('addresses', () => {
  assert.deepEqual(parseHostPort('10.0.0.1:4242'), { host: '10.0.0.1', port: 4242 });
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 });
  assert.deepEqual(parseHostPort(':4242'), { host: '', port: 4242 });
  assert.deepEqual(parseHostPort('manager-1.local:2377'), { host: 'manager-1.local', port: 2377 });
  for (const bad of ['', '::1:4242', 'a:', 'a:65536', 'a:-1', 'a/b:1', '[::1:1', 'a:1 '])
    assert.throws(() => parseHostPort(bad), { code: 'RPC_BAD_ADDRESS' });
  for (const address of ['10.0.0.1:1', '[fe80::1]:2', ':3'])
    assert.equal(formatHostPort(parseHostPort(address)), address);
});

test('a peer is what its certificate says, and nobody without one', () => {
  assert.deepEqual(peerOf({ O: 'c', OU: 'swarm-worker', CN: 'n' }, 'a:1'), {
    nodeId: 'n',
    clusterId: 'c',
    role: 'worker',
    address: 'a:1',
  });
  assert.equal(peerOf({ O: 'c', OU: ['x', 'swarm-manager'], CN: 'n' }, '').role, 'manager');
  assert.equal(peerOf({ O: 'c', OU: 'swarm-ca', CN: 'n' }, '').role, 'none');
  assert.deepEqual(peerOf(undefined, ''), { nodeId: '', clusterId: '', role: 'none', address: '' });
});

test('any text of any error can be encoded for the wire', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (odd, text) => {
      for (const message of [odd, text, `\udc00${odd}\ud800`])
        encodeURI(statusOf(new Error(message)).details);
      assert.equal(statusOf(new Error(text)).details, text);
    }),
    { numRuns: 50 },
  );
});
