import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PluginManifest, ScopeName } from '@swarmkit/sdk/plugin/plugin';
import { Graph } from '../graph.js';
import { scopePaths } from '../scope-tree.js';
import { A, B, C, Points, plugin, refused } from './kit.js';

const scopes = scopePaths();
const graph = (plugins: readonly PluginManifest[], providers = {}): Graph =>
  new Graph(plugins, scopes, providers);
const ids = (plugins: readonly PluginManifest[]): string[] => plugins.map(({ id }) => id);
const order = (plugins: readonly PluginManifest[], scope = 'node'): string[] =>
  ids(graph(plugins).nodes.filter((plugin) => plugin.scope === scope));
const sentence = async (plugins: readonly PluginManifest[], providers = {}): Promise<string> => {
  const { code, message } = await refused(() => graph(plugins, providers));
  return `${code}: ${message}`;
};

test('providers start before users, whatever the order of installation', () => {
  const user = plugin('a-user', { requires: [A] });
  const provider = plugin('z-provider', { provides: [A] });
  assert.deepEqual(order([user, provider]), ['z-provider', 'a-user']);
  assert.deepEqual(order([provider, user]), ['z-provider', 'a-user']);
});

test('optional providers start first when they are there', () => {
  const user = plugin('a-user', { optional: [A] });
  assert.deepEqual(order([user]), ['a-user']);
  assert.deepEqual(order([user, plugin('z', { provides: [A] })]), ['z', 'a-user']);
});

test('contributors start before acceptors; a plugin may do both', () => {
  const acceptor = plugin('a', { accepts: [Points], contributes: [Points] });
  assert.deepEqual(order([acceptor, plugin('z', { contributes: [Points] })]), ['z', 'a']);
});

test('ties are broken by id', () => {
  const plugins = ['c', 'a', 'b'].map((id) => plugin(id));
  assert.deepEqual(order(plugins), ['a', 'b', 'c']);
  const chain = [plugin('b', { requires: [A] }), plugin('a'), plugin('c', { provides: [A] })];
  assert.deepEqual(order(chain), ['a', 'c', 'b']);
});

test('each scope has its own order, and inner scopes use outer providers', () => {
  const plugins = [
    plugin('a', { scope: 'leader', requires: [A, B] }),
    plugin('y', { scope: 'manager', provides: [B] }),
    plugin('z', { provides: [A] }),
  ];
  assert.deepEqual(ids(graph(plugins).nodes), ['z', 'y', 'a']);
  assert.deepEqual(order(plugins, 'leader'), ['a']);
});

test('duplicate plugins are refused', async () => {
  assert.equal(
    await sentence([plugin('a'), plugin('b'), plugin('a')]),
    'KERNEL_DUPLICATE_PLUGIN: a is installed twice: remove one',
  );
});

test('two providers are refused with both names, also across nested scopes', async () => {
  const rocksdb = plugin('storage-rocksdb', { provides: [A] });
  const memory = plugin('storage-memory', { provides: [A] });
  const expected =
    'KERNEL_DUPLICATE_PROVIDER: storage-memory and storage-rocksdb both provide test.a.v1: choose one in providers';
  assert.equal(await sentence([rocksdb, memory]), expected);
  assert.equal(await sentence([rocksdb, { ...memory, scope: 'leader' }]), expected);
  assert.equal(await sentence([{ ...rocksdb, scope: 'leader' }, memory]), expected);
});

test('scopes beside each other may have a provider each', () => {
  const manager = plugin('m', { scope: 'manager', provides: [A] });
  const agent = plugin('n', { scope: 'agent', provides: [A] });
  const user = plugin('user', { scope: 'leader', requires: [A] });
  const { edges } = graph([manager, agent, user]);
  assert.deepEqual(edges, [{ from: 'm', to: 'user', token: 'test.a.v1', kind: 'requires' }]);
});

test('`providers` chooses; what the others could provide is left out, and they too when idle', () => {
  const rocksdb = plugin('storage-rocksdb', { provides: [A] });
  const memory = plugin('storage-memory', { provides: [A] });
  const both = plugin('both', { provides: [A, B] });
  const adds = plugin('adds', { provides: [A], contributes: [Points] });
  const user = plugin('user', { requires: [A] });
  const chosen = graph([rocksdb, memory, both, adds, user], { [A.id]: 'storage-memory' });
  assert.deepEqual(ids(chosen.nodes), ['adds', 'both', 'storage-memory', 'user']);
  assert.deepEqual(chosen.edges, [
    { from: 'storage-memory', to: 'user', token: A.id, kind: 'requires' },
  ]);
  assert.equal(chosen.yields(both, A), true);
  assert.equal(chosen.yields(both, B), false);
  assert.equal(chosen.yields(memory, A), false);
});

test('a wrong choice in `providers` is refused', async () => {
  const plugins = [plugin('a', { provides: [A] }), plugin('b')];
  assert.equal(
    await sentence(plugins, { [A.id]: 'c' }),
    'KERNEL_PROVIDERS: providers names c for test.a.v1, which is not installed',
  );
  assert.equal(
    await sentence(plugins, { [A.id]: 'b' }),
    'KERNEL_PROVIDERS: providers names b for test.a.v1, which does not provide it',
  );
});

