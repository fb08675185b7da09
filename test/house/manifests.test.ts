import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { root } from './source-files.js';

// Each plugin folder is whole: a manifest, a README, and dependencies that its room may have.

interface PackageJson {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly swarmkit?: { readonly plugin?: string; readonly sdk?: string };
}

const plugins = readdirSync(path.join(root, 'plugins'));
const read = (plugin: string): PackageJson =>
  JSON.parse(
    readFileSync(path.join(root, 'plugins', plugin, 'package.json'), 'utf8'),
  ) as PackageJson;

for (const plugin of plugins)
  test(`plugins/${plugin} is whole`, () => {
    const folder = path.join(root, 'plugins', plugin);
    for (const file of ['plugin.ts', 'README.md', 'package.json', 'tsconfig.json'])
      assert.ok(existsSync(path.join(folder, file)), `${file} is missing`);
    const manifest = read(plugin);
    assert.equal(manifest.name, `@swarmkit/plugin-${plugin}`);
    assert.equal(manifest.swarmkit?.plugin, './dist/plugin.js');
    const foreign = Object.keys(manifest.dependencies ?? {}).filter(
      (name) => name.startsWith('@swarmkit/') && name !== '@swarmkit/sdk',
    );
    assert.deepEqual(
      foreign,
      [],
      'a plugin depends on the sdk and on libraries, never on another room',
    );
  });
