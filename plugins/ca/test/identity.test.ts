// The plugin as the daemon runs it, on a folder of its own: first start, restarts, crashes in the
// middle of a write, damage and expiry.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { readPem } from '../shell/pem.js';
import { run } from './run-plugin.js';

const FILES = ['swarm-node.crt', 'swarm-node.key', 'swarm-root-ca.crt', 'swarm-root-ca.key'];

function folder(t: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), 'swarmkit-ca-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  return join(parent, 'certificates');
}

type Contents = Readonly<Record<string, string>>;

const contentsOf = (dir: string): Contents =>
  Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]));

function restore(dir: string, files: Contents): void {
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
}

test('the first start makes a root and an identity, with the modes they should have', async (t) => {
  const dir = folder(t);
  const { identity } = await run(t, dir);
  assert.deepEqual(readdirSync(dir).sort(), FILES);
  for (const name of FILES)
    assert.equal(statSync(join(dir, name)).mode & 0o777, name.endsWith('.key') ? 0o600 : 0o644);
  const { nodeId, clusterId, role, rootsPem } = identity.current();
  assert.match(nodeId, /^[0-9a-z]{25}$/);
  assert.match(clusterId, /^[0-9a-z]{25}$/);
  assert.notEqual(nodeId, clusterId);
  assert.equal(role, 'manager');
  assert.equal(rootsPem, readFileSync(join(dir, 'swarm-root-ca.crt'), 'utf8'));
  const [key] = readPem(readFileSync(join(dir, 'swarm-node.key'), 'utf8'));
  assert.equal(key?.type, 'PRIVATE KEY');
  assert.equal(key?.headers.get('kek-version'), '0');
});

test('a restart finds the same identity and the same root key', async (t) => {
  const dir = folder(t);
  const first = await run(t, dir);
  const files = contentsOf(dir);
  const second = await run(t, dir, new VirtualEnv('another seed'));
  assert.deepEqual(second.identity.current(), first.identity.current());
  assert.equal(second.authority.bootstrap().keyPem, first.authority.bootstrap().keyPem);
  assert.deepEqual(contentsOf(dir), files);
});

test('both scopes open with the identity, and not before', async (t) => {
  const { gates, opened } = await run(t, folder(t));
  assert.deepEqual(gates.map(({ scope }) => scope).sort(), ['agent', 'manager']);
  assert.deepEqual(opened, { manager: [true], agent: [true] });
});

test('the first start survives a crash at every step', async (t) => {
  const dir = folder(t);
  const whole = await run(t, dir);
  const files = contentsOf(dir);
  const { 'swarm-node.crt': certificate = '', ...withoutCertificate } = files;
  const pick = (...names: string[]): Contents =>
    Object.fromEntries(names.map((name) => [name, files[name] ?? '']));
  const pending = { '.swarm-node.crt': certificate };
  const states: readonly Contents[] = [
    {},
    { 'swarm-root-ca.key.tmp': 'half' },
    pick('swarm-root-ca.key'),
    pick('swarm-root-ca.key', 'swarm-root-ca.crt'),
    { ...pick('swarm-root-ca.key', 'swarm-root-ca.crt'), ...pending },
    { ...withoutCertificate, ...pending },
    { ...withoutCertificate, ...pending, 'swarm-node.key.tmp': 'half' },
    files,
  ];
  for (const state of states) {
    restore(dir, state);
    const { identity } = await run(t, dir, new VirtualEnv('after a crash'));
    const after = readdirSync(dir).filter((name) => !name.endsWith('.tmp'));
    assert.deepEqual(after.sort(), FILES);
    if ('swarm-node.key' in state)
      assert.deepEqual(identity.current(), whole.identity.current(), 'the identity was lost');
    if ('swarm-root-ca.crt' in state)
      assert.equal(identity.current().rootsPem, files['swarm-root-ca.crt'], 'the root was lost');
    const again = await run(t, dir);
    assert.deepEqual(again.identity.current(), identity.current());
  }
});

