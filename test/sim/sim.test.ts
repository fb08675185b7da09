import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plugins } from './plugins.js';
import { runSeed } from './run-seed.js';

// SIM_SEEDS plays more or fewer. `npm run sim` is the long run, on all cores and with a summary.

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const sim = (...words: readonly string[]) => {
  const done = spawnSync(process.execPath, [main, ...words], { encoding: 'utf8' });
  return { ...done, text: done.stdout + done.stderr };
};

test('seeds keep every promise under faults and come right after them', {
  timeout: 590_000,
}, () => {
  const { status, text } = sim('--seeds', process.env.SIM_SEEDS ?? '200', '--seed', '1');
  assert.equal(status, 0, text);
});

test('the same seed is the same run, in this process and in another', {
  timeout: 60_000,
}, async () => {
  const here = await runSeed({ seed: 5, profile: 'all', plugins });
  const again = await runSeed({ seed: 5, profile: 'all', plugins });
  assert.deepEqual(again, here);
  const { text } = sim('--seed', '5', '--jobs', '1', '--worker');
  assert.equal(JSON.parse(text).fingerprint, here.fingerprint);
  const other = await runSeed({ seed: 4, profile: 'all', plugins });
  assert.notEqual(other.fingerprint, here.fingerprint);
});

test('what cannot be played is said', () => {
  for (const [words, sentence] of [
    [['--seeds', 'many'], /--seeds must be a whole number, not many/],
    [['--profile', 'x'], /--profile must be one of raft, orchestration, all, not x/],
  ] as const) {
    const { status, text } = sim(...words);
    assert.equal(status, 2);
    assert.match(text, sentence);
  }
});
