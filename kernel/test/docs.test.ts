import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type SchedulerScorer, SchedulerScorers } from '@swarmkit/sdk/contracts/scheduling';
import example from './example-scorer.js';
import { lever, plugin, refused, world } from './kit.js';

/** From dist/test up to the package and the project. */
const kernel = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const docs = join(dirname(kernel), 'docs');
const sources = readdirSync(kernel).filter((name) => name.endsWith('.ts'));
const source = (name: string): string => readFileSync(join(kernel, name), 'utf8');

test('docs/errors/kernel.md explains every code, and no other', () => {
  const used = sources.flatMap((name) => source(name).match(/KERNEL_[A-Z_]+/g) ?? []);

  const codes = used.filter((code) => !code.endsWith('_'));
  const explained = readFileSync(join(docs, 'errors', 'kernel.md'), 'utf8').match(
    /KERNEL_[A-Z_]+/g,
  );
  assert.deepEqual([...new Set(explained)].sort(), [...new Set(codes)].sort());
});

test('the kernel is under 1,000 lines, no file over 250, and knows cluster words in one place', () => {
  const lines = sources.map((name) => source(name).split('\n').length - 1);
  assert.ok(lines.reduce((sum, count) => sum + count) < 1000, `${lines.join(' + ')}`);
  for (const [at, count] of lines.entries()) assert.ok(count <= 250, `${sources[at]}: ${count}`);
  const words = /'(node|manager|leader|agent)'/;
  assert.deepEqual(
    sources.filter((name) => words.test(source(name))),
    ['scope-tree.ts'],
  );
});

test('the recipe shows exactly the example that is tested here', () => {
  const recipe = readFileSync(join(docs, 'recipes', 'write-a-plugin.md'), 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(recipe)?.[1];
  assert.equal(shown, readFileSync(join(kernel, 'test', 'example-scorer.ts'), 'utf8'));
});

test('the example works: its scorer reaches a scheduler, with its configuration', async () => {
  let scorers: readonly SchedulerScorer[] = [];
  const scheduler = plugin('scheduler', {
    scope: 'leader',
    accepts: [SchedulerScorers],
    start: (ctx) => {
      scorers = ctx.all(SchedulerScorers);
    },
  });
  const gates = [lever('ca', 'manager', 'node', true), lever('raft', 'leader', 'manager', true)];
  const plugins = [example, scheduler, ...gates.map((gate) => gate.plugin)] as never[];
  const host = world().host(plugins, { config: { 'acme-pack-scorer': { order: 7 } } });
  await host.start();
  await host.settled();
  assert.deepEqual(
    scorers.map(({ id, order }) => [id, order]),
    [['acme-pack', 7]],
  );
  assert.equal(scorers[0]?.score({} as never, { activeTasks: 3 } as never), -3);
  await host.stop();
  const typo = await refused(() =>
    world().host(plugins, { config: { 'acme-pack-scorer': { odrer: 7 } } }),
  );
  assert.match(typo.message, /acme-pack-scorer: config\.odrer is not known$/);
});
