import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type Backup, readBackup } from '@swarmkit/sdk/model/backup-file';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { aCluster, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { BackupHead } from '@swarmkit/sdk/wire/gen/node/backup';
import { StoreSnapshot } from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';
import { FakeCluster } from './fake-cluster.js';
import { type RunOptions, runCtl } from './run-ctl.js';

// info, leave, backup and restore: what they ask of the node, what they say, and what they refuse to do.

const folder = mkdtempSync(path.join(tmpdir(), 'swk-operators-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string): string => path.join(folder, name);

const store = StoreSnapshot.encode(
  StoreSnapshot.fromPartial({ clusters: [aCluster({ id: 'c1', rootCa: {} })] }),
).finish();
const head = BackupHead.create({
  clusterId: 'c1',
  nodeId: 'n1',
  index: 42n,
  term: 3n,
  takenAt: timestampFromMs(fixtureTime),
});
const backup: Backup = { head, store };

const ctl = (argv: readonly string[], options: RunOptions = {}) =>
  runCtl(new FakeCluster(), argv, options);

test('info shows the node, as a table and for programs', async () => {
  const { code, out, sockets } = await ctl(['info', '--socket', '/s']);
  assert.equal(code, 0);
  assert.deepEqual(sockets, ['/s']);
  assert.match(out, /^Node: +n1\nRole: +worker\nCluster: +c1\nCertificate until: +\S+Z\n/);
  assert.match(out, /Other managers: +10\.0\.0\.1:4242/);
  const json = JSON.parse((await ctl(['info', '--format', 'json'])).out);
  assert.deepEqual(json, {
    nodeId: 'n1',
    clusterId: 'c1',
    role: 'worker',
    certificateExpires: new Date(fixtureTime).toISOString(),
    managers: ['10.0.0.1:4242'],
  });
});

test('leave says whether it was forced, and that the node is to be removed', async () => {
  for (const [words, force] of [
    [['leave'], false],
    [['leave', '--force'], true],
    [['leave', '-f'], true],
  ] as const) {
    const { code, out, left } = await ctl(words);
    assert.equal(code, 0);
    assert.deepEqual(left, [force]);
    assert.match(
      out,
      /^This node has left the cluster; swarmd ends\. Remove it there: swarmctl node rm/,
    );
  }
});

test('a backup is a file that only its owner reads, open or encrypted, and says which', async () => {
  const open = await ctl(['backup', inFolder('open')], { backup });
  assert.equal(open.code, 0, open.err);
  assert.match(open.out, /as of entry 42/);
  assert.match(open.out, /It is NOT encrypted/);
  assert.equal(statSync(inFolder('open')).mode & 0o777, 0o600);
  assert.deepEqual(readBackup(readFileSync(inFolder('open')), undefined).head, head);

  for (const [name, words, options] of [
    ['typed', ['--encrypt'], { secret: 'correct horse' }],
    ['env', [], { env: { SWARM_BACKUP_PASSPHRASE: 'correct horse' } }],
    ['file', ['--passphrase-file', inFolder('phrase')], {}],
  ] as const) {
    writeFileSync(inFolder('phrase'), 'correct horse\nsecond line\n');
    const sealed = await ctl(['backup', inFolder(name), ...words], { backup, ...options });
    assert.equal(sealed.code, 0, sealed.err);
    assert.match(sealed.out, /It is encrypted/);
    const bytes = readFileSync(inFolder(name));
    assert.throws(() => readBackup(bytes, 'wrong horse'));
    assert.deepEqual(Buffer.from(readBackup(bytes, 'correct horse').store), Buffer.from(store));
  }
  const json = await ctl(['backup', inFolder('json'), '--format', 'json'], { backup });
  const { cluster, index, encrypted, file } = JSON.parse(json.out);
  assert.deepEqual(
    { cluster, index, encrypted, file },
    { cluster: 'c1', index: 42, encrypted: false, file: inFolder('json') },
  );
});

test('a backup never replaces a file, and one that cannot be had leaves none', async () => {
  writeFileSync(inFolder('mine'), 'mine');
  const taken = await ctl(['backup', inFolder('mine')], { backup });
  assert.notEqual(taken.code, 0);
  assert.match(taken.err, /the backup .*mine cannot be made: EEXIST/);
  assert.equal(readFileSync(inFolder('mine'), 'utf8'), 'mine');
  assert.notEqual((await ctl(['backup', inFolder('none')])).code, 0);
  assert.ok(!readdirSync(folder).includes('none'));
  for (const [words, options, said] of [
    [['--encrypt'], { secret: '' }, /there is no passphrase/],
    [['--passphrase-file', inFolder('nowhere')], {}, /the passphrase file .* cannot be read/],
    [['--passphrase-file', inFolder('empty')], {}, /the first line of .* is empty/],
  ] as const) {
    writeFileSync(inFolder('empty'), '\n');
    const refused = await ctl(['backup', inFolder('never'), ...words], { backup, ...options });
    assert.equal(refused.code, 2);
    assert.match(refused.err, said);
    assert.ok(!readdirSync(folder).includes('never'));
  }
});

test('a restore that cannot be says why, and makes nothing', async () => {
  const good = inFolder('good');
  await ctl(['backup', good], { backup });
  const sealed = inFolder('sealed');
  await ctl(['backup', sealed, '--encrypt'], { backup, secret: 'correct horse' });
  const cut = inFolder('cut');
  writeFileSync(cut, readFileSync(good).subarray(0, -1));
  const full = inFolder('full');
  mkdirSync(full);
  writeFileSync(path.join(full, 'something'), '');
  const to = inFolder('state');
  const cases: readonly (readonly [readonly string[], RegExp, RunOptions?])[] = [
    [[inFolder('nowhere'), '-d', to], /the backup .*nowhere cannot be read: ENOENT/],
    [[cut, '-d', to], /damaged/],
    [[sealed, '-d', to], /the passphrase is another one/, { secret: 'wrong horse' }],
    [[sealed, '-d', to], /there is no passphrase/, { secret: '' }],
    [[good, '-d', to, '--advertise-addr', 'nonsense'], /nonsense/],
    [[good, '-d', full], /is not empty, and nothing was changed/],
    [[good], /required option '-d, --state-dir <dir>' not specified/],
  ];
  for (const [words, said, options] of cases) {
    const { code, err } = await ctl(['restore', ...words], options);
    assert.notEqual(code, 0, words.join(' '));
    assert.match(err, said);
    assert.ok(!readdirSync(folder).some((name) => name.startsWith('state')), words.join(' '));
  }
  assert.deepEqual(readdirSync(full), ['something']);
});
