import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METHOD_ROLES } from '@swarmkit/sdk/wire/method-roles';
import { authorize } from '../core/authorize.js';
import { nodeProfile, rootProfile, serialOf } from '../core/certificate-profile.js';
import { type CertificateFact, type FolderFacts, planFor } from '../core/folder-plan.js';
import { joinToken, parseJoinToken, secretText } from '@swarmkit/sdk/model/join-token';
import { renewAt, retryAfter } from '../core/renewal.js';

const EMPTY_SHA256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

test('join tokens have the published form', () => {
  assert.equal(
    joinToken(
      EMPTY_SHA256,
      Uint8Array.from({ length: 16 }, (_, i) => i),
    ),
    'SWMTKN-1-5oaq0bjhj6un82wg98mgigso5q7qlhc63je4gw7ivixqqhkd3p-000avh9he7dy896m08s18udxr',
  );
  assert.equal(secretText(new Uint8Array(16).fill(0xff)), 'f5lxx1zz5pnorynqglhzmsp33');
  assert.equal(secretText(new Uint8Array(16)), '0'.repeat(25));
});

test('join tokens are read back, of both versions', () => {
  const digest = '5oaq0bjhj6un82wg98mgigso5q7qlhc63je4gw7ivixqqhkd3p';
  const secret = '000avh9he7dy896m08s18udxr';
  const parsed = { digest: EMPTY_SHA256, secret, fips: false };
  assert.deepEqual(parseJoinToken(`SWMTKN-1-${digest}-${secret}`), parsed);
  assert.deepEqual(parseJoinToken(`SWMTKN-2-0-${digest}-${secret}`), parsed);
  assert.deepEqual(parseJoinToken(`SWMTKN-2-1-${digest}-${secret}`), { ...parsed, fips: true });
});

test('anything else is an invalid join token', () => {
  const digest = '5oaq0bjhj6un82wg98mgigso5q7qlhc63je4gw7ivixqqhkd3p';
  const secret = '000avh9he7dy896m08s18udxr';
  for (const bad of [
    '',
    'SWMTKN',
    `SWMTKN-3-${digest}-${secret}`,
    `SWMTKN-1-0-${digest}-${secret}`,
    `SWMTKN-2-${digest}-${secret}`,
    `SWMTKN-2-2-${digest}-${secret}`,
    `SWMTKN-1-${digest.slice(1)}-${secret}`,
    `SWMTKN-1-${digest}-${secret}0`,
    `swmtkn-1-${digest}-${secret}`,
    `SWMTKN-1-${digest}-${secret}\n`,
    // Greater than any SHA-256.
    `SWMTKN-1-${'z'.repeat(50)}-${secret}`,
  ])
    assert.throws(() => parseJoinToken(bad), {
      kind: 'invalid-argument',
      code: 'CA_TOKEN',
      message: 'invalid join token',
    });
});

test('a root lives 20 years from five minutes ago, on the minute', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 29, 999);
  const { notBefore, notAfter, ca, subject } = rootProfile(now);
  assert.equal(notBefore, Date.UTC(2026, 0, 1, 11, 55));
  assert.equal(notAfter - notBefore, 630_720_000_000);
  assert.equal(ca, true);
  assert.deepEqual(subject, { commonName: 'swarm-ca' });
});

test('a node certificate is backdated an hour and lives as long as configured', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 31);
  const names = { clusterId: 'c1', nodeId: 'n1', role: 'manager' } as const;
  const { notBefore, notAfter, ...rest } = nodeProfile(names, 2 * HOUR_MS, now);
  assert.equal(notBefore, Date.UTC(2026, 0, 1, 11, 1));
  assert.equal(notAfter, Date.UTC(2026, 0, 1, 14, 1));
  assert.deepEqual(rest, {
    subject: { organization: 'c1', organizationalUnit: 'swarm-manager', commonName: 'n1' },
    ca: false,
    dnsNames: ['swarm-manager', 'n1', 'swarm-ca'],
    uris: ['spiffe://c1/manager/n1'],
  });
  const worker = nodeProfile({ ...names, role: 'worker' }, HOUR_MS - 1, now);
  assert.deepEqual(worker.dnsNames, ['swarm-worker', 'n1']);
  assert.deepEqual(worker.uris, ['spiffe://c1/worker/n1']);
  assert.equal(worker.notAfter - worker.notBefore, 90 * DAY_MS + HOUR_MS);
});

