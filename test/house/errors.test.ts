import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { isTest, root, sourceFiles } from './source-files.js';

// Every code that a user can meet is on a page of docs/errors, and nothing there is stale.

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

/** Every code in the first column of a table; a cell may name several. */
function documented(): ReadonlySet<string> {
  const pages = path.join(root, 'docs/errors');
  const found = new Set<string>();
  for (const name of readdirSync(pages))
    for (const row of readFileSync(path.join(pages, name), 'utf8').matchAll(/^\|([^|]+)\|/gm))
      for (const code of (row[1] as string).matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`/g))
        found.add(code[1] as string);
  return found;
}

test('docs/errors.md leads to every page', () => {
  const index = readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
  const missing = readdirSync(path.join(root, 'docs/errors')).filter(
    (name) => !index.includes(`(errors/${name})`),
  );
  assert.deepEqual(missing, []);
});

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
