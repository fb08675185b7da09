// npm run check: format and lint, types and boundaries, stale generated code, house rules, dead code.
// Runs everything even when something fails, then says what failed.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { installPackages, root } from './prepare.mjs';

installPackages();
const bin = (name) => path.join(root, 'node_modules/.bin', name);
const steps = [
  ['types and references', bin('tsc'), ['-b']],
  ['format and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['generated code', process.execPath, ['scripts/gen.mjs', '--check']],
  ['house rules', process.execPath, ['scripts/test.mjs', 'dist/house/']],
  ['dead code', bin('knip'), ['--no-progress', '--no-config-hints']],
];
const failed = [];
for (const [name, command, args] of steps) {
  console.log(`\n== ${name}`);
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`);
process.exit(failed.length === 0 ? 0 : 1);
