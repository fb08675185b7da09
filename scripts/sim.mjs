// npm run sim -- --seeds N [--seed S] [--profile raft|orchestration|all] [--jobs J] [--trace]: builds,
// then plays the seeds of the deterministic cluster simulator. See docs/recipes/simulate.md.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { build, installPackages, root } from './prepare.mjs';

installPackages();
build();
const done = spawnSync(
  process.execPath,
  [path.join(root, 'test/dist/sim/main.js'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(done.status ?? 1);
