// Joining a cluster whose managers are in memory: what is asked, what is kept, what is refused.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { IssuanceStatus_State as State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { FakeCa, refuse } from './fake-ca.js';
import {
  alongside,
  joinBy,
  MANAGER,
  newWorld,
  prepareNode,
  startNode,
  until,
} from './start-node.js';

const OTHER = '10.0.0.2:4242';

test('a worker gets its identity by a token, and keeps what it needs to find the managers again', async (t) => {
  const world = newWorld(t);
  const { ca, state } = world;
  const { identity, dialled, life } = await startNode(t, world, joinBy(ca.tokens.worker));
  const { nodeId, clusterId, role, rootsPem } = identity.current();
  assert.deepEqual([clusterId, role, rootsPem], [ca.clusterId, 'worker', ca.rootsPem]);
  assert.ok(ca.nodes.has(nodeId));
  assert.deepEqual(ca.asked, ['certificate as none by token', 'status']);
  assert.deepEqual(
    dialled.map(({ guise }) => guise.as),
    ['stranger', 'newcomer', 'newcomer'],
  );
  const dir = join(state, 'certificates');
  assert.deepEqual(readdirSync(dir).sort(), [
    'swarm-node.crt',
    'swarm-node.key',
    'swarm-root-ca.crt',
  ]);
  assert.equal(statSync(join(dir, 'swarm-node.key')).mode & 0o777, 0o600);
  assert.equal(statSync(join(state, 'state.json')).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(join(state, 'state.json'), 'utf8')), [
    { node_id: '', addr: MANAGER },
  ]);
  assert.deepEqual(life.others(), [{ nodeId: '', address: MANAGER }]);
  assert.equal(life.founder(), false);
});

test('a manager asks for the unlock key before it writes its own', async (t) => {
  const world = newWorld(t);
  const { ca, state } = world;
  ca.kek = { version: 9n, key: new Uint8Array(32).fill(7) };
  const { identity } = await startNode(t, world, joinBy(ca.tokens.manager));
  assert.equal(identity.current().role, 'manager');
  assert.equal(ca.asked.at(-1), 'unlock key as manager');
  const key = readFileSync(join(state, 'certificates/swarm-node.key'), 'utf8');
  assert.match(key, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\nkek-version: 9\n/);
});

test('availability goes with the request', async (t) => {
  const world = newWorld(t);
  const config = {
    join: { addresses: [MANAGER], token: world.ca.tokens.worker, availability: 'drain' },
  };
  const { identity } = await startNode(t, world, config as never);
  assert.equal(world.ca.nodes.get(identity.current().nodeId)?.availability, 2);
});

test('a node that joined once asks nobody to join again, and knows one more address', async (t) => {
  const world = newWorld(t);
  const first = await startNode(t, world, joinBy(world.ca.tokens.worker));
  first.stop();
  const asked = world.ca.asked.length;
  const again = await startNode(t, world, joinBy('nonsense', ['10.9.9.9:1']));
  assert.deepEqual(again.identity.current(), first.identity.current());
  assert.equal(world.ca.asked.length, asked);
  // The address counts: the managers may have moved.
  assert.deepEqual(again.life.others(), [
    { nodeId: '', address: MANAGER },
    { nodeId: '', address: '10.9.9.9:1' },
  ]);
});

test('a slow cluster is waited for, and a manager that goes is followed by another', async (t) => {
  const world = newWorld(t);
  const { ca, network } = world;
  ca.slowness = 8;
  const second = ca.serve(network, OTHER);
  const server = ca.serve(network, MANAGER);
  const { start, node } = prepareNode(t, world, joinBy(ca.tokens.worker, [MANAGER, OTHER]));
  const started = start();
  await until(world.env, () => ca.asked.includes('status'), 60_000, 100);
  server.up = false;
  server.cut();
  await alongside(world.env, started);
  assert.equal(node.identity.current().role, 'worker');
  assert.ok(node.dialled.some(({ address }) => address === OTHER));
  second.cut();
});

test('a certificate for another request is never taken', async (t) => {
  const world = newWorld(t);
  const { ca, env } = world;
  ca.slowness = 3;
  const { start, node } = prepareNode(t, world, joinBy(ca.tokens.worker));
  const started = start();
  await until(env, () => ca.nodes.size === 1, 60_000, 1);
  const [entry] = [...ca.nodes.values()];
  assert.ok(entry);
  const ours = entry.csr;
  entry.csr = Buffer.from('another');
  entry.certificate = 'another';
  entry.state = State.ISSUED;
  await env.clock.advance(60_000);
  assert.equal(node.seen.length, 0);
  entry.csr = ours;
  entry.state = State.PENDING;
  await alongside(env, started);
  assert.equal(node.seen.length, 1);
});

