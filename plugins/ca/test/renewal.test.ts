// Renewal over the wire, by time and by the managers' word; and what becomes of a certificate that ran out.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { IssuanceStatus_State as State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Authority } from '../shell/authority.js';
import { type FakeCa, refuse } from './fake-ca.js';
import {
  alongside,
  DAY_MS,
  HOUR_MS,
  joinBy,
  MANAGER,
  newWorld,
  OWN_SOCKET,
  prepareNode,
  type RunningNode,
  startNode,
  until,
  type World,
} from './start-node.js';

const OTHER = '10.0.0.2:4242';

/** A world with a node in it that has joined. */
async function joined(
  t: TestContext,
  role: 'worker' | 'manager' = 'worker',
): Promise<World & { readonly node: RunningNode }> {
  const world = newWorld(t, `renewal of a ${role}`);
  const token = world.ca.tokens[role];
  const node = await startNode(t, world, { ...joinBy(token), controlSocket: OWN_SOCKET });
  world.ca.asked.length = 0;
  node.dialled.length = 0;
  return { ...world, node };
}

const contentsOf = (state: string): Record<string, string> => {
  const dir = join(state, 'certificates');
  return Object.fromEntries(
    readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
  );
};

function restore(state: string, files: Readonly<Record<string, string>>): void {
  const dir = join(state, 'certificates');
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
}

/** The node as the managers have it. */
function told(
  ca: FakeCa,
  node: RunningNode,
  change: { role?: NodeRole; state?: State } = {},
): Node {
  const { nodeId, role } = node.identity.current();
  const own = role === 'manager' ? NodeRole.MANAGER : NodeRole.WORKER;
  return Node.fromPartial({
    id: nodeId,
    spec: { desiredRole: change.role ?? own },
    certificate: {
      csr: ca.nodes.get(nodeId)?.csr ?? Buffer.alloc(0),
      status: { state: change.state ?? State.ISSUED },
    },
  });
}

test('a certificate is renewed in time, under the same names and with a new key', async (t) => {
  const { env, ca, node } = await joined(t);
  const before = node.identity.current();
  await env.clock.advance(44 * DAY_MS);
  assert.equal(node.seen.length, 1, 'renewed too early');
  await until(env, () => node.seen.length === 2, 30 * DAY_MS);
  const after = node.identity.current();
  assert.deepEqual(
    [after.nodeId, after.clusterId, after.role, after.rootsPem],
    [before.nodeId, before.clusterId, before.role, before.rootsPem],
  );
  assert.notEqual(after.keyPem, before.keyPem);
  assert.ok(after.notAfter > before.notAfter);
  assert.deepEqual(ca.asked, ['certificate as worker', 'status']);
  assert.deepEqual(
    node.dialled.map(({ guise }) => guise.as === 'node' && guise.serverName),
    ['swarm-manager', 'swarm-manager'],
  );
  await until(env, () => node.seen.length === 3, 90 * DAY_MS);
});

test('a manager asks itself first, then others; data keys survive', async (t) => {
  const { env, ca, node, network, state } = await joined(t, 'manager');
  const current = new Uint8Array(32).fill(5);
  await node.life.write({ current, pending: undefined, needsRotation: false });
  ca.serve(network, `unix:${OWN_SOCKET}`);
  await until(env, () => node.seen.length === 2, 90 * DAY_MS);
  assert.ok(node.dialled.every(({ address }) => address === `unix:${OWN_SOCKET}`));
  assert.deepEqual(ca.asked, ['certificate as manager', 'status', 'unlock key as manager']);
  assert.deepEqual(Buffer.from(node.life.read().current ?? []), Buffer.from(current));

  network.server(`unix:${OWN_SOCKET}`);
  await until(env, () => node.seen.length === 3, 90 * DAY_MS);
  assert.equal(node.dialled.at(-1)?.address, MANAGER);
  node.stop();
  const again = await startNode(t, { env, ca, network, state });
  assert.deepEqual(again.identity.current(), node.identity.current());
  assert.deepEqual(Buffer.from(again.life.read().current ?? []), Buffer.from(current));
});

