// The lock on the key file: put on, changed and taken off while the node runs; a locked start and how it
// is unlocked over the control socket.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import { unlockKeyText } from '@swarmkit/sdk/model/unlock-key';
import { LockService } from '@swarmkit/sdk/wire/gen/node/lock';
import { ControlService } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import {
  HOUR_MS,
  joinBy,
  newWorld,
  OWN_SOCKET,
  prepareNode,
  startNode,
  until,
  type World,
} from './start-node.js';

const KEK = new Uint8Array(32).fill(0xab);
const NEXT = new Uint8Array(32).fill(0xcd);

const keyText = ({ state }: World): string =>
  readFileSync(join(state, 'certificates/swarm-node.key'), 'utf8');
const lockOf = (world: World): string => keyText(world).split('\n').slice(0, 2).join(' ');

async function managerWithKeys(t: TestContext) {
  const world = newWorld(t);
  const node = await startNode(t, world, {
    ...joinBy(world.ca.tokens.manager),
    controlSocket: OWN_SOCKET,
  });
  const current = new Uint8Array(32).fill(1);
  await node.life.write({ current, pending: undefined, needsRotation: false });
  return { world, node, current };
}

test('a lock is put on, changed and taken off, by version', async (t) => {
  const { world, node, current } = await managerWithKeys(t);
  const { life } = node;
  assert.equal(lockOf(world), '-----BEGIN PRIVATE KEY----- kek-version: 3');
  await life.apply(10n, undefined);
  await life.apply(2n, KEK);
  assert.equal(lockOf(world), '-----BEGIN PRIVATE KEY----- kek-version: 3');
  assert.equal(node.keyChanges(), 0);
  await life.apply(11n, KEK);
  assert.equal(lockOf(world), '-----BEGIN ENCRYPTED PRIVATE KEY----- kek-version: 11');
  assert.equal(node.keyChanges(), 1);
  assert.deepEqual(life.read(), { current, pending: undefined, needsRotation: true });
  await life.apply(11n, KEK);
  await life.apply(12n, KEK);
  await assert.rejects(life.apply(11n, NEXT), { code: 'CA_KEK_VERSION' });
  assert.equal(lockOf(world), '-----BEGIN ENCRYPTED PRIVATE KEY----- kek-version: 11');
  await life.write({ current, pending: undefined, needsRotation: false });
  await life.apply(13n, NEXT);
  assert.equal(life.read().needsRotation, false);
  await life.apply(14n, undefined);
  assert.equal(lockOf(world), '-----BEGIN PRIVATE KEY----- kek-version: 14');
  assert.deepEqual(Buffer.from(life.read().current ?? []), Buffer.from(current));
  assert.equal(node.keyChanges(), 3);
});

test('a key that lay open is replaced soon after the lock came', async (t) => {
  const { world, node } = await managerWithKeys(t);
  const before = node.identity.current();
  world.ca.kek = { version: 11n, key: KEK };
  await node.life.apply(11n, KEK);
  await until(world.env, () => node.seen.length === 2, 60_000, 100);
  assert.notEqual(node.identity.current().keyPem, before.keyPem);
  assert.equal(lockOf(world), '-----BEGIN ENCRYPTED PRIVATE KEY----- kek-version: 11');
  await world.env.clock.advance(HOUR_MS);
  assert.equal(node.seen.length, 2);
});

test('beside a lock lies no root key', async (t) => {
  const world = newWorld(t);
  const node = await startNode(t, world);
  const rootKey = join(world.state, 'certificates/swarm-root-ca.key');
  assert.ok(existsSync(rootKey));
  await node.life.apply(5n, KEK);
  assert.ok(!existsSync(rootKey));
});

