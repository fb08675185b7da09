import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Rig, refused, tokens } from './rig.js';

const { ISSUED, ROTATE } = IssuanceStatus_State;

const info = (root: string) => ({
  tlsInfo: {
    trustRoot: Buffer.from('ROOT'),
    certIssuerSubject: Buffer.from(`subject of ${root}`),
    certIssuerPublicKey: Buffer.from(`key of ${root}`),
  },
});

const member = (id: string, state = ISSUED): Node =>
  aNode({
    id,
    certificate: { cn: id, csr: Buffer.from('x'), status: { state }, role: NodeRole.WORKER },
    description: info('ROOT'),
  });

const rotating = (caCert = 'NEXT') => ({
  rootRotation: {
    caCert: Buffer.from(caCert),
    caKey: Buffer.from(`${caCert} KEY`),
    crossSignedCaCert: Buffer.from(` via ${caCert}`),
  },
});

function begin(rig: Rig, caCert?: string): void {
  rig.changeCluster((cluster) => ({
    ...cluster,
    rootCa: cluster.rootCa && { ...cluster.rootCa, ...rotating(caCert) },
  }));
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

const asked = (rig: Rig): string[] =>
  rig.store
    .view()
    .find('node', { by: 'all' })
    .filter(({ certificate }) => certificate?.status?.state === ROTATE)
    .map(({ id }) => id);

/** What a node does that hears ROTATE: renews, and reports what it then has. */
async function move(rig: Rig, id: string, root = 'NEXT'): Promise<void> {
  const node = rig.as({ nodeId: id, role: 'worker' });
  await node.issue({ csr: Buffer.from(`next of ${id}`) });
  const { certificate } = await node.status(id);
  assert.equal(
    certificate?.certificate.toString(),
    `worker ${id} next of ${id} by ${root} via ${root}`,
  );
  report(rig, id, root);
}

const report = (rig: Rig, id: string, root: string): void =>
  rig.change(id, (node) => ({
    ...node,
    description: node.description && { ...node.description, ...info(root) },
  }));

test('nodes are asked by thirties every 3 s, and the new root is in force when all have moved', async (t) => {
  const all = ids(70);
  const rig = new Rig().seed({}, ...all.map((id) => member(id))).lead(t);
  begin(rig);
  await rig.clock.until(() => asked(rig).length === 30);
  // Trust in the old root stays until the end.
  assert.equal((await rig.newcomer.root()).certificate.toString(), 'ROOT');
  await rig.clock.advance(2_900);
  assert.equal(asked(rig).length, 30);
  await rig.clock.until(() => asked(rig).length === 60);
  await rig.clock.until(() => asked(rig).length === 70);
  for (const id of all.slice(1)) await move(rig, id);
  await rig.clock.advance(20_000);
  assert.deepEqual(asked(rig), ['n0']);
  assert.equal(rig.cluster().rootCa?.caCert.toString(), 'ROOT');
  await move(rig, 'n0');
  await rig.clock.until(() => rig.cluster().rootCa?.rootRotation === undefined);
  const { rootCa } = rig.cluster();
  assert.equal(rootCa?.caCert.toString(), 'NEXT');
  assert.equal(rootCa?.caKey.toString(), 'NEXT KEY');
  assert.equal(rootCa?.caCertHash, 'digest of NEXT');
  assert.deepEqual(rootCa?.joinTokens, { worker: 'w token of NEXT', manager: 'm token of NEXT' });
  assert.equal((await rig.newcomer.root()).certificate.toString(), 'NEXT');
  await refused(
    rig.newcomer.issue({ csr: Buffer.from('x'), token: tokens.worker }),
    'invalid-argument',
    /valid join token/,
  );
  const commits = rig.store.commits.length;
  await rig.clock.advance(60_000);
  assert.equal(rig.store.commits.length, commits);
});

test('nodes that renew anyway are left alone; newcomers get the new root at once', async (t) => {
  const { RENEW, PENDING, FAILED } = IssuanceStatus_State;
  const rig = new Rig().seed(
    {},
    member('issued'),
    member('failed', FAILED),
    // They wait for acceptance or for a signature.
    { ...member('pending', PENDING), spec: undefined },
    member('renewing', RENEW),
    aNode({ id: 'nothing' }),
  );
  rig.lead(t);
  begin(rig);
  await rig.clock.until(() => rig.state('failed') === 'ROTATE');
  assert.deepEqual(asked(rig), ['failed', 'issued']);
  const { nodeId } = await rig.newcomer.issue({ csr: Buffer.from('new'), token: tokens.worker });
  const { certificate } = await rig.newcomer.status(nodeId);
  assert.equal(certificate?.certificate.toString(), `worker ${nodeId} new by NEXT via NEXT`);
});

test('who has been given what it needs has time to report it, and is asked again after that', async (t) => {
  const rig = new Rig().seed({}, member('n0')).lead(t);
  begin(rig);
  await rig.clock.until(() => rig.state('n0') === 'ROTATE');
  const n0 = rig.as({ nodeId: 'n0', role: 'worker' });
  await n0.issue({ csr: Buffer.from('next') });
  await n0.status('n0');
  await rig.clock.advance(20_000);
  assert.equal(rig.state('n0'), 'ISSUED');
  // It died before it could fetch it.
  await rig.clock.until(() => rig.state('n0') === 'ROTATE');
});

test('a rotation that is given up, or replaced, moves nobody to where it went', async (t) => {
  const rig = new Rig().seed({}, member('n0'), member('n1')).lead(t);
  begin(rig);
  await rig.clock.until(() => asked(rig).length === 2);
  await move(rig, 'n0');
  begin(rig, 'THIRD');
  await rig.clock.until(() => rig.state('n0') === 'ROTATE', 40_000);
  await move(rig, 'n0', 'THIRD');
  rig.changeCluster((cluster) => ({
    ...cluster,
    rootCa: cluster.rootCa && { ...cluster.rootCa, rootRotation: undefined },
  }));
  await rig.clock.advance(10_000);
  assert.equal(rig.cluster().rootCa?.caCert.toString(), 'ROOT');
  const n1 = rig.as({ nodeId: 'n1', role: 'worker' });
  await n1.issue({ csr: Buffer.from('x') });
  assert.match((await n1.status('n1')).certificate?.certificate.toString() ?? '', /by ROOT$/);
});

test('a removed node holds nothing up; a FIPS cluster gets tokens that say so', async (t) => {
  const rig = new Rig().seed({ fips: true }, member('n0'), member('gone')).lead(t);
  begin(rig);
  await rig.clock.until(() => asked(rig).length === 2);
  await move(rig, 'n0');
  rig.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => draft.remove('node', 'gone'));
  await rig.clock.until(() => rig.cluster().rootCa?.rootRotation === undefined);
  assert.equal(rig.cluster().rootCa?.joinTokens?.worker, 'w token of NEXT fips');
});

