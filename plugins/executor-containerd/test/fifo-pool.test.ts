import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FifoPool } from '../shell/tasks/fifo-pool.js';

describe('a pool of named pipes', () => {
  let folder: string;
  let dir: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'swarmkit-fifos-'));
    dir = join(folder, 'fifos');
  });
  afterEach(() => rmSync(folder, { recursive: true, maxRetries: 5 }));

  it('puts one where it is wanted, and keeps the one that is there', async () => {
    const pool = new FifoPool(dir);
    const path = join(folder, 'stdout');
    await pool.put(path);
    const { ino } = lstatSync(path);
    assert.ok(lstatSync(path).isFIFO());
    await pool.put(path);
    assert.equal(lstatSync(path).ino, ino);
  });

  it('begins although what a killed process had begun goes on for a while', async () => {
    const old = join(dir, '4711');
    mkdirSync(old, { recursive: true });
    const script = 'i=0; while [ $i -lt 400 ]; do i=$((i+1)); : > "$0/$i" || exit 0; done';
    const leftover = spawn('sh', ['-c', script, old], { stdio: 'ignore' });
    const ended = once(leftover, 'close');
    while (readdirSync(old).length === 0) await new Promise((resolve) => setImmediate(resolve));
    const path = join(folder, 'stdout');
    await new FifoPool(dir).put(path);
    assert.ok(lstatSync(path).isFIFO());
    await ended;
    assert.equal(existsSync(old), false, 'what was left is gone');
  });
});
