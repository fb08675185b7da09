import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { executorNames, settingsFrom } from '../settings.js';
import { pluginConfig, standardPlugins } from '../distribution.js';

const base = await settingsFrom({ stateDir: '/state', advertiseAddr: '10.0.0.1' }, '/');

test('each plugin is told where its own part of the state folder is', () => {
  assert.deepEqual(pluginConfig(base), {
    'storage-rocksdb': { dir: '/state/storage' },
    ca: {
      dir: '/state/certificates',
      managersFile: '/state/state.json',
      controlSocket: '/state/swarmd.sock',
    },
    rpc: { controlSocket: '/state/swarmd.sock', remoteAddress: '0.0.0.0:4242' },
    'log-files': { dir: '/state/logs' },
    raft: { advertiseAddress: '10.0.0.1:4242' },
    cluster: { advertiseAddress: '10.0.0.1:4242' },
    agent: { controlSocket: '/state/swarmd.sock' },
    'executor-containerd': { address: '/run/containerd/containerd.sock', dir: '/state/runtime' },
  });
});

test('only the chosen executor is configured', () => {
  const executorsOf = (executor: (typeof executorNames)[number]): object =>
    Object.fromEntries(
      Object.entries(pluginConfig({ ...base, executor })).filter(([id]) => /^executor-/.test(id)),
    );
  assert.deepEqual(executorsOf('docker'), {
    'executor-docker': { socket: '/var/run/docker.sock' },
  });
  assert.deepEqual(executorsOf('process'), { 'executor-process': { dir: '/state/runtime' } });
});

test('generic resources go to the agent', () => {
  assert.equal(
    pluginConfig({ ...base, genericNodeResources: 'fpga=2' }).agent?.genericResources,
    'fpga=2',
  );
});

test('a hostname goes to the agent', () => {
  assert.equal(pluginConfig({ ...base, hostname: 'alpha' }).agent?.hostname, 'alpha');
});

test("the operator's words win, key by key", () => {
  const config = pluginConfig({
    ...base,
    plugins: { rpc: { remoteAddress: '1.2.3.4:5' }, raft: { keepEntries: 9 }, acme: { a: 1 } },
  });
  assert.deepEqual(config.rpc, {
    controlSocket: '/state/swarmd.sock',
    remoteAddress: '1.2.3.4:5',
  });
  assert.deepEqual(config.raft, { advertiseAddress: '10.0.0.1:4242', keepEntries: 9 });
  assert.deepEqual(config.acme, { a: 1 });
});

test('the distribution has every plugin of the project, and of the executors just one', async () => {
  // This file runs as dist/test/distribution.test.js.
  const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../../plugins');
  const all = readdirSync(folder).filter((id) => !/^executor-|^storage-memory$/.test(id));
  for (const executor of executorNames) {
    const ids = (await standardPlugins(executor)).map(({ id }) => id);
    assert.deepEqual([...ids].sort(), [...all, `executor-${executor}`].sort());
  }
});

test('what plugins are told is what they know', async () => {
  for (const executor of executorNames) {
    const plugins = new Map((await standardPlugins(executor)).map((one) => [one.id, one]));
    for (const [id, config] of Object.entries(
      pluginConfig({ ...base, executor, hostname: 'a', join: { addresses: ['m1:1'] } }),
    )) {
      const schema = plugins.get(id)?.config as { readonly properties?: object } | undefined;
      for (const key of Object.keys(config))
        assert.ok(Object.hasOwn(schema?.properties ?? {}, key), `${id} does not know ${key}`);
    }
  }
});
