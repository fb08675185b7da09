import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Peer } from '../../contracts/rpc.js';
import { callerOf, forwardedMetadata } from '../forwarded-call.js';

const manager: Peer = { nodeId: 'm', clusterId: 'c', role: 'manager', address: '10.0.0.1:1' };
const worker = {
  forwarded_cert_cn: 'w',
  forwarded_cert_org: 'c',
  forwarded_cert_ou: 'swarm-worker',
};

type Headers = Readonly<Record<string, string | readonly string[]>>;
const ask = (direct: Peer, headers: Headers, open = false): Peer =>
  callerOf(
    direct,
    (key) => {
      const value = headers[key];
      return value === undefined ? [] : typeof value === 'string' ? [value] : value;
    },
    'c',
    open,
  );

test('only a call that says so is taken for one that was passed on', () => {
  for (const forwarded_cert of [undefined, 'TRUE', '', 'false', ['true', 'true']])
    assert.equal(
      ask(manager, { ...worker, ...(forwarded_cert === undefined ? {} : { forwarded_cert }) }),
      manager,
    );
  assert.deepEqual(ask(manager, { ...worker, forwarded_cert: 'true', remote_addr: '7.7.7.7:7' }), {
    nodeId: 'w',
    clusterId: 'c',
    role: 'worker',
    forwardedBy: 'm',
    address: '7.7.7.7:7',
  });
});

test('only a manager of this cluster is believed', () => {
  const refusals: readonly [Partial<Peer>, string][] = [
    [{ role: 'worker' }, 'Permission denied: remote certificate not part of OUs: [swarm-manager]'],
    [{ clusterId: 'x' }, 'Permission denied: remote certificate not part of organization: c'],
    [{ nodeId: '', role: 'none' }, 'no client certificates in request'],
  ];
  for (const [other, detail] of refusals) {
    const direct = { ...manager, ...other };
    assert.throws(() => ask(direct, { ...worker, forwarded_cert: 'true' }), {
      kind: 'permission-denied',
      message: `Permission denied: unauthorized forwarder role: rpc error: code = PermissionDenied desc = ${detail}`,
    });
    // What newcomers may do, a liar may do too: as a newcomer.
    assert.deepEqual(ask(direct, { ...worker, forwarded_cert: 'true', remote_addr: 'x' }, true), {
      nodeId: '',
      clusterId: '',
      role: 'none',
      address: '10.0.0.1:1',
    });
  }
});

test('a part that is missing makes it nobody, and nobody is refused where a node is needed', () => {
  for (const part of Object.keys(worker)) {
    for (const headers of [
      { ...worker, forwarded_cert: 'true', [part]: '' },
      { ...worker, forwarded_cert: 'true', [part]: [] },
    ]) {
      assert.throws(() => ask(manager, headers), {
        message: 'Permission denied: missing information in forwarded request',
      });
      assert.equal(ask(manager, headers, true).role, 'none');
      assert.equal(ask(manager, headers, true).forwardedBy, 'm');
    }
  }
});

test('repeated units arrive joined or apart', () => {
  const headers = { ...worker, forwarded_cert: 'true' };
  for (const forwarded_cert_ou of ['x, swarm-manager', ['x', 'swarm-manager']])
    assert.equal(ask(manager, { ...headers, forwarded_cert_ou }).role, 'manager');
  assert.equal(ask(manager, { ...headers, forwarded_cert_ou: 'x' }).role, 'none');
});

test('who is passed on arrives as who it is', () => {
  const peers = fc.record({
    nodeId: fc.stringMatching(/^[0-9a-z]{25}$/),
    clusterId: fc.stringMatching(/^[0-9a-z]{25}$/),
    role: fc.constantFrom('manager', 'worker'),
    address: fc.constantFrom('10.0.0.1:1', '[::1]:65535'),
  });
  fc.assert(
    fc.property(peers, (peer) => {
      const arrived = ask(manager, forwardedMetadata(peer as Peer));
      assert.deepEqual(arrived, { ...peer, forwardedBy: 'm' });
    }),
    { numRuns: 50 },
  );
  const nobody: Peer = { nodeId: '', clusterId: '', role: 'none', address: '10.0.0.9:1' };
  assert.deepEqual(ask(manager, forwardedMetadata(nobody), true), { ...nobody, forwardedBy: 'm' });
});
