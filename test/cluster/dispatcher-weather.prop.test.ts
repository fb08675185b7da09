import assert from 'node:assert/strict';
import test from 'node:test';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import agent from '@swarmkit/plugin-agent/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { Executors } from '@swarmkit/sdk/contracts/executor';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNode, aTask } from '@swarmkit/sdk/testkit/fixtures';
import {
  LoopbackNetwork,
  type LoopbackServer,
  type Weather,
} from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualClock, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { BehaviorSubject } from 'rxjs';

// Whatever a link does to the assignments on their way, a node has in the end what it should have, and
// nothing twice: messages that are lost, late or cut off, agents and managers that are started anew.

const { ASSIGNED, RUNNING, SHUTDOWN, COMPLETE } = TaskState;
const anybody = { id: 'test', writes: ['any'] } as const;

const identity = (nodeId: string, role: 'manager' | 'worker'): NodeIdentity => {
  const current = {
    nodeId,
    clusterId: 'cluster',
    role,
    certificatePem: '',
    keyPem: '',
    rootsPem: 'roots',
    issuerSubject: new Uint8Array(),
    issuerPublicKey: new Uint8Array(),
    notAfter: 0,
  };
  return { current: () => current, identity$: new BehaviorSubject(current) };
};

/** A manager and an agent, each in a host of its own, with the weather between them. */
class World {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly store = new FakeStore({ now: () => this.clock.now() });
  readonly runtime = new FakeRuntime(this.clock);
  readonly server: LoopbackServer;
  private readonly network = new LoopbackNetwork(this.clock);
  private readonly disk = new MemoryDisk();
  private manager: Host | undefined;
  private node: Host | undefined;
  private lives = 0;
  /** The node calls from another address in each life. */
  private client = this.network.client({ nodeId: 'n1' });

  constructor() {
    this.server = this.network.server('m:4242');
    this.store.seed({
      cluster: [aCluster()],
      node: [aNode({ id: 'n1', status: { state: NodeStatus_State.UNKNOWN } })],
    });
  }

  async startManager(): Promise<void> {
    const { store, server } = this;
    this.manager = await this.host(
      'manager',
      {},
      dispatcher,
      (ctx) => {
        ctx.provide(Store, store);
        ctx.provide(Consensus, {
          members: () => [
            { raftId: 1n, nodeId: 'm', address: 'm:4242', reachable: true, votes: true },
          ],
        } as never);
        ctx.provide(RpcServer, server);
        ctx.provide(NodeIdentity, identity('m', 'manager'));
        ctx.provide(ScopeGates, { scope: 'manager', open$: new BehaviorSubject(true) });
        ctx.provide(ScopeGates, { scope: 'leader', open$: new BehaviorSubject(true) });
      },
      [Store, Consensus, RpcServer, NodeIdentity],
      [ScopeGates],
    );
  }

  async startAgent(): Promise<void> {
    this.client = this.network.client({ nodeId: 'n1', address: `10.0.0.${this.lives % 250}:1` });
    const { client, runtime } = this;
    const storage = this.disk.start();
    this.node = await this.host(
      'agent',
      { agent: { hostname: 'n1', managers: ['m:4242'] } },
      agent,
      (ctx) => {
        ctx.provide(RpcClient, client);
        ctx.provide(Storage, storage);
        ctx.provide(NodeIdentity, identity('n1', 'worker'));
        ctx.provide(ScopeGates, { scope: 'agent', open$: new BehaviorSubject(true) });
        ctx.provide(Executors, new FakeExecutor(runtime));
      },
      [RpcClient, Storage, NodeIdentity],
      [ScopeGates, Executors],
    );
  }

  async stopManager(): Promise<void> {
    assert.equal(this.manager?.faults().size ?? 0, 0, 'the dispatcher had faults');
    await this.manager?.stop();
  }

  async stopAgent(): Promise<void> {
    assert.equal(this.node?.faults().size ?? 0, 0, 'the agent had faults');
    await this.node?.stop();
    await this.disk.stop();
  }

  put(id: string): void {
    const task = aTask({ id, nodeId: 'n1', status: { state: ASSIGNED } });
    this.store.updateNow(anybody, (draft) => draft.create('task', task));
  }

  /** What runs, and what should. */
  get running(): readonly string[] {
    return [...this.runtime.running()].sort();
  }
  get wanted(): readonly string[] {
    return this.tasks
      .filter(
        ({ desiredState, status }) => desiredState <= RUNNING && (status?.state ?? 0) < COMPLETE,
      )
      .map(({ id }) => id)
      .sort();
  }
  get tasks() {
    return this.store.view().find('task', { by: 'all' });
  }

  private async host(
    seed: string,
    config: Record<string, unknown>,
    plugin: unknown,
    register: NonNullable<PluginManifest['register']>,
    provides: NonNullable<PluginManifest['provides']>,
    contributes: NonNullable<PluginManifest['contributes']>,
  ): Promise<Host> {
    const around = definePlugin({
      id: 'around',
      version: '1.0.0',
      scope: 'node',
      provides,
      contributes,
      register,
    });
    const host = new Host({
      plugins: [around, plugin] as readonly PluginManifest[],
      config,
      env: new VirtualEnv(`${seed} ${++this.lives}`, undefined, this.clock),
      log: createLogger('silent'),
    });
    await host.start();
    await host.settled();
    return host;
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('put' as const), id: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('shutdown' as const), id: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('remove' as const), id: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('pass' as const), ms: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('manager' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('agent' as const) }) },
);
const weathers = fc.array(fc.constantFrom<Weather>('arrives', 'arrives', 'late', 'lost'), {
  minLength: 1,
  maxLength: 20,
});

test('what a node runs in the end is what it should, whatever the link did', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), weathers, async (steps, sky) => {
      const world = new World();
      await world.startManager();
      await world.startAgent();
      await world.clock.advance(1_000);
      let messages = 0;
      world.server.weather = (path) =>
        path.endsWith('/Assignments') ? (sky[messages++ % sky.length] as Weather) : 'arrives';
      const used = new Set<string>();
      for (const one of steps) await live(world, one, used);
      // The weather clears. What was lost last is noticed at the next message.
      world.server.weather = undefined;
      world.put('last');
      await world.clock.advance(60_000);
      assert.deepEqual(world.running, world.wanted);
      for (const { id, desiredState, status } of world.tasks)
        assert.equal(
          TaskState[status?.state ?? 0],
          TaskState[desiredState >= SHUTDOWN ? SHUTDOWN : RUNNING],
          id,
        );
      for (const [id, times] of world.runtime.started) assert.equal(times, 1, `${id} ran twice`);
      await world.stopAgent();
      await world.stopManager();
    }),
    { numRuns: Number(process.env.WEATHER_RUNS ?? 20) },
  );
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function live(world: World, one: Step, used: Set<string>): Promise<void> {
  switch (one.what) {
    case 'put': {
      // No id is used twice.
      const id = `t${one.id}`;
      if (used.has(id)) return;
      used.add(id);
      world.put(id);
      return;
    }
    case 'shutdown':
    case 'remove':
      world.store.updateNow(anybody, (draft) => {
        const task = draft.get('task', `t${one.id}`);
        if (task === undefined) return;
        if (one.what === 'remove') draft.remove('task', task.id);
        else draft.update('task', { ...task, desiredState: SHUTDOWN });
      });
      return;
    case 'pass':
      await world.clock.advance(one.ms);
      return;
    case 'cut':
      world.server.cut();
      return;
    case 'manager':
      await world.stopManager();
      await world.startManager();
      return;
    case 'agent':
      await world.stopAgent();
      await world.startAgent();
      return;
  }
}
