import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { CommanderError, parseCommandLine } from '../command-line.js';
import type { Flags } from '../settings.js';

const parse = (...argv: readonly string[]): Flags => parseCommandLine(argv, '1.2.3');

/** What is said on either stream before the refusal, and the exit code that Commander has for it. */
function ended(...argv: readonly string[]): readonly [code: number, out: string, err: string] {
  const said = { out: '', err: '' };
  const keep = (to: 'out' | 'err') => (text: unknown) => {
    said[to] += String(text);
    return true;
  };
  const out = mock.method(process.stdout, 'write', keep('out') as typeof process.stdout.write);
  const err = mock.method(process.stderr, 'write', keep('err') as typeof process.stderr.write);
  try {
    parse(...argv);
  } catch (error) {
    assert.ok(error instanceof CommanderError, String(error));
    return [error.exitCode, said.out, said.err];
  } finally {
    out.mock.restore();
    err.mock.restore();
  }
  throw new Error('it was not refused');
}

test('nothing given is nothing set', () => {
  assert.deepEqual(parse(), { load: [] });
});

test("SwarmKit's flags and those of our own", () => {
  assert.deepEqual(
    parse(
      ...['-d', 'state', '--listen-control-api', 'a.sock', '--listen-remote-api', ':4242'],
      ...['--generic-node-resources', 'gpu=a,gpu=b'],
      ...['--hostname', 'alpha', '-l', 'debug', '--config', 'c.yaml', '--executor', 'docker'],
      ...[
        '--containerd-addr',
        'c.sock',
        '--engine-addr',
        'unix:///d',
        '--load',
        'a',
        '--load',
        'b',
      ],
    ),
    {
      stateDir: 'state',
      listenControlApi: 'a.sock',
      listenRemoteApi: ':4242',
      hostname: 'alpha',
      genericNodeResources: 'gpu=a,gpu=b',
      logLevel: 'debug',
      config: 'c.yaml',
      executor: 'docker',
      containerdAddr: 'c.sock',
      engineAddr: 'unix:///d',
      load: ['a', 'b'],
    },
  );
  assert.deepEqual(parse('--state-dir=x', '--log-level=warn'), {
    stateDir: 'x',
    logLevel: 'warn',
    load: [],
  });
});

test('mistakes are one sentence', () => {
  const mistakes: readonly (readonly [readonly string[], string])[] = [
    [['--foo'], "unknown option '--foo'; see swarmd --help"],
    [
      ['--hostnam', 'a'],
      "unknown option '--hostnam'; (Did you mean --hostname?); see swarmd --help",
    ],
    [['run'], 'too many arguments; Expected 0 arguments but got 1; see swarmd --help'],
    [['-d'], "option '-d, --state-dir <dir>' argument missing; see swarmd --help"],
    [
      ['--executor', 'podman'],
      "option '--executor <name>' argument 'podman' is invalid; Allowed choices are containerd, docker, process; see swarmd --help",
    ],
  ];
  for (const [argv, sentence] of mistakes)
    assert.deepEqual(ended(...argv), [1, '', `swarmd: ${sentence}\n`]);
});

test('version and help are no mistakes', () => {
  assert.deepEqual(ended('--version'), [0, '1.2.3\n', '']);
  assert.deepEqual(ended('-v'), [0, '1.2.3\n', '']);
  const [code, out, err] = ended('--help');
  assert.deepEqual([code, err], [0, '']);
  for (const flag of ['--state-dir', '--executor', '--config']) assert.ok(out.includes(flag));
});

test('the unlock key comes by a flag or by the environment', () => {
  assert.equal(parseCommandLine(['--unlock-key', 'SWMKEY-1-a'], '1').unlockKey, 'SWMKEY-1-a');
  process.env.SWARM_UNLOCK_KEY = 'SWMKEY-1-b';
  try {
    assert.equal(parseCommandLine([], '1').unlockKey, 'SWMKEY-1-b');
  } finally {
    delete process.env.SWARM_UNLOCK_KEY;
  }
  assert.equal(parseCommandLine([], '1').unlockKey, undefined);
});