test('a serial number is positive and has no leading zero byte', () => {
  for (const byte of [0, 0x7f, 0x80, 0xff]) {
    const [first = 0, second] = serialOf(new Uint8Array(20).fill(byte));
    assert.ok(first >= 0x40 && first < 0x80);
    assert.equal(second, byte);
  }
});

test('renewal falls on a minute in the middle of the life', () => {
  const notBefore = Date.UTC(2026, 0, 1);
  const validity = { notBefore, notAfter: notBefore + 90 * DAY_MS };
  assert.equal(renewAt(validity, 0), notBefore + 45 * DAY_MS);
  assert.equal(renewAt(validity, 1 - Number.EPSILON), notBefore + 72 * DAY_MS - MINUTE_MS);
});

test('pauses between failed renewals grow to an hour', () => {
  assert.equal(retryAfter(1, 0), 0);
  assert.equal(retryAfter(1, 1 - Number.EPSILON), 9_999);
  assert.equal(retryAfter(4, 1 - Number.EPSILON), 44_999);
  assert.equal(retryAfter(1_000, 1 - Number.EPSILON), HOUR_MS - 1);
});

const PREFIX =
  'Permission denied: unauthorized peer role: rpc error: code = PermissionDenied desc = ';
const LIST_NODES = '/docker.swarmkit.v1.Control/ListNodes';
const HEARTBEAT = '/docker.swarmkit.v1.Dispatcher/Heartbeat';
const manager = { nodeId: 'n1', clusterId: 'c1', role: 'manager', address: '' } as const;
const worker = { ...manager, role: 'worker' } as const;
const nobody = { nodeId: '', clusterId: '', role: 'none', address: '' } as const;

test('refusals carry the texts that nodes match on', () => {
  const refused = (path: string, peer: Parameters<typeof authorize>[0]['peer'], detail: string) =>
    assert.throws(() => authorize({ path, peer }, 'c1'), {
      kind: 'permission-denied',
      message: PREFIX + detail,
    });
  refused(LIST_NODES, nobody, 'no client certificates in request');
  refused(
    LIST_NODES,
    worker,
    'Permission denied: remote certificate not part of OUs: [swarm-manager]',
  );
  refused(
    HEARTBEAT,
    { ...manager, role: 'none' },
    'Permission denied: remote certificate not part of OUs: [swarm-worker swarm-manager]',
  );
  refused(
    HEARTBEAT,
    { ...worker, clusterId: 'c2' },
    'Permission denied: remote certificate not part of organization: c1',
  );
});

test('the whole table holds for every kind of caller', () => {
  const may = (path: string, peer: Parameters<typeof authorize>[0]['peer']): boolean => {
    try {
      authorize({ path, peer }, 'c1');
      return true;
    } catch {
      return false;
    }
  };
  for (const [path, roles] of Object.entries(METHOD_ROLES)) {
    const insecure = roles === 'insecure';
    assert.equal(may(path, nobody), insecure, path);
    assert.equal(may(path, worker), insecure || roles.includes('swarm-worker'), path);
    assert.equal(may(path, manager), insecure || roles.includes('swarm-manager'), path);
    assert.equal(may(path, { ...manager, clusterId: 'c2' }), insecure, path);
  }
  assert.ok(Object.keys(METHOD_ROLES).length > 60);
  assert.equal(may('/acme.v1.Other/Call', manager), true);
  assert.equal(may('/acme.v1.Other/Call', worker), false);
});

test('what is about a node itself is for whoever may open its socket, and for nobody else', () => {
  const peer = { nodeId: 'n', clusterId: 'c', role: 'worker', address: '' } as const;
  const path = '/swarmkit.node.v1.Node/Leave';
  authorize({ path, peer, exposure: 'control' }, 'c');
  assert.throws(() => authorize({ path, peer, exposure: 'remote' }, 'c'), {
    code: 'CA_UNAUTHORIZED',
  });
  assert.throws(
    () =>
      authorize({ path: '/docker.swarmkit.v1.Control/ListNodes', peer, exposure: 'control' }, 'c'),
    { code: 'CA_UNAUTHORIZED' },
  );
});

