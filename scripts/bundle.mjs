// Makes apps/swarmd/dist/bundle.cjs out of what tsc built, and beside it the code that V8 compiled while a
// daemon of it ran: apps/swarmd/swarmd.ts tells why.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { root } from './prepare.mjs';

const here = fileURLToPath(import.meta.url);
const dist = path.join(root, 'apps/swarmd/dist');
const outfile = path.join(dist, 'bundle.cjs');
const codefile = `${outfile}.code`;

/** Native code, and what brings some along: loaded from node_modules when somebody needs it. */
const external = ['rocksdb', 'dockerode'];

/**
 * What modules ask `createRequire` for, esbuild finds only behind `require`; and code that was kept
 * forgets how to import what is not in the bundle (Node 20), so that it is told anew at each start.
 */
const doors = {
  name: 'doors',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[\\/]kernel[\\/]dist[\\/]\w+\.js$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8'))
        .replaceAll('createRequire(import.meta.url)(', 'require(')
        .replaceAll(/\bimport\(/g, 'importHere('),
    })),
};

export async function bundle() {
  const { build } = await import('esbuild');
  // V8 knows code by the length of its text alone.
  rmSync(codefile, { force: true });
  await build({
    entryPoints: [path.join(dist, 'run.js')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    define: { 'import.meta.url': 'bundleUrl' },
    plugins: [doors],
    // What swarmd.ts calls: a function of `require` and `import`.
    banner: {
      js: [
        '(function (require, importHere) {',
        'const module = { exports: {} };',
        "const bundleUrl = require('node:url').pathToFileURL(require.resolve('./bundle.cjs')).href;",
      ].join('\n'),
    },
    footer: { js: 'return module.exports;\n})' },
    logLevel: 'warning',
  });
  await code();
}

/**
 * Of a daemon that has founded a cluster and whose agent is in session: what no start calls is left out.
 * Without it the daemon starts all the same, a little later.
 */
async function code() {
  const dir = mkdtempSync(path.join(tmpdir(), 'swarmd-bundle-'));
  const daemon = spawn(process.execPath, [here, dir], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const late = setTimeout(() => daemon.kill(), 120_000);
  let said = '';
  daemon.stdout.on('data', (bytes) => {
    said += bytes;
    if (said.includes('in session with a manager')) daemon.send('keep', () => undefined);
  });
  const status = await new Promise((resolve) => daemon.once('close', resolve));
  clearTimeout(late);
  rmSync(dir, { recursive: true, force: true });
  if (status !== 0) console.error(`No code of the bundle was kept: its daemon said\n${said}`);
}

function daemonThatKeepsItsCode(dir) {
  const script = new Script(readFileSync(outfile, 'utf8'), { filename: outfile });
  process.once('message', () => {
    writeFileSync(codefile, script.createCachedData());
    process.exit(0);
  });
  const { run } = script.runInThisContext()(createRequire(outfile), (url) => import(url));
  void run(['-d', dir, '--listen-remote-api', '127.0.0.1:0', '--executor', 'process']);
}

if (process.argv[1] === here) {
  if (process.argv[2] === undefined) await bundle();
  else daemonThatKeepsItsCode(process.argv[2]);
}
