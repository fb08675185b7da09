import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

// The daemon as people start it. This file runs as dist/test/process.test.js.
const main = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../main.js');
const dir = mkdtempSync(path.join(tmpdir(), 'swarmd-process-'));
const children: ChildProcess[] = [];
after(async () => {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

interface Run {
  readonly child: ChildProcess;
  /** Resolves to exit code, standard output and standard error. */
  readonly ended: Promise<readonly [code: number | null, out: string, err: string]>;
  out(): string;
}

function start(...argv: readonly string[]): Run {
  const child = spawn(process.execPath, [main, ...argv], { timeout: 60_000 });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  const ended = new Promise<readonly [number | null, string, string]>((resolve) =>
    child.once('close', (code) => resolve([code, out, err])),
  );
  return { child, ended, out: () => out };
}

const daemonFlags = (name: string, remote = '127.0.0.1:0'): readonly string[] => [
  ...['-d', path.join(dir, name), '--executor', 'process', '--listen-remote-api', remote],
];

/** Every line of the log is JSON. */
const logLines = (out: string): readonly { readonly level: number; readonly msg: string }[] =>
  out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { readonly level: number; readonly msg: string });

test('the version is that of the package', async () => {
  const [code, out, err] = await start('--version').ended;
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);
});

test('a wrong command line or setting ends with 2, before anything is made', async () => {
  const state = path.join(dir, 'never');
  assert.deepEqual(await start('-d', state, '--frob').ended, [
    2,
    '',
    "swarmd: unknown option '--frob'; see swarmd --help\n",
  ]);
  const config = path.join(dir, 'bad.yaml');
  writeFileSync(config, 'executor: podman\n');
  assert.deepEqual(await start('-d', state, '--config', config).ended, [
    2,
    '',
    'swarmd: executor is "podman"; it must be one of containerd, docker, process\n',
  ]);
  assert.ok(!existsSync(state));
});

test('a start that fails says one sentence, and the log stays JSON', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const address = `127.0.0.1:${(other.address() as { readonly port: number }).port}`;
    const [code, out, err] = await start(...daemonFlags('taken', address)).ended;
    assert.equal(code, 1);
    assert.equal(
      err,
      `swarmd: rpc failed in start: another process listens on ${address}: stop it or give this node another address\n`,
    );
    assert.ok(logLines(out).some(({ level }) => level === 50));
    assert.ok(!existsSync(path.join(dir, 'taken/swarmd.pid')), 'the folder is free again');
  } finally {
    other.close();
  }
});

test('a signal stops the daemon, and is no failure', async () => {
  const run = start(...daemonFlags('runs'));
  await new Promise<void>((resolve, reject) => {
    run.child.stdout?.on('data', () => run.out().includes('swarmd is running') && resolve());
    run.child.once('close', () => reject(new Error(`it ended: ${run.out()}`)));
  });
  run.child.kill('SIGTERM');
  const [code, out, err] = await run.ended;
  assert.deepEqual([code, err], [0, '']);
  assert.ok(logLines(out).some(({ msg }) => msg === 'stopping'));
  assert.ok(!existsSync(path.join(dir, 'runs/swarmd.pid')));
  assert.ok(!existsSync(path.join(dir, 'runs/swarmd.sock')));
});

test('a signal while it starts stops it too', async () => {
  const run = start(...daemonFlags('early'));
  await new Promise<void>((resolve, reject) => {
    run.child.stdout?.once('data', () => resolve());
    run.child.once('close', () => reject(new Error('it ended')));
  });
  run.child.kill('SIGINT');
  const [code, , err] = await run.ended;
  assert.deepEqual([code, err], [0, '']);
  assert.ok(!existsSync(path.join(dir, 'early/swarmd.pid')));
});

test('a bug that nothing catches ends the daemon with one sentence', async () => {
  const folder = path.join(dir, 'buggy');
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({
      name: 'buggy',
      type: 'module',
      swarmkit: { plugin: './plugin.js', sdk: '*' },
    }),
  );
  writeFileSync(
    path.join(folder, 'plugin.js'),
    `export default {
      id: 'buggy', version: '1.0.0', scope: 'node', register() {},
      start() { setImmediate(() => { throw new Error('nobody\\ncaught me'); }); },
    };`,
  );
  const [code, out, err] = await start(...daemonFlags('bug'), '--load', folder).ended;
  assert.equal(code, 1);
  assert.equal(err, 'swarmd: it ends because of a bug: nobody caught me\n');
  assert.ok(logLines(out).some(({ level, msg }) => level === 50 && msg.startsWith('a bug: ')));
  assert.ok(!existsSync(path.join(dir, 'bug/swarmd.pid')));
});
