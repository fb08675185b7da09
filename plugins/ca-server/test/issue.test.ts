import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { NodeSpec_Availability, NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Rig, refused, tokens } from './rig.js';

const csr = (text: string): Buffer => Buffer.from(text);
const badToken = 'A valid join token is necessary to join this cluster';
const leading = (t: TestContext): Rig => new Rig().seed().lead(t);

test('a token makes a node of its role, and its certificate follows', async (t) => {
  const rig = leading(t);
  for (const [token, role, name] of [
    [tokens.worker, NodeRole.WORKER, 'worker'],
    [tokens.manager, NodeRole.MANAGER, 'manager'],
  ] as const) {
    const { nodeId, nodeMembership } = await rig.newcomer.issue({
      csr: csr('mine'),
      token,
      // What a request says of itself is not looked at.
      role: role === NodeRole.WORKER ? NodeRole.MANAGER : NodeRole.WORKER,
      availability: NodeSpec_Availability.DRAIN,
    });
    assert.equal(nodeMembership, NodeSpec_Membership.ACCEPTED);
    const { status, certificate } = await rig.newcomer.status(nodeId);
    assert.equal(status?.state, IssuanceStatus_State.ISSUED);
    assert.equal(certificate?.certificate.toString(), `${name} ${nodeId} mine by ROOT`);
    assert.equal(certificate?.csr.toString(), 'mine');
    assert.equal(certificate?.cn, nodeId);
    const node = rig.node(nodeId);
    assert.deepEqual(
      [node.role, node.spec?.desiredRole, node.certificate?.role],
      [role, role, role],
    );
    assert.equal(node.spec?.membership, NodeSpec_Membership.ACCEPTED);
    assert.equal(node.spec?.availability, NodeSpec_Availability.DRAIN);
    assert.equal(node.VXLANUDPPort, 4789);
    assert.equal(rig.authority.signed.at(-1)?.expiryMs, 7_776_000_000);
  }
});

test('no other token admits anybody', async (t) => {
  const rig = leading(t);
  const wrong = [
    '',
    'x',
    tokens.worker.slice(0, -1),
    `${tokens.worker.slice(0, -1)}X`,
    `${tokens.worker} `,
    `${tokens.manager}\0`,
    tokens.manager.toUpperCase(),
  ];
  for (const token of wrong)
    await refused(rig.newcomer.issue({ csr: csr('mine'), token }), 'invalid-argument', badToken);
  assert.equal(rig.store.view().count('node'), 0);
  assert.equal(rig.store.commits.length, 0);
});

test('tokens that are not set admit nobody', async (t) => {
  const rig = new Rig().seed({ rootCa: { joinTokens: { worker: '', manager: '' } } }).lead(t);
  await refused(rig.newcomer.issue({ csr: csr('mine') }), 'invalid-argument', badToken);
});

test('a request without a CSR, one too long, and one that nobody could sign', async (t) => {
  const rig = leading(t);
  const { newcomer } = rig;
  const token = tokens.worker;
  await refused(newcomer.issue({ token }), 'invalid-argument', 'InvalidArgument');
  await refused(
    newcomer.issue({ token, csr: Buffer.alloc(16_385, 'x') }),
    'invalid-argument',
    'the certificate signing request is longer than 16384 bytes',
  );
  assert.equal(rig.store.view().count('node'), 0);
  const { nodeId } = await newcomer.issue({ token, csr: csr('bad one') });
  const { status } = await newcomer.status(nodeId);
  assert.equal(status?.state, IssuanceStatus_State.FAILED);
  assert.equal(status?.err, 'the request cannot be used');
});

test('a node renews its own certificate, in the role that it has now', async (t) => {
  const rig = new Rig()
    .seed({}, aNode({ id: 'n1', role: NodeRole.MANAGER }), aNode({ id: 'n2' }))
    .lead(t);
  const before = rig.node('n2');
  // It was promoted: its old certificate says worker. The token is not looked at.
  const n1 = rig.as({ nodeId: 'n1', role: 'worker' });
  assert.equal((await n1.issue({ csr: csr('next'), token: 'nonsense' })).nodeId, 'n1');
  const { certificate } = await n1.status('n1');
  assert.equal(certificate?.certificate.toString(), 'manager n1 next by ROOT');
  assert.equal(rig.store.view().count('node'), 2);
  assert.equal(rig.node('n2'), before);
});

