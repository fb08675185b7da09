// npm run sim:mutants: shows that the simulations are awake. Each mutant of plugins/raft/test/mutants.ts is
// the compiled core with one thing broken; its lives (test/life.ts) must go wrong within SEEDS seeds, while
// those of the core as it is do not. Each mutant of test/sim/mutants.ts is a daemon with one thing broken;
// in whole clusters of it the checker that it names must wake within SEEDS seeds. So must they for some of
// the broken cores. Two at a time, each until the first seed that finds it.
//   npm run sim:mutants                 all of them
//   npm run sim:mutants -- WORD …       only those with one of the words in their name
//   --seeds N                           2000 unless given
//   --jobs J                            2 unless given
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, root } from './prepare.mjs';

const CONTROL_SEEDS = 300;
/** Two thousand seeds of a machine that others use too. */
const LIMIT_MS = 1_800_000;
/** A life takes some milliseconds: one that does not end in this time never will. */
const LIVES_LIMIT_MS = 300_000;
/** Lives of a child, see `lives`. Prints the seed of the first one that goes wrong, and how. */
const RUN = `
const { live } = await import(process.argv[1]);
for (let seed = 1; seed <= Number(process.argv[2]); seed++)
  try { live(seed); } catch (error) {
    console.log(JSON.stringify({ seed, how: String(error.message).split('\\n')[0] }));
    process.exit(0);
  }
console.log('{}');`;

/** Clusters of a child: the first seed in which the checker wakes, and what it says. */
const RUN_SYSTEM = `
const [{ runSeed }, { plugins, withRaft }, { mutants, clusterCores }] = await Promise.all(
  ['run-seed', 'plugins', 'mutants'].map((file) => import(process.argv[1] + file + '.js')));
const [, , seeds, name, raft] = process.argv;
const { profile, wakes, make } = raft === undefined
  ? mutants[name]
  : { profile: 'raft', wakes: clusterCores[name], make: () => withRaft(raft) };
const real = await make(plugins);
let others = 0;
for (let seed = 1; seed <= Number(seeds); seed++) {
  const { broken } = await runSeed({ seed, profile, plugins: real });
  const found = broken.find(({ checker }) => checker === wakes);
  if (found === undefined) {
    others += broken.length > 0 ? 1 : 0;
    continue;
  }
  console.log(JSON.stringify({ seed, others, how: wakes + ': ' + found.sentence.slice(0, 160) }));
  process.exit(0);
}
console.log(JSON.stringify({ others }));`;

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    jobs: { type: 'string', default: '2' },
  },
  allowPositionals: true,
});
build();
const compiled = path.join(root, 'plugins/raft/dist');
const { MUTANTS } = await import(pathToFileURL(path.join(compiled, 'test/mutants.js')));
const isChosen = (name) =>
  positionals.length === 0 || positionals.some((word) => name.includes(word));
const chosen = MUTANTS.filter(({ name }) => isChosen(name));
const sim = path.join(root, 'test/dist/sim/');
const { mutants, clusterCores } = await import(pathToFileURL(path.join(sim, 'mutants.js')));
const chosenSystem = Object.keys(mutants).filter(isChosen);
const chosenCores = chosen.filter(({ name }) => name in clusterCores);
let bad = 0;
const startedAt = performance.now();

const { seeds } = values;
const tasks = [
  ...(chosen.length > 0
    ? [
        async () => {
          const control = await lives(compiled, CONTROL_SEEDS);
          report('the core as it is', control.seed === undefined, control);
        },
      ]
    : []),
  ...chosenCores.map(
    (mutant) => () =>
      withMutant(mutant, async (folder) => {
        const found = await clusters(mutant.name, path.join(folder, 'plugin.js'));
        report(`cluster: ${mutant.name}`, typeof found.seed === 'number', found);
      }),
  ),
  ...chosen.map((mutant) => async () => {
    const found = await withMutant(mutant, (folder) => lives(folder, seeds));
    report(mutant.name, found.seed !== undefined, found);
  }),
  ...chosenSystem.map((name) => async () => {
    const found = await clusters(name);
    report(`cluster: ${name}`, typeof found.seed === 'number', found);
  }),
];
const count = tasks.length - (chosen.length > 0 ? 1 : 0);
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) await task();
  }),
);
const seconds = Math.round((performance.now() - startedAt) / 1_000);
console.log(`\n${count} mutants, ${bad === 0 ? 'all caught' : `${bad} failures`}, ${seconds} s`);
process.exit(bad === 0 && count > 0 ? 0 : 1);

function report(name, ok, { seed, how, others }) {
  if (!ok) bad++;
  const before = others > 0 ? ` (${others} seeds woke other checkers)` : '';
  const what = (seed === undefined ? 'nothing found' : `seed ${seed}: ${how}`) + before;
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

function lives(folder, count) {
  const file = pathToFileURL(path.join(folder, 'test/life.js')).href;
  return run(LIVES_LIMIT_MS, RUN, file, String(count));
}

function clusters(...words) {
  return run(LIMIT_MS, RUN_SYSTEM, pathToFileURL(sim).href, seeds, ...words);
}

/** A child, since a broken core may also run for ever; that is caught, too. */
function run(limitMs, script, ...words) {
  return new Promise((resolve) => {
    const flags = ['--stack-trace-limit=0', '--input-type=module'];
    const child = spawn(process.execPath, [...flags, '-e', script, ...words], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    let hung = false;
    const limit = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, limitMs);
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
