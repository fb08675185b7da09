import { readdir, readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import { manifestProblem } from '@swarmkit/sdk/plugin/manifest-problem';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { satisfies, validRange } from 'semver';
import { refusal } from './errors.js';

export const sdkVersion: string = createRequire(import.meta.url)(
  '@swarmkit/sdk/package.json',
).version;

/**
 * Finds plugins that are packages: `"swarmkit": { "plugin": "./dist/plugin.js", "sdk": "^0.1.0" }`. Each
 * folder is one, or holds some as node_modules does (also `@vendor/name`). In the order of names.
 */
export async function discoverPlugins(folders: readonly string[]): Promise<PluginManifest[]> {
  const packages = (await Promise.all(folders.map(packagesIn))).flat();
  const plugins: PluginManifest[] = [];
  for (const folder of new Set(packages)) plugins.push(...(await load(folder)));
  return plugins;
}

async function packagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch(because(`there are no plugins in ${folder}`));
  if (entries.includes('package.json')) return [await realpath(folder)];
  const names = entries.filter((name) => !name.startsWith('.')).sort();
  const open = (name: string) => (name.startsWith('@') ? packagesIn : realpath)(join(folder, name));
  return (await Promise.all(names.map(open))).flat();
}

async function load(folder: string): Promise<PluginManifest[]> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  const parsed = Promise.resolve(text).then(JSON.parse);
  const { name, swarmkit } = await parsed.catch(because(`${folder}/package.json cannot be read`));
  if (swarmkit === undefined) return [];
  const { plugin, sdk } = swarmkit;
  if (typeof plugin !== 'string' || typeof sdk !== 'string' || !validRange(sdk))
    throw refusal('KERNEL_DISCOVER', `${name} needs "swarmkit": {"plugin": file, "sdk": range}`);
  // Before the import: a module that was made for another sdk may break while it loads.
  const message = `${name} is made for sdk ${sdk} and this is ${sdkVersion}: install one that fits`;
  const fits = satisfies(sdkVersion, sdk, { includePrerelease: true });
  if (!fits) throw refusal('KERNEL_SDK_RANGE', message);
  const module = import(pathToFileURL(join(folder, plugin)).href);
  const { default: manifest } = await module.catch(because(`${name} cannot be loaded`));
  const problem = manifestProblem(manifest);
  if (problem) throw refusal('KERNEL_MANIFEST', `${name} has no usable manifest: ${problem}`);
  return [manifest];
}

const because = (what: string) => (cause: unknown) => {
  throw refusal('KERNEL_DISCOVER', `${what}: ${messageOf(cause)}`, cause);
};
