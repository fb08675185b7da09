import assert from 'node:assert/strict';
import test from 'node:test';
import { isTest, type SourceFile, sourceFiles } from './source-files.js';

// Time, randomness and ids come in by one door, the plugin's env, so that a simulation can stand in it.

const banned: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'the wall clock', pattern: /\bDate\.now\(|\bnew Date\(\)/ },
  { what: 'the monotonic clock', pattern: /\bperformance\.now\(|\bprocess\.hrtime\b/ },
  { what: 'a timer', pattern: /\bset(?:Timeout|Interval)\(/ },
  {
    what: 'dice',
    pattern: /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(|\bgetRandomValues\(|\brandomInt\(/,
  },
];

/** The doors themselves, and the clients that stand outside of any node. */
const allowed = (file: string): boolean =>
  isTest(file) ||
  file === 'kernel/env.ts' ||
  file.startsWith('apps/swarmctl/') ||
  file.startsWith('test/') ||
  file.startsWith('examples/');

export function breaches(files: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const file of files) {
    if (allowed(file.path)) continue;
    file.text.split('\n').forEach((line, index) => {
      if (/^\s*(?:\/\/|\*|\/\*)/.test(line)) return;
      for (const { what, pattern } of banned)
        if (pattern.test(line)) found.push(`${file.path}:${index + 1} reads ${what}`);
    });
  }
  return found;
}

test('time, randomness and ids come from env', () => {
  assert.deepEqual(breaches(sourceFiles()), []);
});

test('the rule can fail', () => {
  const file = { path: 'plugins/raft/shell/x.ts', text: 'const at = Date.now();', lines: 1 };
  assert.deepEqual(breaches([file]), ['plugins/raft/shell/x.ts:1 reads the wall clock']);
});
