import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { Cleanup } from '../harness/cleanup.js';
import { startRaftHost } from './raft-host.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** Runs the writer until it has acknowledged `count` texts, then kills it. */
async function killedAfter(dir: string, life: number, count: number): Promise<string[]> {
  const writer = fileURLToPath(new URL('./raft-writer.js', import.meta.url));
  const child = spawn(process.execPath, [writer, dir, String(life)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup.add('the writer', () => void child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('close', resolve));
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    if (printed.split('\n').length > count) child.kill('SIGKILL');
  }
  await ended;
  // A last line that was cut off was acknowledged too, but we cannot name it.
  return printed.split('\n').slice(0, -1);
}

describe('raft on rocksdb', () => {
  it('has every acknowledged entry, once and in order, after each kill -9', async () => {
    const dir = cleanup.folder();
    const acknowledged: string[] = [];
    let before: string[] = [];
    for (const [life, count] of [50, 700, 3, 1_200, 200].entries()) {
      acknowledged.push(...(await killedAfter(dir, life, count)));
      const host = await startRaftHost(dir);
      await host.leads();
      const texts = host.tape.texts.map((text) => text.replace(/\.+$/, ''));
      await host.stop();
      const found = new Set(texts);
      assert.equal(found.size, texts.length, 'an entry was applied twice');
      for (const text of acknowledged) assert.ok(found.has(text), `${text} is lost`);
      assert.deepEqual(texts.slice(0, before.length), before, 'history changed');
      before = texts;
    }
    assert.ok(acknowledged.length >= 2_153, `${acknowledged.length} entries`);
  });

  it('holds writes back on a full disk and carries them out when there is room', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root, to mount a small file system');
    const dir = path.join(cleanup.folder(), 'small');
    mkdirSync(dir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dir]);
    cleanup.add('the small file system', () => void execFileSync('umount', ['-l', dir]));
    const host = await startRaftHost(dir);
    cleanup.add('the host', () => host.stop());
    await host.leads();
    const acknowledged: string[] = [];
    const propose = async (text: string): Promise<void> => {
      await host.consensus.propose(Buffer.from(text));
      acknowledged.push(text);
    };
    for (let n = 0; n < 20; n++) await propose(`before ${n}`);
    const ballast = path.join(dir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(21 * 1024 * 1024, 1));
    assert.throws(() => {
      for (let n = 0; ; n++) writeFileSync(`${ballast}-${n}`, Buffer.alloc(4_096, 1));
    }, /ENOSPC/);
    const refused = async (): Promise<void> => {
      for (let n = 0; ; n++) await propose(`filling ${n} ${'x'.repeat(20_000)}`);
    };
    await assert.rejects(refused, (error) => {
      assert.ok(isSwarmError(error));
      assert.equal(error.code, 'RAFT_DISK_FULL');
      assert.ok(error.message.includes(path.join(dir, 'raft')), error.message);
      return true;
    });
    await assert.rejects(
      host.consensus.propose(Buffer.from('x')),
      /^SwarmError: nothing was written/,
    );
    rmSync(ballast);
    await host.leads();
    await propose('after');
    for (const text of acknowledged) assert.ok(host.tape.texts.includes(text), `${text} is lost`);
    await host.stop();
    const again = await startRaftHost(dir);
    await again.leads();
    assert.deepEqual(again.tape.texts, host.tape.texts);
    await again.stop();
    assert.equal(host.fatal(), undefined);
  });

  it('refuses a second process on the same folder in one sentence', async () => {
    const dir = cleanup.folder();
    const host = await startRaftHost(dir);
    cleanup.add('the host', () => host.stop());
    const script = `
      const { startRaftHost } = await import(${JSON.stringify(new URL('./raft-host.js', import.meta.url).href)});
      await startRaftHost(${JSON.stringify(dir)}).then(
        () => console.log('started'),
        (error) => console.log(error.message));
      process.exit();`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script]).toString();
    assert.match(said, /in use by another process: stop that process/);
  });
});