test('neither key nor KEK is ever logged', async (t) => {
  const { world, node } = await managerWithKeys(t);
  world.ca.kek = { version: 11n, key: KEK };
  await node.life.apply(11n, KEK);
  await until(world.env, () => node.seen.length === 2, 60_000, 100);
  const text = JSON.stringify(node.logged);
  for (const secret of [unlockKeyText(KEK).slice(9), 'BEGIN', node.identity.current().keyPem])
    assert.ok(!text.includes(secret));
});

/** A manager that was locked, stopped, and is about to start again. */
async function lockedManager(t: TestContext) {
  const { world, node } = await managerWithKeys(t);
  await node.life.apply(11n, KEK);
  node.stop();
  const controlSocket = join(world.state, 'swarmd.sock');
  return { world, before: node.identity.current(), controlSocket };
}

test('a locked node waits, serves nothing but its unlocking, and goes on with the right key', async (t) => {
  const { world, before, controlSocket } = await lockedManager(t);
  // Left by a process that was killed: nobody listens there.
  const { node, start } = prepareNode(t, world, { controlSocket });
  const started = start();
  const isOpen = () => node.logged.some(({ message }) => /is locked/.test(message));
  await until(world.env, () => isOpen() && existsSync(controlSocket), 60_000, 0);
  assert.equal(statSync(controlSocket).mode & 0o777, 0o600);
  const connection = connectControlSocket(controlSocket);
  t.after(() => connection.close());
  const key = keyText(world);
  await assert.rejects(
    connection.unary(ControlService.listNodes, { filters: undefined }, { timeoutMs: 20_000 }),
    { kind: 'failed-precondition', message: /^this node is locked .*: run swarmctl unlock here$/ },
  );
  for (const [text, said] of [
    ['', 'invalid key string'],
    ['SWMKEY-1-short', 'invalid key string'],
    [`${unlockKeyText(KEK)}=`, 'invalid key string'],
    [unlockKeyText(NEXT), 'the unlock key is wrong: nothing was changed'],
  ] as const)
    await assert.rejects(connection.unary(LockService.unlock, { key: text }), {
      kind: 'invalid-argument',
      message: said,
    });
  assert.equal(keyText(world), key);
  assert.equal(node.seen.length, 0);
  await connection.unary(LockService.unlock, { key: unlockKeyText(KEK) });
  await started;
  assert.deepEqual(node.identity.current(), before);
  assert.ok(!existsSync(controlSocket), 'the path is free for the real control socket');
  assert.equal(keyText(world), key);
});

test('an unlock key may be given at the start; a wrong one ends it', async (t) => {
  const { world, before } = await lockedManager(t);
  const unlocked = await startNode(t, world, { unlockKey: unlockKeyText(KEK) });
  assert.deepEqual(unlocked.identity.current(), before);
  unlocked.stop();
  for (const [unlockKey, code] of [
    [unlockKeyText(NEXT), 'CA_UNLOCK_WRONG'],
    ['x', 'CA_UNLOCK_KEY'],
  ] as const)
    await assert.rejects(prepareNode(t, world, { unlockKey }).start(), { code });
  await assert.rejects(prepareNode(t, world).start(), { code: 'CA_LOCKED' });
});

test('a waiting node can be told to stop, and leaves what is not its socket alone', async (t) => {
  const { world, controlSocket } = await lockedManager(t);
  writeFileSync(controlSocket, 'not a socket');
  await assert.rejects(prepareNode(t, world, { controlSocket }).start(), {
    code: 'CA_LOCKED',
    message: /control socket .* cannot be opened to unlock it: something else is there$/,
  });
  assert.equal(readFileSync(controlSocket, 'utf8'), 'not a socket');
  const path = join(world.state, 'other.sock');
  const { node } = prepareNode(t, world, { controlSocket: path });
  const giveUp = new AbortController();
  const started = node.life.start(giveUp.signal);
  await until(world.env, () => existsSync(path), 60_000, 0);
  giveUp.abort();
  await assert.rejects(started, { name: 'AbortError' });
  assert.ok(!existsSync(path));
});