test('a replayed CSR gives its sender nothing of the node that made it', async (t) => {
  const rig = new Rig().seed({}, aNode({ id: 'n1' }), aNode({ id: 'n2' })).lead(t);
  await rig.as({ nodeId: 'n1', role: 'worker' }).issue({ csr: csr('of n1') });
  await rig.as({ nodeId: 'n1', role: 'worker' }).status('n1');
  const before = rig.node('n1');
  // CSRs are public: anybody may ask for a node's status.
  const n2 = rig.as({ nodeId: 'n2', role: 'worker' });
  assert.equal((await n2.issue({ csr: csr('of n1') })).nodeId, 'n2');
  assert.equal((await n2.status('n2')).certificate?.cn, 'n2');
  const { nodeId } = await rig.newcomer.issue({ csr: csr('of n1'), token: tokens.worker });
  assert.notEqual(nodeId, 'n1');
  await rig.newcomer.status(nodeId);
  assert.equal(rig.node('n1'), before);
});

test('certificates that count no more are no certificates', async (t) => {
  const rig = new Rig()
    .seed({ blacklistedCertificates: { n1: {} } as never }, aNode({ id: 'n2' }))
    .lead(t);
  const request = { csr: csr('mine'), token: '' };
  const nobodies = [
    { nodeId: 'n1', role: 'worker' },
    { nodeId: 'n2', role: 'worker', clusterId: 'another' },
    { nodeId: 'n2', role: 'none' },
  ] as const;
  for (const peer of nobodies)
    await refused(rig.as(peer).issue(request), 'invalid-argument', badToken);
  // A removed node may come back with a token, as somebody else.
  const { nodeId } = await rig.as(nobodies[0]).issue({ ...request, token: tokens.worker });
  assert.notEqual(nodeId, 'n1');
});

test('a node that is gone renews nothing', async (t) => {
  const rig = leading(t);
  await refused(
    rig.as({ nodeId: 'n9', role: 'worker' }).issue({ csr: csr('mine') }),
    'not-found',
    'node n9 not found when attempting to renew certificate',
  );
});

test('status: of nobody, of no node, of one that is removed meanwhile, and too late', async (t) => {
  const waiting = { status: { state: IssuanceStatus_State.PENDING }, csr: csr('x') };
  const spec = { membership: NodeSpec_Membership.PENDING };
  const rig = new Rig().seed({}, aNode({ id: 'n1', spec, certificate: waiting })).lead(t);
  await refused(rig.newcomer.status(''), 'invalid-argument', 'InvalidArgument');
  await refused(rig.newcomer.status('n9'), 'not-found', 'NotFound');
  const late = refused(rig.newcomer.status('n1'), 'deadline-exceeded', /late/);
  await rig.clock.advance(5_000);
  await late;
  const gone = refused(rig.newcomer.status('n1'), 'not-found', 'NotFound');
  await rig.clock.advance(1);
  rig.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => draft.remove('node', 'n1'));
  await gone;
  assert.equal(rig.server.inProgress, 0);
});

test('a node that is not accepted waits, and is signed for when it is', async (t) => {
  const certificate = { status: { state: IssuanceStatus_State.PENDING }, csr: csr('x'), cn: 'n1' };
  const spec = { membership: NodeSpec_Membership.PENDING };
  const rig = new Rig().seed({}, aNode({ id: 'n1', spec, certificate })).lead(t);
  const status = rig.newcomer.status('n1');
  await rig.clock.advance(1);
  assert.equal(rig.state('n1'), 'PENDING');
  rig.change('n1', (node) => ({
    ...node,
    spec: node.spec && { ...node.spec, membership: NodeSpec_Membership.ACCEPTED },
  }));
  assert.equal((await status).status?.state, IssuanceStatus_State.ISSUED);
});

test('before there is a cluster, and after the lead is lost', async (t) => {
  const rig = new Rig().lead(t);
  const request = { csr: csr('mine'), token: tokens.worker };
  await refused(rig.newcomer.issue(request), 'aborted', 'CA signer is still starting');
  await refused(rig.newcomer.root(), 'aborted', 'CA signer is still starting');
  rig.resign();
  await refused(rig.newcomer.issue(request), 'aborted', 'CA signer is stopped');
  await refused(rig.newcomer.status('n1'), 'aborted', 'CA signer is stopped');
});

