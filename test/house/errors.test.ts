import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { isTest, root, sourceFiles } from './source-files.js';

// Every code that a user can meet is in docs/errors.md, and nothing there is stale.

const code = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g;

/** Codes in code: the second argument of SwarmError, wherever it stands on the lines after `new SwarmError(`. */
function codesInUse(): Map<string, string> {
  const used = new Map<string, string>();
  for (const file of sourceFiles()) {
    if (isTest(file.path) || file.path.startsWith('test/')) continue;
    for (const match of file.text.matchAll(/new SwarmError\(([\s\S]{0,200})/g))
      for (const found of (match[1] as string).matchAll(code)) {
        used.set(found[1] as string, file.path);
        break;
      }
  }
  return used;
}

const documented = (): ReadonlySet<string> =>
  new Set(
    [
      ...readFileSync(path.join(root, 'docs/errors.md'), 'utf8').matchAll(/^\|\s*`([A-Z0-9_]+)`/gm),
    ].map((match) => match[1] as string),
  );

test('every error code is documented', () => {
  const known = documented();
  const missing = [...codesInUse()].filter(([name]) => !known.has(name));
  assert.deepEqual(
    missing.map(([name, file]) => `${name} (${file})`),
    [],
  );
});

test('no documented error code is stale', () => {
  const everything = sourceFiles()
    .filter((file) => !isTest(file.path) && !file.path.startsWith('test/'))
    .map((file) => file.text)
    .join('\n');
  const stale = [...documented()].filter(
    (name) => !new RegExp(`['"\`]${name}['"\`]`).test(everything),
  );
  assert.deepEqual(stale, []);
});
