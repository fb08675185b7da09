// npm test: installs what the tests need, builds, runs every test, and closes with a line of counts.
//   npm test                   everything
//   npm test -- unit           only tests that need no engine
//   npm test -- real           only tests against real engines
//   npm test -- PATTERN …      only files whose path contains one of the patterns
// Property tests draw from one seed; PROPERTY_SEED=random draws a new one each time.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { build, engines, installPackages, root } from './prepare.mjs';

const words = process.argv.slice(2);
const only = new Set(words.filter((word) => word === 'unit' || word === 'real'));
const patterns = words.filter((word) => !only.has(word));

installPackages();
const missing = engines([
  'containerd',
  'runc',
  'busybox',
  'dockerd',
  'protoc',
  'openssl',
  'ip',
  'nft',
]);
if (missing.length > 0) {
  const sentence = `Not installed and not installable here: ${missing.join(', ')}. Tests that need them are skipped.`;
  console.log(sentence);
  if (process.env.CI === 'true') {
    console.error('Under CI=true a missing engine is a failure.');
    process.exit(1);
  }
}
build();

const files = testFiles();
if (files.length === 0) {
  console.error('No test file matches.');
  process.exit(1);
}
const isReal = (file) =>
  ['real', 'interop'].some((room) => file.includes(`${path.sep}${room}${path.sep}`)) ||
  file.endsWith('.real.test.js');
const phases = [
  // Real engines share two cores and are measured by deadlines: one file at a time.
  { name: 'unit', files: files.filter((file) => !isReal(file)), concurrency: 2 },
  { name: 'real', files: files.filter(isReal), concurrency: 1 },
].filter((phase) => phase.files.length > 0 && (only.size === 0 || only.has(phase.name)));

const counts = { pass: 0, fail: 0, skipped: 0 };
let broken = false;
for (const phase of phases) {
  console.log(`\n${phase.name}: ${phase.files.length} files`);
  const status = await run(phase);
  if (status !== 0) broken = true;
}
console.log(`\n${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped`);
process.exit(broken || counts.fail > 0 ? 1 : 0);

function testFiles() {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name === '.git') continue;
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(full);
      else if (entry.name.endsWith('.test.js') && full.includes(`${path.sep}dist${path.sep}`))
        found.push(path.relative(root, full));
    }
  };
  for (const room of ['sdk', 'kernel', 'plugins', 'apps', 'examples', 'test'])
    walk(path.join(root, room));
  const wanted = (file) =>
    patterns.length === 0 || patterns.some((pattern) => file.includes(pattern));
  return found.filter(wanted).sort();
}

/** Runs node's test runner, shows what it prints, and adds up its closing counts. */
function run(phase) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [
        '--test',
        '--test-reporter=spec',
        `--test-concurrency=${phase.concurrency}`,
        '--test-timeout=600000',
        `--import=${path.join(root, 'scripts/property-seed.mjs')}`,
        ...phase.files,
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let tail = '';
    child.stdout.on('data', (bytes) => {
      process.stdout.write(bytes);
      tail = (tail + bytes).slice(-200_000);
    });
    child.on('close', (status) => {
      for (const key of Object.keys(counts)) {
        const last = [...tail.matchAll(new RegExp(`^. ${key} (\\d+)$`, 'gm'))].at(-1);
        counts[key] += Number(last?.[1] ?? 0);
      }
      resolve(status);
    });
  });
}
