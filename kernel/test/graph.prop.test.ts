import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { extensionPoint, token } from '@swarmkit/sdk/plugin/token';
import fc from 'fast-check';
import { Graph } from '../graph.js';
import { scopePaths } from '../scope-tree.js';
import { plugin } from './kit.js';

const scopes = scopePaths({ node: undefined });

/** Plugin i may need only what plugins before it give, so there is always an order. */
const acyclic = fc
  .array(fc.tuple(fc.array(fc.nat(30)), fc.array(fc.nat(30)), fc.boolean()), { maxLength: 12 })
  .map((rows) =>
    rows.map(([requires, accepts, contributes], at): PluginManifest => {
      const before = (list: number[]): number[] => [
        ...new Set(list.map((n) => (at ? n % at : -1))),
      ];
      return plugin(`p${(at * 7) % 13}`, {
        provides: [token(`t${at}`)],
        requires: before(requires)
          .filter((n) => n >= 0)
          .map((n) => token(`t${n}`)),
        contributes: contributes ? [extensionPoint(`e${at}`)] : [],
        accepts: before(accepts)
          .filter((n) => n >= 0)
          .map((n) => extensionPoint(`e${n}`)),
      });
    }),
  );

test('every plugin comes after all it takes from, and the order does not depend on the input order', () => {
  fc.assert(
    fc.property(acyclic, fc.infiniteStream(fc.nat()), (plugins, dice) => {
      const graph = new Graph(plugins, scopes);
      const order = graph.nodes.map(({ id }) => id);
      assert.equal(order.length, plugins.length);
      for (const { from, to } of graph.edges) assert.ok(order.indexOf(from) < order.indexOf(to));
      const shuffled = plugins
        .map((each) => ({ each, key: dice.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ each }) => each);
      assert.deepEqual(
        new Graph(shuffled, scopes).nodes.map(({ id }) => id),
        order,
      );
    }),
    { numRuns: 200 },
  );
});
