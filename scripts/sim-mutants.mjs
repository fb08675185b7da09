// npm run sim:mutants: shows that the simulations are awake. Each mutant of plugins/raft/test/mutants.ts is
// the compiled core with one thing broken; its lives (test/life.ts) must go wrong within SEEDS seeds, while
// those of the core as it is do not. Each mutant of test/sim/mutants.ts is a daemon with one thing broken;
// a whole cluster of it must break a promise within SYSTEM_SEEDS seeds.
//   npm run sim:mutants                 all of them
//   npm run sim:mutants -- WORD …       only those with one of the words in their name
//   --seeds N                           2000 unless given, for the core's
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, root } from './prepare.mjs';

const CONTROL_SEEDS = 300;
const SYSTEM_SEEDS = 200;
const LIMIT_MS = 300_000;
/** Lives of a child, see `lives`. Prints the seed of the first one that goes wrong, and how. */
const RUN = `
const { live } = await import(process.argv[1]);
for (let seed = 1; seed <= Number(process.argv[2]); seed++)
  try { live(seed); } catch (error) {
    console.log(JSON.stringify({ seed, how: String(error.message).split('\\n')[0] }));
    process.exit(0);
  }
console.log('{}');`;

/** Clusters of a child: the first seed that breaks a promise, and which. */
const RUN_SYSTEM = `
const [{ runSeed }, { plugins }, { mutants }] = await Promise.all(
  ['run-seed', 'plugins', 'mutants'].map((file) => import(process.argv[1] + file + '.js')));
const real = mutants[process.argv[3]](plugins);
for (let seed = 1; seed <= Number(process.argv[2]); seed++) {
  const { broken } = await runSeed({ seed, profile: seed % 2 ? 'orchestration' : 'raft', plugins: real });
  if (broken.length === 0) continue;
  console.log(JSON.stringify({ seed, how: broken[0].checker + ': ' + broken[0].sentence.slice(0, 160) }));
  process.exit(0);
}
console.log('{}');`;

const { values, positionals } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' } },
  allowPositionals: true,
});
build();
const compiled = path.join(root, 'plugins/raft/dist');
const { MUTANTS } = await import(pathToFileURL(path.join(compiled, 'test/mutants.js')));
const isChosen = (name) =>
  positionals.length === 0 || positionals.some((word) => name.includes(word));
const chosen = MUTANTS.filter(({ name }) => isChosen(name));
const sim = path.join(root, 'test/dist/sim/');
const { mutants } = await import(pathToFileURL(path.join(sim, 'mutants.js')));
const chosenSystem = Object.keys(mutants).filter(isChosen);
let bad = 0;

if (chosen.length > 0) {
  const control = await lives(compiled, CONTROL_SEEDS);
  report('the core as it is', control.seed === undefined, control);
}
for (const mutant of chosen) {
  const found = await withMutant(mutant, (folder) => lives(folder, Number(values.seeds)));
  report(mutant.name, found.seed !== undefined, found);
}
for (const name of chosenSystem) {
  const found = await run(RUN_SYSTEM, pathToFileURL(sim).href, String(SYSTEM_SEEDS), name);
  report(`cluster: ${name}`, typeof found.seed === 'number', found);
}
const count = chosen.length + chosenSystem.length;
console.log(`\n${count} mutants, ${bad === 0 ? 'all caught' : `${bad} failures`}`);
process.exit(bad === 0 && count > 0 ? 0 : 1);

function report(name, ok, { seed, how }) {
  if (!ok) bad++;
  const what = seed === undefined ? 'nothing found' : `seed ${seed}: ${how}`;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${what}`);
}

/** A copy of the compiled plugin with one thing broken. */
async function withMutant({ name, file, find, replace }, use) {
  const folder = mkdtempSync(path.join(tmpdir(), 'raft-mutant-'));
  try {
    cpSync(compiled, path.join(folder, 'dist'), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    const target = path.join(folder, 'dist/core', file);
    const text = readFileSync(target, 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`mutant "${name}": ${file} does not have exactly once: ${find}`);
    writeFileSync(
      target,
      text.replace(find, () => replace),
    );
    return await use(path.join(folder, 'dist'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lives(folder, seeds) {
  return run(RUN, pathToFileURL(path.join(folder, 'test/life.js')).href, String(seeds));
}

/** A child, since a broken core may also run for ever; that is caught, too. */
function run(script, ...words) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, ...words], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.stdout.on('data', (bytes) => {
      output += bytes;
    });
    child.on('close', (status) => {
      clearTimeout(limit);
      if (hung) resolve({ seed: '?', how: 'does not come to an end' });
      else if (status !== 0) resolve({ seed: '?', how: `ended with status ${status}` });
      else resolve(JSON.parse(output));
    });
  });
}
