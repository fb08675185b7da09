// npm run sim:mutants: shows that the tests of the raft core are awake. Each mutant of
// plugins/raft/test/mutants.ts is the compiled core with one thing broken; its lives (test/life.ts) must
// go wrong within SEEDS seeds, while those of the core as it is do not.
//   npm run sim:mutants                 all of them
//   npm run sim:mutants -- WORD …       only those with one of the words in their name
//   --seeds N                           2000 unless given
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, root } from './prepare.mjs';

const CONTROL_SEEDS = 300;
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

const { values, positionals } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' } },
  allowPositionals: true,
});
build();
const compiled = path.join(root, 'plugins/raft/dist');
const { MUTANTS } = await import(pathToFileURL(path.join(compiled, 'test/mutants.js')));
const chosen = MUTANTS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
let bad = 0;

const control = await lives(compiled, CONTROL_SEEDS);
report('the core as it is', control.seed === undefined, control);
for (const mutant of chosen) {
  const found = await withMutant(mutant, (folder) => lives(folder, Number(values.seeds)));
  report(mutant.name, found.seed !== undefined, found);
}
console.log(`\n${chosen.length} mutants, ${bad === 0 ? 'all caught' : `${bad} failures`}`);
process.exit(bad === 0 && chosen.length > 0 ? 0 : 1);

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

/** A child, since a broken core may also run for ever; that is caught, too. */
function lives(folder, seeds) {
  return new Promise((resolve) => {
    const life = pathToFileURL(path.join(folder, 'test/life.js')).href;
    const child = spawn(process.execPath, ['--input-type=module', '-e', RUN, life, String(seeds)], {
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
