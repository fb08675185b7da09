import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { connectControl } from '@swarmkit/sdk/client/control';
import { clusterOf, readyNodes, remoteAddressOf } from '../bench/join-cluster.js';
import { Cleanup } from '../harness/cleanup.js';
import { bundledSwarmdPath as program, Daemon } from '../harness/daemon.js';
import { runNode } from '../harness/run.js';
import { until } from '../harness/until.js';
import { root } from '../house/source-files.js';

/** The daemon out of one file does what the one of many modules does. */

const cleanup = new Cleanup();
after(() => cleanup.run());

test('the bundle is made, founds a cluster with a plugin from elsewhere, and another one joins', async () => {
  const made = await runNode([path.join(root, 'scripts/bundle.mjs')]);
  assert.equal(made.status, 0, made.stderr);
  const dist = path.dirname(program);
  for (const file of ['bundle.cjs', 'bundle.cjs.code'])
    assert.ok(existsSync(path.join(dist, file)), file);
  assert.match((await runNode([program, '--version'])).stdout, /^\d+\.\d+\.\d+\s*$/);

  const daemon = (args: readonly string[]): Daemon =>
    new Daemon(
      { stateDir: path.join(cleanup.folder(), 'state'), program, executor: 'process', args },
      cleanup,
    );
  const manager = daemon(['--load', path.join(root, 'examples/ssd-first')]);
  await manager.start();
  const control = connectControl(manager.socket);
  cleanup.add('control connection', () => control.close());
  await until('the manager is READY', async () => (await readyNodes(control)) === 1);
  const token = (await clusterOf(control)).rootCa?.joinTokens?.worker ?? '';
  const address = await remoteAddressOf(manager);
  const worker = daemon(['--join-addr', address, '--join-token', token]);
  await worker.start();
  await until('both are READY', async () => (await readyNodes(control)) === 2);

  for (const one of [worker, manager]) assert.equal(await one.stop(), 0, one.output);
});
