// npm run fuzz -- --seconds N: the fuzzers of `npm test` for N seconds each, on new seeds.
//   FUZZ_SEED=… npm run fuzz     runs the one seed that a finding named
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build, installPackages, root } from './prepare.mjs';

const words = process.argv.slice(2);
const at = words.indexOf('--seconds');
const seconds = Number(at < 0 ? 60 : words[at + 1]);
if (!Number.isFinite(seconds) || seconds <= 0) {
  console.error('Say how long: npm run fuzz -- --seconds 600');
  process.exit(1);
}
installPackages();
build();
const folder = path.join(root, 'test/dist/fuzz');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.js'))
  .map((name) => path.join(folder, name));
const env = { ...process.env, FUZZ_SECONDS: String(seconds) };
const ran = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-concurrency=1', ...files],
  { cwd: root, env, stdio: 'inherit' },
);
process.exit(ran.status ?? 1);
