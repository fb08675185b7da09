import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService } from '@swarmkit/sdk/testkit/fixtures';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

const run = (...argv: readonly string[]) => runCtl(new FakeCluster(), argv);

test('mistakes on the command line are one sentence and exit code 2', async () => {
  const mistakes: readonly (readonly [readonly string[], string])[] = [
    [['frob'], "unknown command 'frob'; see swarmctl --help"],
    [['servce'], "unknown command 'servce'; (Did you mean service?); see swarmctl --help"],
    [['service', 'frob'], "unknown command 'frob'; see swarmctl service --help"],
    [['service', 'ls', '--foo'], "unknown option '--foo'; see swarmctl service ls --help"],
    [
      ['service', 'ls', 'x'],
      "too many arguments for 'ls'; Expected 0 arguments but got 1; see swarmctl service ls --help",
    ],
    [
      ['service', 'inspect'],
      "missing required argument 'service'; see swarmctl service inspect --help",
    ],
    [['task', 'inspect', ''], 'name a task: an empty word means none'],
    [['service', 'create', '--replicas', 'x', 'a'], '--replicas is "x"; write a whole number'],
    [
      ['service', 'update', 'a', '--name', 'b'],
      "unknown option '--name'; see swarmctl service update --help",
    ],
    [['completion', 'tcsh'], 'there is no completion for tcsh; use bash, zsh or fish'],
  ];
  for (const [argv, sentence] of mistakes) {
    const { code, out, err } = await run(...argv);
    assert.deepEqual({ code, out, err }, { code: 2, out: '', err: `swarmctl: ${sentence}\n` });
  }
  const format = await run('task', 'ls', '--format', 'xml');
  assert.equal(format.code, 2);
  assert.match(
    format.err,
    /^swarmctl: option '--format <form>' argument 'xml' is invalid; Allowed choices are table, json; see swarmctl task ls --help\n$/,
  );
});

test('help and version go to standard output, and touch no manager', async () => {
  for (const argv of [
    ['--help'],
    ['service', '--help'],
    ['service', 'create', '--help'],
    ['help', 'task'],
  ]) {
    const { code, out, err, sockets } = await run(...argv);
    assert.deepEqual([code, err, sockets], [0, '', []], argv.join(' '));
    assert.match(out, /^Usage: swarmctl/);
  }
  const { out } = await run('--version');
  assert.equal(out, '1.2.3\n');
  assert.equal((await run('-v')).out, '1.2.3\n');
});

test('a group without a command shows its help, as a mistake', async () => {
  for (const argv of [[], ['service']]) {
    const { code, out, err } = await run(...argv);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, /^Usage: swarmctl/);
  }
});

test('the socket: flag before and behind, environment, default', async () => {
  const socketOf = async (argv: readonly string[], env: Record<string, string> = {}) =>
    (await runCtl(new FakeCluster(), argv, { env })).sockets[0];
  const ls = ['service', 'ls'];
  assert.equal(await socketOf(ls), path.resolve('swarmkitstate/swarmd.sock'));
  assert.equal(await socketOf(ls, { SWARM_SOCKET: '' }), path.resolve('swarmkitstate/swarmd.sock'));
  assert.equal(await socketOf(ls, { SWARM_SOCKET: '/run/a.sock' }), '/run/a.sock');
  assert.equal(await socketOf(ls, { SWARM_SOCKET: 'unix:///run/a.sock' }), '/run/a.sock');
  assert.equal(await socketOf(['-s', '/b.sock', ...ls], { SWARM_SOCKET: '/a' }), '/b.sock');
  assert.equal(await socketOf([...ls, '--socket', 'unix:/b.sock']), '/b.sock');
});

test('the connection is closed, also after a refusal', async () => {
  for (const argv of [
    ['service', 'ls'],
    ['service', 'inspect', 'nobody'],
  ]) {
    const cluster = new FakeCluster();
    await runCtl(cluster, argv);
    await new Promise(setImmediate);
    assert.ok(cluster.isClosed);
  }
});

test('errors end with a code that says what kind they are', async () => {
  const codeFor = async (kind: ConstructorParameters<typeof SwarmError>[0]) => {
    const cluster = new FakeCluster();
    cluster.faults.set('listServices', [new SwarmError(kind, 'RPC_REMOTE', 'no')]);
    const { code, err } = await runCtl(cluster, ['service', 'ls']);
    assert.equal(err, 'swarmctl: no\n');
    return code;
  };
  assert.equal(await codeFor('unavailable'), 4);
  assert.equal(await codeFor('deadline-exceeded'), 4);
  assert.equal(await codeFor('not-found'), 3);
  assert.equal(await codeFor('invalid-argument'), 1);
  assert.equal(await codeFor('unimplemented'), 1);
  const bug = new FakeCluster();
  bug.faults.set('listServices', [new TypeError('a bug')]);
  assert.equal((await runCtl(bug, ['service', 'ls'])).code, 1);
});

test('completion offers what may stand there', async () => {
  const cluster = new FakeCluster();
  cluster.services = [
    aService({ id: 's1', spec: { annotations: { name: 'web' } } }),
    aService({ id: 's2', spec: { annotations: { name: 'db' } } }),
  ];
  cluster.nodes = [
    aNode({ id: 'n1', description: { hostname: 'alpha' } }),
    aNode({ id: 'n2', description: { hostname: '' } }),
  ];
  const words = async (...typed: readonly string[]): Promise<readonly string[]> => {
    const { code, out } = await runCtl(cluster, ['__complete', '--', ...typed]);
    assert.equal(code, 0);
    return out.split('\n').slice(0, -1);
  };
  assert.deepEqual(await words('t'), ['task']);
  assert.deepEqual(await words('serv'), ['service']);
  assert.deepEqual(await words('service', 'in'), ['inspect']);
  assert.deepEqual(await words('service', 'inspect', ''), ['db', 'web']);
  assert.deepEqual(await words('task', 'list', 'w'), ['web']);
  assert.deepEqual(await words('service', 'rm', 'db', 'w'), ['web']);
  assert.deepEqual(await words('node', 'drain', ''), ['alpha', 'n2']);
  assert.deepEqual(await words('service', 'create', ''), [], 'images are not known');
  assert.deepEqual(await words('service', 'create', '--rep'), [
    '--replicas',
    '--replicas-max-per-node',
  ]);
  assert.deepEqual(await words('service', 'update', '--limit-c'), ['--limit-cpu']);
  assert.deepEqual(await words('service', 'update', '--cpu-l'), ['--cpu-limit']);
  assert.deepEqual(await words('task', 'ls', '--format', ''), ['json', 'table']);
  assert.deepEqual(await words('--format', 'j'), ['json']);
  assert.deepEqual(await words('completion', ''), ['bash', 'fish', 'zsh']);
  assert.deepEqual(await words('service', 'update', '--replicas', ''), [], 'a number');
});

test('completion asks where the command line says, and never fails', async () => {
  const there = await runCtl(new FakeCluster(), [
    '__complete',
    '--',
    '-s',
    '/a.sock',
    'service',
    'rm',
    '',
  ]);
  assert.deepEqual(there.sockets, ['/a.sock']);
  const down = new FakeCluster();
  down.faults.set('listServices', [new SwarmError('unavailable', 'X', 'down')]);
  const { code, out, err } = await runCtl(down, ['__complete', '--', 'service', 'rm', '']);
  assert.deepEqual([code, out, err], [0, '', '']);
});