test('the root certificate is for everybody, the unlock key is what the cluster has', async (t) => {
  const rig = leading(t);
  assert.equal((await rig.newcomer.root()).certificate.toString(), 'ROOT');
  const manager = rig.as({ nodeId: 'm', role: 'manager' });
  assert.equal((await manager.unlockKey()).unlockKey.length, 0);
  const key = Buffer.alloc(32, 7);
  const entry = {
    subsystem: 'swarm-manager',
    algorithm: 0,
    key,
    lamportTime: 0n,
    madeAt: undefined,
  };
  rig.changeCluster((cluster) => ({
    ...cluster,
    unlockKeys: [{ ...entry, subsystem: 'other', key: Buffer.from('no') }, entry],
  }));
  const answer = await manager.unlockKey();
  assert.deepEqual(answer.unlockKey, key);
  assert.deepEqual(answer.version, rig.cluster().meta?.version);
});

test('a new leader signs for whom the old one left waiting', async (t) => {
  const certificate = (state: IssuanceStatus_State, cn: string) => ({
    status: { state },
    csr: csr('x'),
    cn,
  });
  const rig = new Rig()
    .seed(
      {},
      aNode({ id: 'n1', certificate: certificate(IssuanceStatus_State.PENDING, 'n1') }),
      aNode({ id: 'n2', certificate: certificate(IssuanceStatus_State.RENEW, 'n2') }),
      aNode({ id: 'n3', certificate: certificate(IssuanceStatus_State.ROTATE, 'n3') }),
      aNode({ id: 'n4', certificate: certificate(IssuanceStatus_State.FAILED, 'n4') }),
    )
    .lead(t);
  await rig.newcomer.status('n1');
  await rig.newcomer.status('n2');
  assert.deepEqual(
    ['n1', 'n2', 'n3', 'n4'].map((id) => rig.state(id)),
    ['ISSUED', 'ISSUED', 'ROTATE', 'FAILED'],
  );
  assert.equal(rig.store.commits.length, 1);
});

test('200 nodes that join at once are few commits, and one bad request is nobody else’s', async (t) => {
  const rig = leading(t);
  const joins = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const token = i === 50 ? 'wrong' : tokens.worker;
      const text = i === 60 ? 'bad' : `csr ${i}`;
      const issued = rig.newcomer.issue({ csr: csr(text), token });
      if (i === 50) return refused(issued, 'invalid-argument', badToken);
      const { nodeId } = await issued;
      const { certificate, status } = await rig.newcomer.status(nodeId);
      if (i === 60) assert.equal(status?.state, IssuanceStatus_State.FAILED);
      else assert.equal(certificate?.certificate.toString(), `worker ${nodeId} csr ${i} by ROOT`);
      return nodeId;
    }),
  );
  assert.equal(new Set(joins).size, 200);
  assert.equal(rig.store.view().count('node'), 199);
  assert.ok(rig.store.commits.length <= 12, `${rig.store.commits.length} commits`);
});

test('without a signer requests wait, and are signed for when there is one', async (t) => {
  const rig = new Rig()
    .seed({ rootCa: { caCert: Buffer.from('ROOT'), joinTokens: tokens } })
    .lead(t);
  const { nodeId } = await rig.newcomer.issue({ csr: csr('mine'), token: tokens.worker });
  const warnings = () => rig.logged.filter((line) => line.includes('cannot be signed now')).length;
  await rig.clock.until(() => warnings() === 3);
  assert.equal(rig.state(nodeId), 'PENDING');
  rig.changeCluster((cluster) => ({
    ...cluster,
    rootCa: cluster.rootCa && { ...cluster.rootCa, caKey: Buffer.from('KEY') },
  }));
  assert.equal((await rig.newcomer.status(nodeId)).status?.state, IssuanceStatus_State.ISSUED);
});

test('a write that fails is made again', async (t) => {
  const rig = leading(t);
  const { nodeId } = await rig.newcomer.issue({ csr: csr('mine'), token: tokens.worker });
  rig.store.refuseNext(new SwarmError('unavailable', 'X', 'not now'));
  const status = rig.newcomer.status(nodeId);
  await rig.clock.advance(2_000);
  assert.equal((await status).status?.state, IssuanceStatus_State.ISSUED);
});
