// npm run coverage: runs the tests of the pure reconcilers, and shows the branches of their cores that none
// of them took and fails where there is one. The counts are V8's, of the compiled files; all tests run in one
// process, since counts of several do not add up.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, root } from './prepare.mjs';

const rooms = ['allocator', 'orchestrator', 'reaper', 'scheduler'];

build();
const folder = mkdtempSync(path.join(tmpdir(), 'swarmkit-coverage-'));
try {
  const runner = path.join(folder, 'runner.mjs');
  const counts = path.join(folder, 'counts');
  writeFileSync(
    runner,
    rooms
      .flatMap(testsOf)
      .map((file) => `import '${file}';\n`)
      .join(''),
  );
  const seed = pathToFileURL(path.join(root, 'scripts/property-seed.mjs'));
  const run = spawnSync(process.execPath, [`--import=${seed}`, runner], {
    cwd: root,
    env: { ...process.env, NODE_V8_COVERAGE: counts },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) {
    console.error(run.stdout, run.stderr);
    throw new Error('The tests failed, so what they cover says nothing.');
  }
  const scripts = readdirSync(counts).flatMap(
    (file) => JSON.parse(readFileSync(path.join(counts, file), 'utf8')).result,
  );
  const short = rooms.filter((room) => report(room, scripts));
  if (short.length > 0)
    throw new Error(
      `Not every branch is taken by a test in ${short.join(' and ')}: test it or delete it.`,
    );
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function testsOf(room) {
  const at = path.join(root, 'plugins', room, 'dist/test');
  const files = readdirSync(at).filter((file) => file.endsWith('.test.js'));
  return files.map((file) => pathToFileURL(path.join(at, file)).href);
}

/** True where something is missing. */
function report(room, scripts) {
  const core = path.join(root, 'plugins', room, 'dist/core');
  const loaded = new Map(
    scripts
      .filter(({ url }) => url.startsWith(`${pathToFileURL(core).href}/`))
      .map((script) => [fileURLToPath(script.url), script]),
  );
  let total = 0;
  const missed = [];
  for (const [file, { functions }] of loaded) {
    const text = readFileSync(file, 'utf8');
    for (const { ranges } of functions)
      for (const { startOffset, endOffset, count } of ranges) {
        // What is left of a block where its inner blocks end is often only a bracket.
        if (/^[\s{}();,]*$/.test(text.slice(startOffset, endOffset))) continue;
        total += 1;
        if (count === 0) missed.push(place(file, text, startOffset));
      }
  }
  const taken = total - missed.length;
  console.log(
    `${room}/core: ${taken} of ${total} branches in ${loaded.size} files, ${((100 * taken) / total).toFixed(1)} %`,
  );
  for (const line of missed) console.log(`  ${line}`);
  return total === 0 || missed.length > 0;
}

function place(file, text, offset) {
  const line = text.slice(0, offset).split('\n').length;
  const code = text.slice(offset).trimStart().split('\n')[0].slice(0, 80);
  return `${path.relative(root, file)}:${line}  ${code}`;
}
