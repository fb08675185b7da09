import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { type Import, importsOf, isTest, type SourceFile, sourceFiles } from './source-files.js';

// Who may import whom. The rule is a function of a room; a breach is a sentence with both names.

type Rule = (target: Import, file: SourceFile) => boolean;

const npm = (...names: readonly string[]): Rule => {
  const allowed = new Set(names);
  return ({ target }) =>
    allowed.has(
      target.startsWith('@')
        ? target.split('/').slice(0, 2).join('/')
        : (target.split('/')[0] ?? ''),
    );
};
const node: Rule = ({ target }) => target.startsWith('node:');
const sdk: Rule = ({ target }) => target.startsWith('@swarmkit/sdk/');
const under =
  (prefix: string): Rule =>
  ({ target }) =>
    target.startsWith(prefix);
const anyOf =
  (...rules: readonly Rule[]): Rule =>
  (target, file) =>
    rules.some((rule) => rule(target, file));

/** Relative imports that stay inside the folder named by the file's first `depth` path parts. */
const within =
  (depth: number): Rule =>
  ({ target }, file) => {
    if (!target.startsWith('.')) return false;
    const resolved = path.posix.normalize(path.posix.join(path.posix.dirname(file.path), target));
    return resolved.startsWith(`${file.path.split('/').slice(0, depth).join('/')}/`);
  };

const kernelRule = anyOf(
  within(1),
  node,
  npm('tsyringe', 'reflect-metadata', 'rxjs', 'pino', 'ajv', 'semver'),
  under('@swarmkit/sdk/plugin/'),
  ({ target }) => target === '@swarmkit/sdk/contracts/scope-gate',
  ({ target, typeOnly }) => typeOnly && target.startsWith('@swarmkit/sdk/contracts/'),
);
const sdkRule = anyOf(within(1), node, npm('rxjs', '@bufbuild/protobuf', '@grpc/grpc-js'));
const coreRule = anyOf(within(3), sdk);

function ruleFor(file: string): { readonly name: string; readonly rule: Rule } | undefined {
  if (isTest(file)) return undefined;
  if (file.startsWith('kernel/')) return { name: 'kernel', rule: kernelRule };
  if (file.startsWith('sdk/')) return { name: 'sdk', rule: sdkRule };
  if (/^plugins\/[^/]+\/core\//.test(file)) return { name: 'plugin core', rule: coreRule };
  if (file.startsWith('plugins/'))
    return {
      name: 'plugin',
      rule: (target, source) =>
        anyOf(within(2), sdk, node)(target, source) ||
        (!target.target.startsWith('.') && !target.target.startsWith('@swarmkit/')),
    };
  if (file.startsWith('apps/swarmctl/'))
    return {
      name: 'swarmctl',
      rule: (target, source) =>
        anyOf(within(2), sdk, node)(target, source) ||
        // What lies in a state folder is the daemon's to know: decision 0022.
        target.target === '@swarmkit/swarmd/offline' ||
        (!target.target.startsWith('.') && !target.target.startsWith('@swarmkit/')),
    };
  if (file.startsWith('apps/'))
    return {
      name: 'app',
      rule: (target, source) =>
        anyOf(within(2), sdk, node, under('@swarmkit/kernel/'))(target, source) ||
        /^@swarmkit\/plugin-[^/]+\/plugin$/.test(target.target) ||
        // The same plugin's tools for a node that does not run.
        (source.path === 'apps/swarmd/offline.ts' &&
          /^@swarmkit\/plugin-[^/]+\/offline$/.test(target.target)) ||
        (!target.target.startsWith('.') && !target.target.startsWith('@swarmkit/')),
    };
  if (file.startsWith('examples/'))
    return { name: 'example', rule: anyOf(within(2), sdk, node, npm('rxjs')) };
  return undefined;
}

test('every import stays within what its room may use', () => {
  const breaches: string[] = [];
  for (const file of sourceFiles()) {
    const room = ruleFor(file.path);
    if (room === undefined) continue;
    for (const target of importsOf(file))
      if (!room.rule(target, file))
        breaches.push(`${file.path} (${room.name}) imports ${target.target}`);
  }
  assert.deepEqual(breaches, []);
});

test("a plugin's tests import no other plugin", () => {
  const breaches: string[] = [];
  for (const file of sourceFiles()) {
    const own = /^plugins\/([^/]+)\//.exec(file.path)?.[1];
    if (own === undefined) continue;
    for (const { target } of importsOf(file))
      if (target.startsWith('@swarmkit/plugin-') && !target.startsWith(`@swarmkit/plugin-${own}/`))
        breaches.push(`${file.path} imports ${target}`);
  }
  assert.deepEqual(breaches, []);
});

test('the rules can fail', () => {
  const file = (at: string): SourceFile => ({ path: at, text: '', lines: 1 });
  const refused = (at: string, target: string): boolean =>
    ruleFor(at)?.rule({ target, typeOnly: false }, file(at)) === false;
  assert.ok(refused('plugins/scheduler/core/schedule.ts', 'rxjs'));
  assert.ok(refused('plugins/scheduler/core/schedule.ts', 'node:fs'));
  assert.ok(refused('plugins/scheduler/core/schedule.ts', '../shell/loop.js'));
  assert.ok(refused('plugins/scheduler/shell/loop.ts', '@swarmkit/plugin-store/core/table'));
  assert.ok(refused('plugins/scheduler/shell/loop.ts', '@swarmkit/kernel/host'));
  assert.ok(refused('kernel/host.ts', '@swarmkit/sdk/contracts/store'));
  assert.ok(refused('sdk/contracts/store.ts', '@swarmkit/kernel/host'));
  assert.ok(refused('apps/swarmd/main.ts', '@swarmkit/plugin-store/core/table'));
  assert.ok(refused('apps/swarmd/daemon.ts', '@swarmkit/plugin-raft/offline'));
  assert.ok(refused('apps/swarmctl/program.ts', '@swarmkit/plugin-raft/offline'));
});