const refusals: readonly [string, (ca: FakeCa) => string, string, number][] = [
  [
    'a wrong secret',
    ({ tokens }) => `${tokens.worker.slice(0, -1)}${tokens.worker.endsWith('0') ? '1' : '0'}`,
    `this node cannot join the cluster by ${MANAGER}: A valid join token is necessary to join this cluster`,
    1,
  ],
  [
    'a token of another cluster',
    () => new FakeCa(new VirtualEnv('another')).tokens.worker,
    'remote CA does not match fingerprint. Expected: ',
    0,
  ],
  ['no token at all', () => 'SWMTKN-1-x', 'invalid join token', 0],
];

for (const [what, token, text, requests] of refusals)
  test(`${what} is refused in one sentence, and nothing is kept`, async (t) => {
    const world = newWorld(t);
    const { start } = prepareNode(t, world, joinBy(token(world.ca)));
    await assert.rejects(alongside(world.env, start()), (error: Error) => {
      assert.ok(error.message.includes(text), error.message);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
    assert.equal(world.ca.asked.length, requests);
    assert.ok(!existsSync(join(world.state, 'certificates/swarm-node.key')));
  });

test('a manager that is not there is tried five times, two seconds apart', async (t) => {
  const world = newWorld(t);
  const { start, node } = prepareNode(t, world, joinBy(world.ca.tokens.worker, ['10.0.0.9:4242']));
  const before = world.env.clock.monotonic();
  await assert.rejects(alongside(world.env, start()), {
    code: 'CA_JOIN',
    message: 'this node cannot join the cluster by 10.0.0.9:4242: 10.0.0.9:4242 cannot be reached',
  });
  assert.equal(node.dialled.length, 5);
  assert.ok(world.env.clock.monotonic() - before >= 8_000);
});

test('of two managers one is enough, and trouble that passes is waited out', async (t) => {
  const world = newWorld(t);
  world.ca.faults.push(refuse('aborted', 'CA signer is still starting'));
  const addresses = ['10.0.0.9:4242', MANAGER];
  const { identity } = await startNode(t, world, joinBy(world.ca.tokens.worker, addresses));
  assert.equal(identity.current().role, 'worker');
});

test('a join that broke off is gone on with, also when roots lie there already', async (t) => {
  const world = newWorld(t);
  const { ca, state } = world;
  await assert.rejects(
    alongside(
      world.env,
      prepareNode(t, world, joinBy(`${ca.tokens.worker.slice(0, -3)}abc`)).start(),
    ),
  );
  assert.deepEqual(readdirSync(join(state, 'certificates')), ['swarm-root-ca.crt']);
  const { start } = prepareNode(t, world);
  await assert.rejects(alongside(world.env, start()), {
    code: 'CA_JOIN',
    message: /start it with the address and the token again$/,
  });
  const { identity, dialled } = await startNode(t, world, joinBy(ca.tokens.worker));
  assert.equal(identity.current().role, 'worker');
  assert.ok(!dialled.some(({ guise }) => guise.as === 'stranger'), 'the roots were fetched again');
});

test('without a token nobody joins', async (t) => {
  const world = newWorld(t);
  const { start } = prepareNode(t, world, { join: { addresses: [MANAGER] } });
  await assert.rejects(alongside(world.env, start()), { code: 'CA_JOIN' });
});

test('a start that is given up ends at once', async (t) => {
  const world = newWorld(t);
  world.ca.slowness = 1e9;
  const { node } = prepareNode(t, world, joinBy(world.ca.tokens.worker));
  const giveUp = new AbortController();
  const started = node.life.start(giveUp.signal);
  await until(world.env, () => world.ca.asked.includes('status'), 60_000, 100);
  giveUp.abort();
  await assert.rejects(alongside(world.env, started));
  assert.equal(node.seen.length, 0);
});

test('a state.json that cannot be read is passed over', async (t) => {
  const world = newWorld(t);
  const first = await startNode(t, world, joinBy(world.ca.tokens.worker));
  first.stop();
  for (const text of ['', '{}', 'null', '[null, 3, {"addr": 4}, {"addr": ""}]']) {
    writeFileSync(join(world.state, 'state.json'), text);
    const node = await startNode(t, world);
    assert.deepEqual(node.life.others(), []);
    node.stop();
  }
});