/** Leaders come and go at any moment; nodes move in any order; nothing is lost and nothing done twice. */
const world = fc.record({
  nodes: fc.integer({ min: 1, max: 8 }),
  steps: fc.array(
    fc.oneof(
      fc.record({ move: fc.nat(7) }),
      fc.record({ wait: fc.integer({ min: 0, max: 4_000 }) }),
      fc.constant({ newLeader: true as const }),
    ),
    { maxLength: 12 },
  ),
});

test('whatever leaders do, a rotation ends when the last node has moved and not before', async (t) => {
  await fc.assert(
    fc.asyncProperty(world, async ({ nodes, steps }) => {
      await run(t, nodes, steps);
    }),
    { numRuns: 25 },
  );
});

async function run(t: TestContext, count: number, steps: readonly object[]): Promise<void> {
  const all = ids(count);
  const rig = new Rig().seed({ rootCa: { ...rotating() } }, ...all.map((id) => member(id))).lead(t);
  const moved = new Set<string>();
  const done = (): boolean => rig.cluster().rootCa?.rootRotation === undefined;
  for (const step of steps) {
    if ('wait' in step) await rig.clock.advance(step.wait as number);
    else if ('newLeader' in step) {
      rig.resign();
      await rig.clock.advance(500);
      rig.lead(t);
    } else {
      const id = all[(step as { move: number }).move % count] as string;
      moved.add(id);
      if (!done()) await move(rig, id);
    }
    assert.ok(!done() || moved.size === count, 'it ended before everybody had moved');
  }
  for (const id of all) if (!moved.has(id)) await move(rig, id);
  await rig.clock.until(done);
  assert.equal(rig.cluster().rootCa?.caCert.toString(), 'NEXT');
  rig.resign();
}
