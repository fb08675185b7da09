import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KeyLock } from '@swarmkit/sdk/contracts/key-lock';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { LockService } from '@swarmkit/sdk/wire/gen/node/lock';
import { autolock } from '../plugin.js';

const WRITER = { id: 'test', writes: ['any'] } as const;
const KEK = Buffer.alloc(32, 7);

function run(t: TestContext, store: FakeStore) {
  const env = new VirtualEnv('autolock');
  const network = new LoopbackNetwork(env.clock);
  const server = network.server('unix:/own', '10.0.0.1:1');
  const applied: string[] = [];
  const failures: Error[] = [];
  const faults: unknown[] = [];
  const lock: KeyLock = {
    apply: async (version, kek) => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      applied.push(
        `${version} ${kek === undefined ? 'open' : Buffer.from(kek).toString('hex', 0, 2)}`,
      );
    },
  };
  const abort = new AbortController();
  const subscriptions: { unsubscribe(): void }[] = [];
  const tokens = new Map<string, unknown>([
    [Store.id, store],
    [KeyLock.id, lock],
    [RpcServer.id, server],
  ]);
  const fault = (error: unknown): void => void faults.push(error);
  const ctx = {
    env,
    signal: abort.signal,
    log: { warn: () => undefined },
    get: (token: Token<unknown>) => tokens.get(token.id),
    run: (_where: string, work: () => Promise<void>) => void work().catch(fault),
    consume: (_name: string, stream: Store['commits$'], handler: () => Promise<void>) =>
      subscriptions.push(stream.subscribe(() => void handler().catch(fault))),
  } as unknown as Context;
  void autolock.start?.(ctx);
  const stop = (): void => {
    abort.abort();
    for (const one of subscriptions) one.unsubscribe();
    void autolock.stop?.(ctx);
  };
  t.after(stop);
  return { env, network, applied, failures, faults, stop };
}

function lockWith(store: FakeStore, key: Buffer | undefined): bigint {
  store.updateNow(WRITER, (draft) => {
    const [cluster] = draft.find('cluster', { by: 'all' });
    assert.ok(cluster !== undefined);
    const unlockKeys = [
      { subsystem: 'another', key: Buffer.from('x') },
      ...(key === undefined ? [] : [{ subsystem: 'swarm-manager', key }]),
    ];
    draft.update('cluster', { ...cluster, unlockKeys } as never);
  });
  return store.view().find('cluster', { by: 'all' })[0]?.meta?.version?.index ?? -1n;
}

test('what the cluster object says of locks reaches the key file, with its version', async (t) => {
  const store = new FakeStore();
  const { env, applied } = run(t, store);
  await env.clock.advance(0);
  assert.deepEqual(applied, [], 'nothing is known yet, which is not the same as not locked');
  store.updateNow(WRITER, (draft) => draft.create('cluster', aCluster({})));
  await env.clock.advance(0);
  assert.match(applied.join(), /^\d+ open$/);
  const locked = lockWith(store, KEK);
  await env.clock.advance(0);
  const open = lockWith(store, undefined);
  await env.clock.advance(0);
  assert.deepEqual(applied.slice(1), [`${locked} 0707`, `${open} open`]);
});

test('commits about other things ask for nothing', async (t) => {
  const store = new FakeStore().seed({ cluster: [aCluster({})] });
  const { env, applied } = run(t, store);
  await env.clock.advance(0);
  for (let i = 0; i < 3; i++) {
    store.updateNow(WRITER, (draft) =>
      draft.create('secret', { id: `s${i}`, spec: { annotations: { name: `s${i}` } } } as never),
    );
    await env.clock.advance(0);
  }
  assert.equal(applied.length, 1);
});

test('a disk that is full is waited for, with the newest word', async (t) => {
  const store = new FakeStore().seed({ cluster: [aCluster({})] });
  const { env, applied, failures, faults } = run(t, store);
  await env.clock.advance(0);
  for (let i = 0; i < 2; i++) failures.push(new SwarmError('unavailable', 'CA_WRITE', 'full'));
  lockWith(store, Buffer.alloc(32, 1));
  await env.clock.advance(0);
  const version = lockWith(store, KEK);
  await env.clock.advance(60_000);
  assert.deepEqual(applied.slice(1), [`${version} 0707`]);
  assert.deepEqual(faults, []);
});

test('what no waiting mends is a fault', async (t) => {
  const store = new FakeStore().seed({ cluster: [aCluster({})] });
  const { env, failures, faults } = run(t, store);
  await env.clock.advance(0);
  failures.push(new SwarmError('data-loss', 'CA_KEK_VERSION', 'two keys'));
  lockWith(store, KEK);
  await env.clock.advance(0);
  assert.deepEqual(faults.map(String), ['SwarmError: two keys']);
});

test('who unlocks a node that is not locked is told so, on the control socket alone', async (t) => {
  const { network } = run(t, new FakeStore());
  const unlock = (address: string) =>
    network.client({ nodeId: 'n' }).connect(address).unary(LockService.unlock, { key: 'x' });
  await assert.rejects(unlock('unix:/own'), {
    kind: 'failed-precondition',
    message: 'this node is not locked',
  });
  await assert.rejects(unlock('10.0.0.1:1'), { kind: 'unimplemented' });
});
