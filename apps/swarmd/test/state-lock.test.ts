import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { lockState } from '../state-lock.js';

const dirs: string[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await gone;
    }
  }
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function newDir(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'swarmd-lock-'));
  dirs.push(dir);
  return dir;
}

const pidFile = (dir: string): string => path.join(dir, 'swarmd.pid');

/** A process that locks the folder, says what came of it, and stays until it is told to end. */
function locker(dir: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const module = new URL('../state-lock.js', import.meta.url).href;
  const script = `
    import { lockState } from ${JSON.stringify(module)};
    try { lockState(${JSON.stringify(dir)}); console.log('locked'); setInterval(() => {}, 1e6); }
    catch (error) { console.log(error.code + ': ' + error.message); }
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout?.once('data', (bytes: Buffer) =>
      resolve({ child, said: bytes.toString().trim() }),
    );
  });
}

function refusal(dir: string): string {
  try {
    lockState(dir);
  } catch (error) {
    assert.ok(isSwarmError(error), String(error));
    return `${error.code}: ${error.message}`;
  }
  throw new Error('it was not refused');
}

test('a folder is made for its owner alone, and is free again after the release', () => {
  const dir = path.join(newDir(), 'a/b');
  const lock = lockState(dir);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.match(readFileSync(pidFile(dir), 'utf8'), new RegExp(`^${process.pid} \\d+\n$`));
  lock.release();
  assert.deepEqual(readdirSync(dir), []);
  lock.release();
  lockState(dir).release();
});

test('a second process is refused with the name of the first', async () => {
  const dir = newDir();
  const { child, said } = await locker(dir);
  assert.equal(said, 'locked');
  assert.equal(
    refusal(dir),
    `SWARMD_STATE_IN_USE: another swarmd (process ${child.pid}) uses the state folder ${dir}; stop it or name another folder with -d`,
  );
  assert.deepEqual(readdirSync(dir), ['swarmd.pid'], 'nothing is left behind');
  assert.match(readFileSync(pidFile(dir), 'utf8'), new RegExp(`^${child.pid} `));
});

test('a dead process holds nothing', async () => {
  const dir = newDir();
  const { child } = await locker(dir);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  lockState(dir).release();
  assert.deepEqual(readdirSync(dir), []);
});

test('another process with the same pid holds nothing', () => {
  const dir = newDir();
  // Process 1 runs; it did not start then.
  writeFileSync(pidFile(dir), '1 12345678901\n');
  lockState(dir).release();
});

test('rubbish holds nothing', () => {
  for (const text of ['', '\n', 'swarmd', '1', '-1 5', '1.5 x', `${process.pid}`]) {
    const dir = newDir();
    writeFileSync(pidFile(dir), text);
    lockState(dir).release();
    assert.deepEqual(readdirSync(dir), []);
  }
});

test('a lock that another process has taken over is not released for it', () => {
  const dir = newDir();
  const lock = lockState(dir);
  writeFileSync(pidFile(dir), '1 2\n');
  lock.release();
  assert.equal(readFileSync(pidFile(dir), 'utf8'), '1 2\n');
});

test('of many that start on a dead one’s folder, one wins', async () => {
  const dir = newDir();
  writeFileSync(pidFile(dir), '1 12345678901\n');
  const said = (await Promise.all(Array.from({ length: 6 }, () => locker(dir)))).map(
    (one) => one.said,
  );
  const [first, ...others] = said.sort((a, b) => Number(b === 'locked') - Number(a === 'locked'));
  assert.equal(first, 'locked');
  for (const other of others) assert.match(other, /^SWARMD_STATE_IN_USE: another swarmd/);
  assert.deepEqual(readdirSync(dir), ['swarmd.pid']);
});

test('a folder that cannot be made or written is named', () => {
  const file = path.join(newDir(), 'file');
  writeFileSync(file, '');
  assert.equal(
    refusal(file),
    `SWARMD_STATE_DIR: the state folder ${file} cannot be used: EEXIST: file already exists, mkdir '${file}'`,
  );
  assert.match(refusal(path.join(file, 'below')), /^SWARMD_STATE_DIR: .*ENOTDIR/);
  // Not even root may write there.
  assert.match(
    refusal('/proc/self'),
    /^SWARMD_STATE_DIR: the state folder \/proc\/self cannot be used: E/,
  );
});

test('a folder in the place of the file is named', () => {
  const dir = newDir();
  dirs.push(dir);
  const inner = lockState(path.join(dir, 'swarmd.pid'));
  assert.match(
    refusal(dir),
    /^SWARMD_STATE_DIR: the state folder .* cannot be used: .*swarmd\.pid/,
  );
  inner.release();
});
