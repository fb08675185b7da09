import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { type Flags, type Settings, settingsFrom as settingsOn } from '../settings.js';

/** On a machine with one address. */
const settingsFrom = (flags: Flags, cwd: string): Promise<Settings> =>
  settingsOn(flags, cwd, {
    lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true }],
    eth0: [{ address: '192.0.2.7', family: 'IPv4', internal: false }],
  } as never);

const dir = mkdtempSync(path.join(tmpdir(), 'swarmd-settings-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const cwd = path.join(dir, 'cwd');
const etc = path.join(dir, 'etc');
mkdirSync(etc);
const file = path.join(etc, 'swarmd.yaml');

const withFile = (yaml: string, flags: Flags = {}): Promise<Settings> => {
  writeFileSync(file, yaml);
  return settingsFrom({ ...flags, config: file }, cwd);
};

async function refusal(settings: Promise<Settings>): Promise<string> {
  try {
    await settings;
  } catch (error) {
    assert.ok(isSwarmError(error) && error.kind === 'invalid-argument', String(error));
    assert.ok(!error.message.includes('\n'), 'one sentence');
    return `${error.code}: ${error.message.replaceAll(dir, 'DIR')}`;
  }
  throw new Error('it was not refused');
}

test('defaults', async () => {
  assert.deepEqual(await settingsFrom({}, cwd), {
    stateDir: path.join(cwd, 'swarmkitstate'),
    listenControlApi: path.join(cwd, 'swarmkitstate/swarmd.sock'),
    listenRemoteApi: '0.0.0.0:4242',
    advertiseRemoteApi: '192.0.2.7:4242',
    join: undefined,
    forceNewCluster: false,
    hostname: undefined,
    genericNodeResources: undefined,
    logLevel: 'info',
    executor: 'containerd',
    containerdAddr: '/run/containerd/containerd.sock',
    engineAddr: '/var/run/docker.sock',
    load: [],
    providers: {},
    plugins: {},
  });
});

const whole = `
state-dir: state
listen-control-api: run/ctl.sock
listen-remote-api: 10.0.0.1:4242
advertise-remote-api: 203.0.113.1:14242
join-addr: 10.0.0.2:4242, [::2]:4242
join-token: SWMTKN
availability: pause
hostname: alpha
generic-node-resources: fpga=2,gpu=a
log-level: warn
executor: docker
containerd-addr: unix:///run/c.sock
engine-addr: unix://d.sock
load: [plugins, /opt/plugins]
providers: { swarmkit.storage.v1: storage-memory }
plugins:
  raft: { snapshotInterval: 5 }
`;

test('the file, with its paths relative to itself', async () => {
  assert.deepEqual(await withFile(whole), {
    stateDir: path.join(etc, 'state'),
    listenControlApi: path.join(etc, 'run/ctl.sock'),
    listenRemoteApi: '10.0.0.1:4242',
    advertiseRemoteApi: '203.0.113.1:14242',
    join: { addresses: ['10.0.0.2:4242', '[::2]:4242'], token: 'SWMTKN', availability: 'pause' },
    forceNewCluster: false,
    hostname: 'alpha',
    genericNodeResources: 'fpga=2,gpu=a',
    logLevel: 'warn',
    executor: 'docker',
    containerdAddr: '/run/c.sock',
    engineAddr: path.join(etc, 'd.sock'),
    load: [path.join(etc, 'plugins'), '/opt/plugins'],
    providers: { 'swarmkit.storage.v1': 'storage-memory' },
    plugins: { raft: { snapshotInterval: 5 } },
  });
});

test('flags win over the file, with their paths relative to the working folder', async () => {
  const settings = await withFile(whole, {
    stateDir: 'other',
    listenControlApi: 'ctl.sock',
    listenRemoteApi: ':1',
    advertiseAddr: '198.51.100.4',
    joinAddr: 'm1:1',
    joinToken: 'other',
    hostname: 'beta',
    logLevel: 'debug',
    executor: 'process',
    containerdAddr: 'c.sock',
    engineAddr: 'unix:///e.sock',
    load: ['more'],
  });
  assert.deepEqual(settings, {
    ...(await withFile(whole)),
    stateDir: path.join(cwd, 'other'),
    listenControlApi: path.join(cwd, 'ctl.sock'),
    listenRemoteApi: ':1',
    advertiseRemoteApi: '198.51.100.4:1',
    join: { addresses: ['m1:1'], token: 'other', availability: 'pause' },
    hostname: 'beta',
    logLevel: 'debug',
    executor: 'process',
    containerdAddr: path.join(cwd, 'c.sock'),
    engineAddr: '/e.sock',
    load: [path.join(etc, 'plugins'), '/opt/plugins', path.join(cwd, 'more')],
  });
});

test('generic resources that make no sense are refused', async () => {
  assert.equal(
    await refusal(settingsFrom({ genericNodeResources: 'gpu=a,gpu=1' }, cwd)),
    "SWARMD_SETTING: generic-node-resources: could not parse GenericResource: mixed discrete and named resources in expression 'gpu=[a 1]'",
  );
});

test('what the file does not say is as without it', async () => {
  const plain = await settingsFrom({}, cwd);
  for (const yaml of ['', '# nothing\n', '---\n', '{}'])
    assert.deepEqual(await withFile(yaml), plain);
  const { stateDir, listenControlApi } = await withFile('state-dir: /var/lib/swarm');
  assert.deepEqual([stateDir, listenControlApi], ['/var/lib/swarm', '/var/lib/swarm/swarmd.sock']);
});

test('a file that cannot be used is refused with its name and what is wrong', async () => {
  const refused: readonly (readonly [string, string])[] = [
    ['a: 1\nb: [\n', 'is not YAML at line 3: '],
    ['a: 1\na: 2\n', 'is not YAML at line 2: '],
    ['- a\n', 'is not a map of settings'],
    ['just words', 'is not a map of settings'],
    ['statedir: /x', 'has an unknown key statedir; known are state-dir, listen-control-api, '],
    ['constructor: {}', 'has an unknown key constructor; '],
    ['hostname: 12', 'has a hostname that is not a string'],
    ['state-dir:', 'has a state-dir that is not a string'],
    ['load: plugins', 'has a load that is not a list of strings'],
    ['load: [1]', 'has a load that is not a list of strings'],
    ['providers: { a: [b] }', 'has a providers that is not a map of strings'],
    ['plugins: [raft]', 'has a plugins that is not a map of maps, one for each plugin'],
    ['plugins: { raft: 3 }', 'has a plugins that is not a map of maps, one for each plugin'],
  ];
  for (const [yaml, words] of refused) {
    const said = await refusal(withFile(yaml));
    assert.ok(
      said.startsWith(`SWARMD_CONFIG: the configuration DIR/etc/swarmd.yaml ${words}`),
      said,
    );
  }
});

test('a file that cannot be read is refused', async () => {
  const read = (name: string): Promise<string> => refusal(settingsFrom({ config: name }, etc));
  assert.match(
    await read('none.yaml'),
    /^SWARMD_CONFIG: the configuration DIR\/etc\/none\.yaml cannot be read: ENOENT/,
  );
  assert.match(await read('.'), /cannot be read: EISDIR/);
  writeFileSync(path.join(etc, 'secret.yaml'), '');
  chmodSync(path.join(etc, 'secret.yaml'), 0o000);
  // Root may read everything.
  if (process.getuid?.() !== 0) assert.match(await read('secret.yaml'), /cannot be read: EACCES/);
});

test('values that a setting cannot have are refused, wherever they come from', async () => {
  assert.equal(
    await refusal(settingsFrom({ executor: 'podman' }, cwd)),
    'SWARMD_SETTING: executor is "podman"; it must be one of containerd, docker, process',
  );
  assert.equal(
    await refusal(withFile('log-level: loud')),
    'SWARMD_SETTING: log-level is "loud"; it must be one of debug, info, warn, error, fatal',
  );
  assert.equal(
    await refusal(settingsFrom({ hostname: '' }, cwd)),
    'SWARMD_SETTING: hostname is ""; leave it out, or give it a value',
  );
  assert.match(await refusal(withFile('state-dir: ""')), /^SWARMD_SETTING: state-dir is ""; /);
  assert.equal(
    await refusal(settingsFrom({ engineAddr: 'tcp://10.0.0.1:2375' }, cwd)),
    'SWARMD_SETTING: engine-addr is "tcp://10.0.0.1:2375"; only paths of this machine are supported',
  );
});

test('where other nodes reach this one', async () => {
  const at = async (flags: Flags): Promise<string | undefined> =>
    (await settingsFrom(flags, cwd)).advertiseRemoteApi;
  assert.equal(await at({}), '192.0.2.7:4242');
  assert.equal(await at({ listenRemoteApi: ':77' }), '192.0.2.7:77');
  assert.equal(await at({ listenRemoteApi: '[::]:77' }), '192.0.2.7:77');
  assert.equal(await at({ listenRemoteApi: '10.0.0.1:77' }), '10.0.0.1:77');
  assert.equal(await at({ listenRemoteApi: '127.0.0.1:0' }), undefined);
  assert.equal(await at({ advertiseRemoteApi: '10.0.0.1' }), '10.0.0.1:4242');
  assert.equal(await at({ advertiseRemoteApi: 'm1.example:9' }), 'm1.example:9');
  assert.equal(await at({ advertiseAddr: '10.0.0.1' }), '10.0.0.1:4242');
});

test('what cannot be joined by is refused', async () => {
  const said = (flags: Flags): Promise<string> => refusal(settingsFrom(flags, cwd));
  assert.match(await said({ joinToken: 'x' }), /: join-token is given and join-addr is not: say /);
  assert.match(await said({ availability: 'drain' }), /: availability is given and join-addr is /);
  assert.match(await said({ joinAddr: 'm1' }), /: join-addr is "m1"; write host:port, as in /);
  assert.match(await said({ joinAddr: 'm1:1,,m2:2' }), /: join-addr is ""; write host:port/);
  assert.match(
    await said({ joinAddr: 'm1:1', availability: 'off' }),
    /must be one of active, pause/,
  );
  assert.match(await said({ advertiseRemoteApi: '0.0.0.0' }), /it names no machine/);
});
