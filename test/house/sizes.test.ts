import assert from 'node:assert/strict';
import test from 'node:test';
import { isTest, sourceFiles } from './source-files.js';

const product = sourceFiles().filter((file) => !isTest(file.path));

test('the kernel stays under 1,000 lines, no file of it over 250', () => {
  const kernel = product.filter((file) => file.path.startsWith('kernel/'));
  assert.deepEqual(
    kernel.filter((file) => file.lines > 250).map((file) => `${file.path}: ${file.lines}`),
    [],
  );
  const total = kernel.reduce((sum, file) => sum + file.lines, 0);
  assert.ok(total > 0 && total < 1000, `the kernel has ${total} lines`);
});

test('a manifest has at most 80 lines', () => {
  const long = product.filter(
    (file) => /^plugins\/[^/]+\/plugin\.ts$/.test(file.path) && file.lines > 80,
  );
  assert.deepEqual(
    long.map((file) => `${file.path}: ${file.lines}`),
    [],
  );
});

test('a file over 500 lines gives its reason at the top', () => {
  const silent = product.filter(
    (file) =>
      file.lines > 500 && !/long because/i.test(file.text.split('\n').slice(0, 12).join(' ')),
  );
  assert.deepEqual(
    silent.map((file) => `${file.path}: ${file.lines}`),
    [],
  );
});
