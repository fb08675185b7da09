import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { redacted } from '../output/redact.js';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

const folder = mkdtempSync(path.join(tmpdir(), 'swk-raft-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a folder without a log is said, and nothing is made in it', async () => {
  for (const command of ['recover', 'dump-log', 'dump-snapshot']) {
    const { code, err, sockets } = await runCtl(new FakeCluster(), ['raft', command, '-d', folder]);
    assert.equal(code, 3);
    assert.equal(
      err,
      `swarmctl: there is no manager's log in ${folder}: name the state folder of a manager, which is what swarmd was given with -d\n`,
    );
    assert.deepEqual(sockets, []);
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('a wrong range, or no folder, is a wrong command line', async () => {
  for (const [argv, said] of [
    [['dump-log', '-d', folder, '--from', 'x'], /--from is "x"; write the index of an entry/],
    [['dump-snapshot', '-d', folder, '--index', '-1'], /--index is "-1"; write the index/],
    [['recover'], /required option '-d, --state-dir <dir>' not specified/],
  ] as const) {
    const { code, err } = await runCtl(new FakeCluster(), ['raft', ...argv]);
    assert.equal(code, 2);
    assert.match(err, said);
  }
});

test('what is read off a disk is shown without keys, tokens and secrets', () => {
  const shown = redacted({
    id: 'c',
    spec: { data: 'hush', annotations: { name: 'n' } },
    rootCa: { caKey: 'hush', caCert: 'open', joinTokens: { worker: 'hush' } },
    unlockKeys: [{ key: 'hush' }],
    networkBootstrapKeys: [{ key: 'hush' }],
    tasks: [{ pullOptions: { registryAuth: 'hush' } }],
  });
  assert.doesNotMatch(JSON.stringify(shown), /hush/);
  assert.match(JSON.stringify(shown), /"caCert":"open"/);
  assert.match(JSON.stringify(shown), /"name":"n"/);
});
