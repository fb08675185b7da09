import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { discoverPlugins, sdkVersion } from '../discover.js';
import { refused } from './kit.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'discover-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, content: string | object): Promise<void> {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
}

const idOf = (name: string): string =>
  (name.split('node_modules/').at(-1) ?? '').replace(/^@/, '').replace('/', '-');

/** A package with a plugin of the same id. */
async function pack(name: string, sdk: unknown = `^${sdkVersion}`, code?: string): Promise<void> {
  const id = idOf(name);
  await put(`${name}/package.json`, {
    name,
    type: 'module',
    swarmkit: { plugin: './plugin.js', sdk },
  });
  await put(
    `${name}/plugin.js`,
    code ?? `export default { id: '${id}', version: '1.0.0', scope: 'node' };`,
  );
}

const found = async (...folders: string[]): Promise<string[]> =>
  (await discoverPlugins(folders.map((folder) => join(root, folder)))).map(({ id }) => id);

test('finds packages in a node_modules folder, also scoped ones, and passes others over', async () => {
  await pack('node_modules/b');
  await pack('node_modules/a');
  await pack('node_modules/@acme/c');
  await put('node_modules/lodash/package.json', { name: 'lodash' });
  await put('node_modules/.package-lock.json', 'no json');
  await put('node_modules/no-package/readme.txt', '');
  assert.deepEqual(await found('node_modules'), ['acme-c', 'a', 'b']);
});

test('finds a package that is named itself, once, also through links', async () => {
  await pack('mine');
  await mkdir(join(root, 'node_modules'));
  await symlink(join(root, 'mine'), join(root, 'node_modules', 'mine'));
  assert.deepEqual(await found('mine', 'node_modules', 'mine'), ['mine']);
});

test('the sdk range is checked before the module is imported', async () => {
  const flag = 'kernelDiscoverTestWasLoaded';
  await pack('old', '^99.0.0', `globalThis.${flag} = true; export default {};`);
  const { code, message } = await refused(() => found('old'));
  assert.equal(code, 'KERNEL_SDK_RANGE');
  assert.equal(
    message,
    `old is made for sdk ^99.0.0 and this is ${sdkVersion}: install one that fits`,
  );
  assert.equal(flag in globalThis, false);
});

test('each thing that can be wrong has its sentence', async () => {
  const sentence = async (folder: string): Promise<string> => {
    const { code, message } = await refused(() => found(folder));
    return `${code}: ${message.replaceAll(root, '')}`;
  };
  assert.match(
    await sentence('absent'),
    /^KERNEL_DISCOVER: there are no plugins in \/absent: ENOENT/,
  );
  await put('torn/package.json', '{ "name": ');
  assert.match(await sentence('torn'), /^KERNEL_DISCOVER: \/torn\/package\.json cannot be read: /);
  await pack('vague', 'whatever');
  assert.equal(
    await sentence('vague'),
    'KERNEL_DISCOVER: vague needs "swarmkit": {"plugin": file, "sdk": range}',
  );
  await pack('thrower', undefined, 'throw new Error("at load");');
  assert.equal(await sentence('thrower'), 'KERNEL_DISCOVER: thrower cannot be loaded: at load');
  await pack('empty', undefined, 'export const nothing = 1;');
  assert.equal(
    await sentence('empty'),
    'KERNEL_MANIFEST: empty has no usable manifest: it is not an object made by definePlugin',
  );
  await pack('shapeless', undefined, 'export default { id: "x", version: "1.0.0" };');
  assert.equal(
    await sentence('shapeless'),
    'KERNEL_MANIFEST: shapeless has no usable manifest: scope must be the name of a scope',
  );
});
