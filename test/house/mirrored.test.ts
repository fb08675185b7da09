import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { root } from './source-files.js';

// docs/mirrored-behaviours.md promises a test for each behaviour: the test is there, or the row is wrong.

interface Row {
  readonly behaviour: string;
  readonly rooms: readonly string[];
  /** `path`: name. */
  readonly tests: readonly string[];
}

function rows(): readonly Row[] {
  const page = readFileSync(path.join(root, 'docs/mirrored-behaviours.md'), 'utf8');
  return page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (behaviour|-+) \|/.test(line))
    .map((line) => {
      const [behaviour = '', rooms = '', tests = ''] = line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim());
      return { behaviour, rooms: rooms.split(', '), tests: tests.split(' <br> ') };
    });
}

const textOf = (file: string): string =>
  existsSync(path.join(root, file)) ? readFileSync(path.join(root, file), 'utf8') : '';

/** Whether the file calls `test` or `it` with this name, in any quotes. */
function holds(file: string, name: string): boolean {
  const calls = textOf(file).matchAll(/\b(?:test|it)\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|`([^`\n]*)`)/g);
  return [...calls].some((call) => (call[1] ?? call[2] ?? call[3]) === name);
}

test('every mirrored behaviour names tests that exist', () => {
  const stale = rows().flatMap(({ behaviour, tests }) =>
    tests
      .filter((one) => {
        const [, file, name] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(one) ?? [];
        return file === undefined || name === undefined || !holds(file, name);
      })
      .map((one) => `${behaviour}: ${one || 'no test'}`),
  );
  assert.ok(rows().length > 0, 'the page has no rows');
  assert.deepEqual(stale, []);
});

test('every mirrored behaviour says where it lives, and its tests are there', () => {
  const lost = rows().flatMap(({ behaviour, rooms, tests }) =>
    rooms
      .map((room) => (room.includes('/') ? room : `plugins/${room}`))
      .filter((room) => !tests.some((one) => one.startsWith(`\`${room}/test/`)))
      .map((room) => `${behaviour}: no test in ${room}`),
  );
  assert.deepEqual(lost, []);
});

test('no behaviour is listed twice', () => {
  const names = rows().map(({ behaviour }) => behaviour);
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
});
