// The other direction: a manager that answers the agent with arbitrary messages. The agent may leave it,
// and come back; it does not fail in words of its language, and goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import agent from '@swarmkit/plugin-agent/plugin';
import { Executors } from '@swarmkit/sdk/contracts/executor';
import { type Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { LogBrokerService } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import { BehaviorSubject } from 'rxjs';
import { MessageMaker, serviceTypes } from './message-maker.js';
import { fuzzSeconds, seeds } from './seconds.js';

const ADDRESS = '10.0.0.1:4242';
const nodeId = 'node0000000000000000000x1';
const outputs = new Map(
  serviceTypes.flatMap((service) =>
    service.methods.map((method) => [`/${service.typeName}/${method.name}`, method.output]),
  ),
);

const identity: Identity = {
  nodeId,
  clusterId: 'cluster',
  role: 'worker',
  certificatePem: '',
  keyPem: '',
  rootsPem: '',
  issuerSubject: new Uint8Array(),
  issuerPublicKey: new Uint8Array(),
  notAfter: Number.MAX_SAFE_INTEGER,
};

async function life(seed: string): Promise<{ readonly calls: number; readonly faults: string[] }> {
  const env = new VirtualEnv(seed);
  const network = new LoopbackNetwork(env.clock);
  const server = network.server(ADDRESS);
  const maker = new MessageMaker(seed, {
    wild: 0.002,
    ids: () => [nodeId, 'task', 'session', ADDRESS],
  });
  let calls = 0;
  for (const definition of [DispatcherService, LogBrokerService])
    server.mountStandIn({
      definition,
      expose: ['remote'],
      defers: () => false,
      route: async ({ path, signal }) => {
        calls++;
        const output = outputs.get(path);
        assert.ok(output !== undefined);
        return async (_requests, send) => {
          for (let n = maker.below(8); n > 0 && !signal.aborted; n--) {
            await send(new Uint8Array(maker.message(output)));
            await new Promise<void>((later) => env.clock.after(maker.below(3_000), later));
          }
        };
      },
    });
  const runtime = new FakeRuntime(env.clock);
  const edge = definePlugin({
    id: 'edge',
    version: '1.0.0',
    scope: 'node',
    provides: [Storage, NodeIdentity, RpcClient],
    contributes: [ScopeGates, Executors],
    register(ctx) {
      ctx.provide(Storage, new MemoryDisk().start());
      const identity$ = new BehaviorSubject(identity);
      ctx.provide(NodeIdentity, { current: () => identity, identity$ });
      ctx.provide(RpcClient, network.client({ nodeId, clusterId: 'cluster', role: 'worker' }));
      ctx.provide(ScopeGates, { scope: 'agent', open$: new BehaviorSubject(true) });
      ctx.provide(Executors, new FakeExecutor(runtime));
    },
  });
  const faults: string[] = [];
  const host = new Host({
    plugins: [edge, agent] as readonly PluginManifest[],
    config: { agent: { managers: [ADDRESS] } },
    env,
    log: createLogger('silent'),
    onFatal: (error) => faults.push(`the node stopped: ${error.message}`),
  });
  host.lifecycle$.subscribe((fact) => {
    const text = JSON.stringify(fact);
    if (text.includes('fault')) faults.push(text);
  });
  const unhandled = (error: unknown): void => void faults.push(`unhandled: ${error}`);
  process.on('unhandledRejection', unhandled);
  try {
    const started = host.start();
    await env.clock.advance(100);
    await started;
    for (let minute = 0; minute < 3 && faults.length === 0; minute++)
      await env.clock.advance(60_000);
    const stopped = host.stop();
    await env.clock.advance(30_000);
    await stopped;
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  return { calls, faults };
}

test('no answer of a manager makes the agent fail', async (t) => {
  let lives = 0;
  let calls = 0;
  for (const seed of seeds(fuzzSeconds(4))) {
    const lived = await life(seed);
    assert.deepEqual(lived.faults, [], `FUZZ_SEED=${seed}`);
    lives++;
    calls += lived.calls;
  }
  assert.ok(calls > 10 * lives, `${calls} calls in ${lives} lives: the agent gave up`);
  t.diagnostic(`${lives} lives, ${calls} calls`);
});
