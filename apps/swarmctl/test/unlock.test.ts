import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

test('the key goes to the socket that is named, wherever that is said', async () => {
  const key = 'SWMKEY-1-x';
  for (const [argv, env, socket] of [
    [['-s', '/run/a.sock', 'unlock'], {}, '/run/a.sock'],
    [['unlock', '-s', 'unix:///run/b.sock'], {}, '/run/b.sock'],
    [['unlock'], { SWARM_SOCKET: '/run/c.sock' }, '/run/c.sock'],
  ] as const) {
    const { code, out, err, sockets, unlocked } = await runCtl(new FakeCluster(), argv, {
      env,
      secret: ` ${key}\n`,
    });
    assert.deepEqual([code, err], [0, '']);
    assert.equal(out, 'Unlocked: the node starts now.\n');
    assert.deepEqual([sockets, unlocked], [[socket], [key]]);
  }
});

test('no key is a wrong command line, and nobody is called', async () => {
  const { code, err, sockets } = await runCtl(new FakeCluster(), ['unlock']);
  assert.equal(code, 2);
  assert.equal(err, 'swarmctl: there is no unlock key; type it, or pipe it in\n');
  assert.deepEqual(sockets, []);
});

test('the key is read from standard input, and shown nowhere', () => {
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  for (const [input, status] of [
    ['SWMKEY-1-x\n', 4],
    ['', 2],
  ] as const) {
    const done = spawnSync(process.execPath, [main, '-s', '/nowhere/x.sock', 'unlock'], {
      input,
      encoding: 'utf8',
    });
    assert.equal(done.status, status, done.stderr);
    assert.ok(!`${done.stdout}${done.stderr}`.includes('SWMKEY'));
  }
});
