import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '../log.js';

test('writes JSON lines with level, plugin and without secrets', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'log-'));
  try {
    const file = join(folder, 'log');
    const log = createLogger('info', file);
    log.debug('not this');
    log.child({ plugin: 'ca' }).info({ keyPem: 'SECRET', identity: { keyPem: 'SECRET' } }, 'made');
    const detail = { joinToken: 'SECRET', nodeId: 'n1' };
    log.warn({ err: Object.assign(new Error('no'), { detail }) }, 'refused');
    log.error('plain');
    const text = await readFile(file, 'utf8');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        [30, 'made'],
        [40, 'refused'],
        [50, 'plain'],
      ],
    );
    assert.equal(lines[0].plugin, 'ca');
    assert.equal(lines[1].err.detail.nodeId, 'n1');
    assert.ok(!text.includes('SECRET'));
  } finally {
    await rm(folder, { recursive: true });
  }
});