test('a certificate that ran out while the machine was off is renewed at start', async (t) => {
  const dir = folder(t);
  const { identity } = await run(t, dir);
  const later = new VirtualEnv('later', Date.UTC(2030, 0, 1));
  const late = await run(t, dir, later);
  assert.equal(late.identity.current().nodeId, identity.current().nodeId);
  assert.ok(late.identity.current().notAfter > later.clock.now());
});

test('without the root key an expired certificate is said so, with its span', async (t) => {
  const dir = folder(t);
  await run(t, dir);
  rmSync(join(dir, 'swarm-root-ca.key'));
  const kept = await run(t, dir);
  assert.throws(() => kept.authority.bootstrap(), { code: 'CA_NO_KEY' });
  await assert.rejects(run(t, dir, new VirtualEnv('later', Date.UTC(2030, 0, 1))), {
    kind: 'failed-precondition',
    code: 'CA_EXPIRED',
    message: /swarm-node\.crt is valid from 2023-.* to 2024-.* and not now/,
  });
  await assert.rejects(run(t, dir, new VirtualEnv('earlier', Date.UTC(2001, 0, 1))), {
    code: 'CA_EXPIRED',
    message: /swarm-root-ca\.crt/,
  });
});

test('damage is one sentence that names the file, and nothing is overwritten', async (t) => {
  const dir = folder(t);
  await run(t, dir);
  const good = contentsOf(dir);
  const otherDir = folder(t);
  await run(t, otherDir, new VirtualEnv('other'));
  const other = contentsOf(otherDir);
  const halved = (name: string): string => (good[name] ?? '').slice(0, 120);
  const cases: readonly [string, string | undefined, string][] = [
    ['swarm-node.crt', '', 'is not a PEM certificate'],
    ['swarm-node.crt', halved('swarm-node.crt'), 'is not a PEM certificate'],
    ['swarm-node.crt', other['swarm-node.crt'], 'does not belong to the key in swarm-node.key'],
    ['swarm-node.crt', undefined, 'is missing while its key is there'],
    ['swarm-node.key', '', 'is not a PEM private key'],
    ['swarm-node.key', halved('swarm-node.key'), 'is not a PEM private key'],
    ['swarm-node.key', undefined, 'is missing while its certificate is there'],
    ['swarm-root-ca.crt', 'nonsense', 'is not a PEM certificate'],
    ['swarm-root-ca.crt', undefined, 'is missing while the node certificate is there'],
    ['swarm-root-ca.crt', good['swarm-node.crt'], 'is not a certificate that signs itself'],
    ['swarm-root-ca.key', 'nonsense', 'is not the private key of swarm-root-ca.crt'],
    [
      'swarm-root-ca.key',
      other['swarm-root-ca.key'],
      'is not the private key of swarm-root-ca.crt',
    ],
  ];
  for (const [name, text, problem] of cases) {
    restore(dir, good);
    if (text === undefined) rmSync(join(dir, name));
    else writeFileSync(join(dir, name), text);
    const damaged = contentsOf(dir);
    await assert.rejects(run(t, dir), {
      kind: 'data-loss',
      code: 'CA_STATE',
      message: `${join(dir, name)} ${problem}: restore the folder from a backup, or remove this node's whole state to begin a new cluster`,
    });
    assert.deepEqual(contentsOf(dir), damaged);
  }
  // A root of another cluster, with its key: the node certificate does not chain to it.
  restore(dir, {
    ...good,
    'swarm-root-ca.crt': other['swarm-root-ca.crt'] ?? '',
    'swarm-root-ca.key': other['swarm-root-ca.key'] ?? '',
  });
  await assert.rejects(run(t, dir), {
    code: 'CA_STATE',
    message: /swarm-node\.crt is not signed by the root in swarm-root-ca\.crt/,
  });
});

test('a folder that cannot be made or read is said so', async (t) => {
  const dir = folder(t);
  writeFileSync(dir, 'a file');
  await assert.rejects(run(t, dir), { code: 'CA_STATE', message: /cannot be read: ENOTDIR/ });
  const missing = join(dir, '..', 'file', 'x');
  writeFileSync(join(dir, '..', 'file'), '');
  await assert.rejects(run(t, missing), { code: 'CA_STATE' });
  assert.equal(existsSync(missing), false);
});
