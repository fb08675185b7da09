// npm run bench -- NAME [--rounds N] [--json]: prepares, then measures. Preparation speaks on standard error
// only, so that --json leaves nothing but JSON lines on standard output.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { bundle } from './bundle.mjs';
import { build, engines, installPackages, root } from './prepare.mjs';

console.log = console.error;
installPackages();
const needed = ['containerd', 'runc', 'busybox', 'dockerd', 'ip'];
if (process.argv.includes('raft')) needed.push('etcd');
const missing = engines(needed);
if (missing.length > 0) {
  console.error(`The benches need ${missing.join(', ')}: install them, or run as root on Debian.`);
  process.exit(1);
}
build();
// The daemons of these are started as they are installed.
if (['join', 'start'].includes(process.argv[2])) await bundle();
const done = spawnSync(
  process.execPath,
  [path.join(root, 'test/dist/bench/main.js'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exit(done.status ?? 1);