test('whoever fails is followed by another, and all failing is tried again with growing pauses', async (t) => {
  const { env, ca, node, network } = await joined(t);
  node.life.managers([
    { nodeId: 'm1', address: MANAGER },
    { nodeId: 'm2', address: OTHER },
    { nodeId: node.identity.current().nodeId, address: '10.0.0.3:4242' },
  ]);
  for (let i = 0; i < 6; i++) ca.faults.push(refuse('aborted', 'CA signer is stopped'));
  ca.serve(network, OTHER);
  await until(env, () => node.seen.length === 2, 90 * DAY_MS);
  assert.deepEqual(new Set(node.dialled.map(({ address }) => address)), new Set([MANAGER, OTHER]));
  const failures = node.logged.filter(({ message }) => /could not be renewed/.test(message));
  assert.equal(failures.length, 3);
  assert.match(failures[0]?.message ?? '', /CA signer is stopped/);
});

test('a rotation that the managers ask for is done at once, and once', async (t) => {
  const { env, ca, node } = await joined(t);
  const rotate = told(ca, node, { state: State.ROTATE });
  node.life.node(rotate);
  node.life.node(rotate);
  await until(env, () => node.seen.length === 2, 60_000, 100);
  assert.ok(env.clock.monotonic() < 60_000);
  node.life.node(rotate);
  node.life.node(told(ca, node));
  await env.clock.advance(HOUR_MS);
  assert.equal(node.seen.length, 2);
  node.life.node(Node.fromPartial({ ...rotate, id: 'another' }));
  await env.clock.advance(HOUR_MS);
  assert.equal(node.seen.length, 2);
});

test('a promotion and a demotion change the certificate; a worker keeps no lock and no data keys', async (t) => {
  const { env, ca, node, state } = await joined(t);
  const key = (): string => contentsOf(state)['swarm-node.key'] ?? '';
  ca.kek = { version: 4n, key: new Uint8Array(32).fill(9) };
  const { nodeId } = node.identity.current();
  const own = (): { role: string } => ca.nodes.get(nodeId) as never;
  node.life.node(told(ca, node, { role: NodeRole.MANAGER }));
  // The role follows later than the wish.
  await until(env, () => ca.asked.length >= 4, HOUR_MS, 100);
  assert.equal(node.identity.current().role, 'worker');
  own().role = 'manager';
  await until(env, () => node.identity.current().role === 'manager', HOUR_MS, 100);
  assert.match(key(), /ENCRYPTED PRIVATE KEY-----\nkek-version: 4\n/);
  assert.equal(node.keyChanges(), 1);
  await node.life.write({
    current: new Uint8Array(32),
    pending: undefined,
    needsRotation: false,
  });
  own().role = 'worker';
  node.life.node(told(ca, node, { role: NodeRole.WORKER }));
  await until(env, () => node.identity.current().role === 'worker', HOUR_MS, 100);
  assert.match(key(), /^-----BEGIN PRIVATE KEY-----\nkek-version: 0\n\n/);
  assert.equal(node.life.read().current, undefined);
});

test('a certificate of another node or cluster is not taken', async (t) => {
  const { env, ca, node } = await joined(t);
  (ca as { clusterId: string }).clusterId = 'another';
  node.life.node(told(ca, node, { state: State.ROTATE }));
  await until(
    env,
    () => node.logged.some(({ message }) => /names another node/.test(message)),
    HOUR_MS,
    100,
  );
  assert.equal(node.seen.length, 1);
});

test('a crash during a renewal leaves the old or the new identity, whole', async (t) => {
  const { env, ca, node, state, network } = await joined(t);
  const old = contentsOf(state);
  await until(env, () => node.seen.length === 2, 90 * DAY_MS);
  node.stop();
  const renewed = contentsOf(state);
  const pending = { '.swarm-node.crt': renewed['swarm-node.crt'] ?? '' };
  const key = { 'swarm-node.key': renewed['swarm-node.key'] ?? '' };
  const states: readonly [Record<string, string>, number][] = [
    [{ ...old, ...pending }, 0],
    [{ ...old, ...pending, 'swarm-node.key.tmp': '-----BEGIN' }, 0],
    [{ ...old, ...pending, ...key }, 1],
    [renewed, 1],
  ];
  for (const [files, expected] of states) {
    restore(state, files);
    const again = await startNode(t, { env, ca, network, state });
    assert.deepEqual(again.identity.current(), node.seen[expected]);
    again.stop();
  }
});