test('a missing provider is refused', async () => {
  assert.equal(
    await sentence([plugin('scheduler', { scope: 'leader', requires: [A] })]),
    'KERNEL_NO_PROVIDER: scheduler in leader requires test.a.v1, which no installed plugin provides',
  );
});

test('a provider in an inner or neighbouring scope is refused with both names and scopes', async () => {
  const raft = plugin('raft', { scope: 'manager', provides: [A] });
  const needs = (scope: ScopeName): PluginManifest => plugin('rpc', { scope, requires: [A] });
  assert.equal(
    await sentence([raft, needs('node')]),
    'KERNEL_HIDDEN_PROVIDER: rpc in node requires test.a.v1, which only raft provides, in manager: node does not see it',
  );
  assert.equal(
    await sentence([raft, needs('agent')]),
    'KERNEL_HIDDEN_PROVIDER: rpc in agent requires test.a.v1, which only raft provides, in manager: agent does not see it',
  );
});

test('an optional provider in an inner scope is as good as absent', () => {
  const raft = plugin('raft', { scope: 'manager', provides: [A] });
  assert.deepEqual(graph([raft, plugin('rpc', { optional: [A] })]).edges, []);
});

test('a circle is refused and its path shown, without those who only hang on it', async () => {
  const plugins = [
    plugin('a', { requires: [B] }),
    plugin('b', { requires: [C], provides: [A] }),
    plugin('c', { requires: [A], provides: [C] }),
    plugin('d', { provides: [B], requires: [A] }),
  ];
  assert.equal(
    await sentence(plugins),
    'KERNEL_CYCLE: plugins wait for each other in a circle: b takes test.c.v1 from c, c takes test.a.v1 from b',
  );
});

test('a circle through an extension point and one with oneself are found', async () => {
  const turn = plugin('turn', { accepts: [Points], provides: [A] });
  const scheduler = plugin('scheduler', { contributes: [Points], requires: [A] });
  assert.match(
    await sentence([turn, scheduler]),
    /scheduler takes test\.a\.v1 from turn, turn takes test\.points\.v1 from scheduler$/,
  );
  assert.match(
    await sentence([plugin('self', { provides: [A], requires: [A] })]),
    /KERNEL_CYCLE: .*: self takes test\.a\.v1 from self$/,
  );
});

test('tokens in the wrong list are refused', async () => {
  assert.equal(
    await sentence([plugin('x', { requires: [Points] })]),
    'KERNEL_MANIFEST: x has no usable manifest: requires lists test.points.v1, which is an extension point',
  );
  assert.equal(
    await sentence([plugin('x', { provides: [Points] })]),
    'KERNEL_MANIFEST: x has no usable manifest: provides lists test.points.v1, which is an extension point',
  );
  assert.equal(
    await sentence([plugin('x', { contributes: [A] })]),
    'KERNEL_MANIFEST: x has no usable manifest: contributes lists test.a.v1, which has one provider',
  );
  assert.equal(
    await sentence([plugin('x', { accepts: [A] })]),
    'KERNEL_MANIFEST: x has no usable manifest: accepts lists test.a.v1, which has one provider',
  );
  assert.equal(
    await sentence([plugin('x', { optional: [Points] })]),
    'KERNEL_MANIFEST: x has no usable manifest: optional lists test.points.v1, which is an extension point',
  );
});

test('an unknown scope and a broken manifest are refused', async () => {
  assert.equal(
    await sentence([plugin('x', { scope: 'edge' as ScopeName })]),
    'KERNEL_SCOPE: x lives in edge, which is not a known scope',
  );
  assert.equal(
    await sentence([plugin('Bad Id')]),
    'KERNEL_MANIFEST: Bad Id has no usable manifest: id must be words of a-z, 0-9 and -',
  );
  assert.match(await sentence([undefined as unknown as PluginManifest]), /^KERNEL_MANIFEST: /);
});

test('the graph draws itself', () => {
  const plugins = [
    plugin('user', { requires: [A], optional: [B], accepts: [Points] }),
    plugin('base', { provides: [A, B] }),
    plugin('extra', { contributes: [Points] }),
    plugin('inner', { scope: 'leader', requires: [A], version: '2.0.0' }),
  ];
  assert.equal(
    graph(plugins).toString(),
    [
      'node',
      '  base 1.0.0',
      '  extra 1.0.0',
      '  user 1.0.0',
      '    <- base: test.a.v1 (requires)',
      '    <- base: test.b.v1 (optional)',
      '    <- extra: test.points.v1 (accepts)',
      'manager',
      'leader',
      '  inner 2.0.0',
      '    <- base: test.a.v1 (requires)',
      'agent',
    ].join('\n'),
  );
});

test('a scope tree is one tree, outer scopes first', async () => {
  const trees = [
    { a: undefined, b: undefined },
    { a: undefined, b: 'c' },
    { a: undefined, b: 'c', c: 'b' },
    { a: undefined, b: 'b' },
    { b: 'a', a: undefined },
    { a: 'a' },
  ];
  for (const tree of trees)
    assert.equal((await refused(() => scopePaths(tree))).code, 'KERNEL_SCOPE_TREE');
  assert.deepEqual(
    [...scopePaths({ house: undefined, room: 'house', seat: 'room' })],
    [
      ['house', ['house']],
      ['room', ['room', 'house']],
      ['seat', ['seat', 'room', 'house']],
    ],
  );
});