test('every state that a crash can leave is one to go on from', () => {
  const none: FolderFacts = {
    rootCertificate: false,
    rootKey: false,
    nodeKey: false,
    nodeCertificate: 'absent',
    pendingCertificate: 'absent',
    joining: false,
  };
  const steps: readonly [Partial<FolderFacts>, ReturnType<typeof planFor>][] = [
    // Bootstrap.
    [{}, { do: 'bootstrap' }],
    [{ rootKey: true }, { do: 'bootstrap' }],
    [{ rootCertificate: true }, { do: 'issue' }],
    [{ pendingCertificate: 'other' }, { do: 'issue' }],
    [
      { nodeKey: true, pendingCertificate: 'matching' },
      { do: 'use', certificate: 'pending' },
    ],
    [
      { nodeCertificate: 'matching', pendingCertificate: 'absent' },
      { do: 'use', certificate: 'node' },
    ],
    // Renewal.
    [{ pendingCertificate: 'other' }, { do: 'use', certificate: 'node' }],
    [
      { nodeCertificate: 'other', pendingCertificate: 'matching' },
      { do: 'use', certificate: 'pending' },
    ],
    [
      { nodeCertificate: 'matching', pendingCertificate: 'absent' },
      { do: 'use', certificate: 'node' },
    ],
  ];
  let facts = none;
  for (const [change, plan] of steps) {
    facts = { ...facts, ...change };
    assert.deepEqual(planFor(facts), plan, JSON.stringify(facts));
  }
});

test('a join that was begun is gone on with, and never becomes a cluster of its own', () => {
  const begun: FolderFacts = {
    rootCertificate: true,
    rootKey: false,
    nodeKey: false,
    nodeCertificate: 'absent',
    pendingCertificate: 'other',
    joining: true,
  };
  assert.deepEqual(planFor(begun), { do: 'join' });
  assert.deepEqual(planFor({ ...begun, joining: false }), { do: 'ask-again' });
});

test('what no crash leaves is refused with the file that is wrong', () => {
  const whole: FolderFacts = {
    rootCertificate: true,
    rootKey: true,
    nodeKey: true,
    nodeCertificate: 'matching',
    pendingCertificate: 'absent',
    joining: false,
  };
  const fileFor = (change: Partial<FolderFacts>): string => {
    const plan = planFor({ ...whole, ...change });
    assert.equal(plan.do, 'refuse');
    return plan.do === 'refuse' ? `${plan.file} ${plan.problem}` : '';
  };
  assert.match(fileFor({ nodeKey: false }), /^swarm-node\.key is missing/);
  assert.match(fileFor({ rootCertificate: false }), /^swarm-root-ca\.crt is missing/);
  assert.match(fileFor({ nodeCertificate: 'absent' }), /^swarm-node\.crt is missing/);
  assert.match(fileFor({ nodeCertificate: 'other' }), /^swarm-node\.crt does not belong/);
  assert.match(fileFor({ nodeCertificate: 'unreadable' }), /^swarm-node\.crt is not a PEM/);
});

test('a plan never uses what does not match, whatever lies in the folder', () => {
  const facts: CertificateFact[] = ['absent', 'unreadable', 'matching', 'other'];
  for (let bits = 0; bits < 16; bits++)
    for (const nodeCertificate of facts)
      for (const pendingCertificate of facts) {
        const state: FolderFacts = {
          rootCertificate: (bits & 1) > 0,
          rootKey: (bits & 2) > 0,
          nodeKey: (bits & 4) > 0,
          nodeCertificate,
          pendingCertificate,
          joining: (bits & 8) > 0,
        };
        const plan = planFor(state);
        if (plan.do === 'use') {
          assert.ok(state.rootCertificate && state.nodeKey);
          const used = plan.certificate === 'node' ? nodeCertificate : pendingCertificate;
          assert.equal(used, 'matching');
        }
        if (plan.do !== 'use' && plan.do !== 'refuse')
          assert.ok(!state.nodeKey && nodeCertificate === 'absent', 'an identity was thrown away');
        assert.equal(
          plan.do === 'join',
          !state.nodeKey && nodeCertificate === 'absent' && state.joining,
        );
        if (plan.do === 'issue') assert.ok(state.rootCertificate && state.rootKey);
      }
});

test('of a call that a manager passed on, its caller is judged, in other words', () => {
  const passed = { ...manager, role: 'worker', forwardedBy: 'm2' } as const;
  authorize({ path: '/docker.swarmkit.v1.Dispatcher/Heartbeat', peer: passed }, 'c1');
  assert.throws(
    () => authorize({ path: '/docker.swarmkit.v1.RaftMembership/Join', peer: passed }, 'c1'),
    {
      kind: 'permission-denied',
      message: 'Permission denied: unauthorized forwarded role, expecting: [swarm-manager]',
    },
  );
  assert.throws(
    () => authorize({ path: '/docker.swarmkit.v1.Dispatcher/Heartbeat', peer: passed }, 'other'),
    { message: 'Permission denied: organization mismatch, expecting: other' },
  );
});