test('a renewal that cannot be written is tried again, and the old identity serves on', async (t) => {
  const { env, node, state } = await joined(t);
  const before = node.identity.current();
  const files = contentsOf(state);
  const inTheWay = join(state, 'certificates/.swarm-node.crt.tmp');
  restore(state, files);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(inTheWay);
  const failures = () => node.logged.filter(({ level }) => level === 'warn').length;
  await until(env, () => failures() >= 3, 90 * DAY_MS);
  assert.equal(node.identity.current(), before);
  rmSync(inTheWay, { recursive: true });
  await until(env, () => node.seen.length === 2, DAY_MS);
  assert.notEqual(node.identity.current(), before);
});

test('a certificate that ran out while the node was off is renewed for the same key', async (t) => {
  const { env, ca, node, state, network } = await joined(t);
  const before = node.identity.current();
  node.stop();
  await env.clock.advance(100 * DAY_MS);
  const late = await startNode(t, { env, ca, network, state });
  const after = late.identity.current();
  assert.equal(after.nodeId, before.nodeId);
  assert.equal(after.keyPem, before.keyPem);
  assert.ok(after.notAfter > env.clock.now());
  assert.deepEqual(ca.asked, ['certificate as none that ran out', 'status']);
});

test('past the grace of the managers it stays out, in one sentence', async (t) => {
  const { env, ca, node, state, network } = await joined(t);
  node.stop();
  ca.expiredAllowed = false;
  await env.clock.advance(100 * DAY_MS);
  const { start } = prepareNode(t, { env, ca, network, state });
  await assert.rejects(alongside(env, start()), {
    code: 'CA_EXPIRED',
    message:
      /swarm-node\.crt is valid from \S+ to \S+ and not now, and no manager renewed it \(the certificate ran out too long ago\): check the clock, or join the cluster anew$/,
  });
});

test('who holds the root key signs for itself only when its certificate ran out and nobody can be asked', async (t) => {
  const world = newWorld(t);
  const { env } = world;
  const founder = await startNode(t, world, { controlSocket: OWN_SOCKET });
  const { notAfter } = founder.identity.current();
  assert.equal(founder.life.founder(), true);
  await env.clock.advance(notAfter - env.clock.now() - DAY_MS);
  assert.equal(founder.seen.length, 1);
  await until(env, () => founder.seen.length === 2, 3 * DAY_MS);
  assert.ok(founder.identity.current().notAfter > env.clock.now());
});

test('new roots are trusted when our own chain is, and kept; others are refused and said', async (t) => {
  const { env, ca, node, state, network } = await joined(t);
  const other = new Authority(env).createRoot().certificatePem;
  const both = ca.root.certificatePem + other;
  await node.life.roots(both);
  assert.equal(node.identity.current().rootsPem, both);
  assert.equal(node.seen.length, 2);
  await node.life.roots(both);
  assert.equal(node.seen.length, 2);
  for (const bad of [other, 'nonsense', node.identity.current().certificatePem, '']) {
    await node.life.roots(bad);
    assert.equal(node.identity.current().rootsPem, both);
  }
  assert.equal(
    node.logged.filter(({ message }) => /new roots are not trusted/.test(message)).length,
    3,
  );
  node.stop();
  const again = await startNode(t, { env, ca, network, state });
  assert.equal(again.identity.current().rootsPem, both);
});

test('a founder forgets its root key with the root', async (t) => {
  const world = newWorld(t);
  const founder = await startNode(t, world);
  const own = founder.identity.current().rootsPem;
  const both = own + new Authority(world.env).createRoot().certificatePem;
  await founder.life.roots(both);
  assert.ok(!('swarm-root-ca.key' in contentsOf(world.state)));
  founder.stop();
  const again = await startNode(t, world);
  assert.equal(again.identity.current().rootsPem, both);
});

test('a worker whose renewed certificate is of unknown roots fetches them; a manager does not', async (t) => {
  for (const role of ['worker', 'manager'] as const) {
    const { env, ca, node } = await joined(t, role);
    const next = new Authority(env);
    const root = next.createRoot();
    next.use(root);
    ca.signer = next;
    ca.rootsPem = ca.root.certificatePem + root.certificatePem;
    node.life.node(told(ca, node, { state: State.ROTATE }));
    const isRefused = () => node.logged.some(({ message }) => /it is not signed by/.test(message));
    await until(env, () => node.seen.length > 1 || isRefused(), HOUR_MS, 100);
    assert.equal(isRefused(), role === 'manager');
    if (role === 'manager') await node.life.roots(ca.rootsPem);
    await until(env, () => node.seen.length > 1 && ca.asked.length > 1, HOUR_MS, 100);
    assert.equal(node.identity.current().rootsPem, ca.rootsPem);
  }
});
