import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { Config, Secret } from '../../wire/gen/swarmkit/objects.js';
import { ContainerSpec } from '../../wire/gen/swarmkit/specs.js';
import { DependencyFiles } from '../dependency-files.js';

const folders: string[] = [];
const folder = (base: string): string => {
  const dir = mkdtempSync(path.join(base, 'swk-'));
  folders.push(dir);
  return path.join(dir, 'files');
};
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const file = (name: string, mode = 0o440, uid = '0') => ({
  $case: 'file' as const,
  value: { name, uid, gid: '0', mode },
});
const container = ContainerSpec.fromPartial({
  secrets: [
    { secretId: 's', secretName: 'pw', target: file('password') },
    { secretId: 's', secretName: 'pw', target: file('/etc/pw', 0o400) },
  ],
  configs: [
    { configId: 'c', configName: 'c', target: file('motd', 0o444) },
    { configId: 'c', configName: 'c', target: { $case: 'runtime', value: {} } },
  ],
});
const dependencies = {
  secret: (id: string) =>
    id === 's' ? Secret.fromPartial({ spec: { data: Buffer.from('geheim') } }) : undefined,
  config: (id: string) =>
    id === 'c' ? Config.fromPartial({ spec: { data: Buffer.from('hello') } }) : undefined,
};
const isRoot = process.getuid?.() === 0;

describe('secrets and configs as files', { skip: isRoot ? false : 'owners need root' }, () => {
  it('are in memory, with their owner and mode, where the container looks for them', async () => {
    const files = new DependencyFiles(folder('/dev/shm'), 'x');
    const mounts = await files.write('t1', container, dependencies);
    assert.deepEqual(
      mounts.map(({ target }) => target),
      ['/run/secrets/password', '/etc/pw', '/motd'],
    );
    assert.deepEqual(
      mounts.map(({ source }) => [readFileSync(source, 'utf8'), statSync(source).mode & 0o777]),
      [
        ['geheim', 0o440],
        ['geheim', 0o400],
        ['hello', 0o444],
      ],
    );
  });

  it('written again are the same files, and go with the task', async () => {
    const files = new DependencyFiles(folder('/dev/shm'), 'x');
    const [first] = await files.write('t1', container, dependencies);
    const before = statSync(first?.source ?? '').ino;
    await files.write('t1', container, dependencies);
    assert.equal(statSync(first?.source ?? '').ino, before);
    await files.remove('t1');
    await files.remove('t1');
    assert.equal(existsSync(first?.source ?? ''), false);
  });

  it('a task without any needs no folder', async () => {
    const files = new DependencyFiles('/proc/nowhere', 'x');
    assert.deepEqual(await files.write('t', ContainerSpec.create(), dependencies), []);
  });

  it('refuses a disk, what is missing, and owners that are no numbers', async () => {
    const onDisk = new DependencyFiles(folder(process.cwd()), 'x');
    await assert.rejects(onDisk.write('t', container, dependencies), {
      code: 'EXECUTOR_NO_MEMORY',
      message: /is not on a file system in memory/,
    });
    const files = new DependencyFiles(folder('/dev/shm'), 'x');
    const none = { secret: () => undefined, config: () => undefined };
    await assert.rejects(files.write('t', container, none), { message: 'secret s not found' });
    const bob = ContainerSpec.fromPartial({
      secrets: [{ secretId: 's', secretName: 'pw', target: file('x', 0o400, 'bob') }],
    });
    await assert.rejects(files.write('t', bob, dependencies), { message: /user "bob"/ });
  });
});
