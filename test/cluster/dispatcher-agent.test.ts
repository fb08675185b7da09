import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import agent from '@swarmkit/plugin-agent/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { type Dependencies, Executors } from '@swarmkit/sdk/contracts/executor';
import { type Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNode, aTask, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork, type LoopbackServer } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { VirtualClock, VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { Config, Secret, type Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject } from 'rxjs';

// The two ends of the dispatcher protocol against each other, each in a host of its own, as plugins
// that know nothing but contracts. Managers and machines are false; time is virtual.

const { READY, RUNNING, COMPLETE, SHUTDOWN, FAILED, REMOVE } = TaskState;
const anybody = { id: 'test', writes: ['any'] } as const;
const hourMs = 3_600_000;

const identityOf = (nodeId: string, role: Identity['role']): NodeIdentity => {
  const identity: Identity = {
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
  return { current: () => identity, identity$: new BehaviorSubject(identity) };
};

/** A manager that leads when it is told to. */
class FalseManager {
  readonly leads$ = new BehaviorSubject(false);
  readonly host: Host;

  constructor(
    readonly id: string,
    store: FakeStore,
    readonly server: LoopbackServer,
    clock: VirtualClock,
  ) {
    const { leads$ } = this;
    const around = definePlugin({
      id: 'around',
      version: '1.0.0',
      scope: 'node',
      provides: [Store, Consensus, RpcServer, NodeIdentity],
      contributes: [ScopeGates],
      register(ctx) {
        ctx.provide(Store, store);
        ctx.provide(Consensus, {
          members: () =>
            ['m1', 'm2'].map((nodeId, i) => ({
              raftId: BigInt(i + 1),
              nodeId,
              address: `${nodeId}:4242`,
              reachable: true,
              votes: true,
            })),
        } as never);
        ctx.provide(RpcServer, server);
        ctx.provide(NodeIdentity, identityOf(id, 'manager'));
        ctx.provide(ScopeGates, { scope: 'manager', open$: new BehaviorSubject(true) });
        ctx.provide(ScopeGates, { scope: 'leader', open$: leads$ });
      },
    });
    this.host = hostOf([around, dispatcher], id, clock, {});
  }
}

/** A machine with an agent. */
class FalseNode {
  readonly runtime: FakeRuntime;
  readonly disk = new MemoryDisk();
  host: Host | undefined;
  private readonly given = new Map<string, Dependencies>();

  constructor(
    readonly id: string,
    readonly managers: readonly string[],
    private readonly network: LoopbackNetwork,
    private readonly clock: VirtualClock,
  ) {
    this.runtime = new FakeRuntime(clock);
  }

  /** What the agent lends the task's controller. */
  dependenciesOf(taskId: string): Dependencies {
    const dependencies = this.given.get(taskId);
    assert.ok(dependencies !== undefined, `no controller was made for ${taskId}`);
    return dependencies;
  }

  async start(): Promise<void> {
    const { id, network, runtime, disk, managers, given } = this;
    const storage = disk.start();
    const around = definePlugin({
      id: 'around',
      version: '1.0.0',
      scope: 'node',
      provides: [RpcClient, Storage, NodeIdentity],
      contributes: [ScopeGates],
      register(ctx) {
        ctx.provide(RpcClient, network.client({ nodeId: id, address: `192.168.0.${id.length}:1` }));
        ctx.provide(Storage, storage);
        ctx.provide(NodeIdentity, identityOf(id, 'worker'));
        ctx.provide(ScopeGates, { scope: 'agent', open$: new BehaviorSubject(true) });
      },
    });
    const executor = definePlugin({
      id: 'executor-fake',
      version: '1.0.0',
      scope: 'agent',
      contributes: [Executors],
      register(ctx) {
        const fake = new FakeExecutor(runtime);
        const make = fake.controller.bind(fake);
        ctx.provide(
          Executors,
          Object.assign(fake, {
            controller: (task: Task, dependencies: Dependencies) => {
              given.set(task.id, dependencies);
              return make(task);
            },
          }),
        );
      },
    });
    const config = { agent: { hostname: id, managers } };
    this.host = hostOf([around, executor, agent], id, this.clock, config);
    await this.host.start();
    await this.host.settled();
  }

  async stop(): Promise<void> {
    await this.host?.stop();
    await this.disk.stop();
    this.host = undefined;
  }
}

const hostOf = (
  plugins: readonly unknown[],
  seed: string,
  clock: VirtualClock,
  config: Record<string, unknown>,
): Host =>
  new Host({
    plugins: plugins as readonly PluginManifest[],
    config,
    env: new VirtualEnv(seed, undefined, clock),
    log: createLogger('silent'),
  });

describe('dispatcher and agents', () => {
  let clock: VirtualClock;
  let store: FakeStore;
  let network: LoopbackNetwork;
  let managers: FalseManager[];
  let nodes: FalseNode[];
  beforeEach(async () => {
    clock = new VirtualClock(1_700_000_000_000);
    store = new FakeStore({ now: () => clock.now() });
    network = new LoopbackNetwork(clock);
    store.seed({
      cluster: [aCluster()],
      node: ['a', 'bb'].map((id) => aNode({ id, status: { state: NodeStatus_State.UNKNOWN } })),
      secret: [Secret.create({ id: 's1', spec: { data: Buffer.from('hush') } })],
      config: [Config.create({ id: 'c1' })],
    });
    managers = ['m1', 'm2'].map(
      (id) => new FalseManager(id, store, network.server(`${id}:4242`), clock),
    );
    nodes = ['a', 'bb'].map((id) => new FalseNode(id, ['m1:4242', 'm2:4242'], network, clock));
    for (const manager of managers) await manager.host.start();
    await lead(0);
    for (const node of nodes) await node.start();
    await until('both are READY', () => nodes.every(({ id }) => nodeState(id) === 'READY'), 20_000);
  });
  afterEach(async () => {
    for (const node of nodes) {
      assert.equal(node.host?.faults().size ?? 0, 0, 'an agent had faults');
      await node.stop();
    }
    for (const manager of managers) {
      assert.equal(manager.host.faults().size, 0, 'a dispatcher had faults');
      await manager.host.stop();
    }
  });

  const lead = async (which: number | undefined) => {
    for (const [i, manager] of managers.entries()) manager.leads$.next(i === which);
    for (const manager of managers) await manager.host.settled();
  };
  async function until(what: string, fact: () => boolean, limitMs = 0): Promise<void> {
    const end = clock.monotonic() + limitMs;
    for (;;) {
      for (let turn = 0; turn < 60; turn++) {
        if (fact()) return;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (clock.monotonic() >= end) throw new Error(`not true within ${limitMs} ms: ${what}`);
      await clock.advance(50);
    }
  }
  const nodeState = (id: string) =>
    NodeStatus_State[store.view().get('node', id)?.status?.state ?? 0];
  const task = (id: string) => store.view().get('task', id);
  const state = (id: string) => task(id)?.status?.state ?? 0;
  const reaches = (id: string, wanted: TaskState, limitMs = 200) =>
    until(`${id} is ${TaskState[wanted]}`, () => state(id) === wanted, limitMs);
  const put = (nodeId: string, overrides: Partially<Task> = {}): string => {
    const made = aTask({ nodeId, status: { state: TaskState.ASSIGNED }, ...overrides });
    store.updateNow(anybody, (draft) => draft.create('task', made));
    return made.id;
  };
  const want = (desiredState: TaskState, ...ids: string[]): void => {
    store.updateNow(anybody, (draft) => {
      for (const id of ids) {
        const before = draft.get('task', id);
        if (before !== undefined) draft.update('task', { ...before, desiredState });
      }
    });
  };
  const remove = (...ids: string[]): void => {
    store.updateNow(anybody, (draft) => {
      for (const id of ids) draft.remove('task', id);
    });
  };

  it('run tasks where they belong, from ASSIGNED to removed', async () => {
    const ids = [put('a'), put('bb'), put('bb', { desiredState: READY })] as const;
    await reaches(ids[0], RUNNING);
    await reaches(ids[1], RUNNING);
    await reaches(ids[2], READY);
    assert.deepEqual(
      nodes.map(({ runtime }) => [...runtime.containers.keys()]),
      [[ids[0]], [ids[1], ids[2]]],
    );
    assert.equal(task(ids[0])?.status?.appliedBy, 'm1');
    nodes[0]?.runtime.exit(ids[0], 3);
    await reaches(ids[0], FAILED);
    want(REMOVE, ids[1], ids[2]);
    await reaches(ids[1], SHUTDOWN);
    await reaches(ids[2], SHUTDOWN);
    remove(...ids);
    await until('nothing is left', () =>
      nodes.every(({ runtime }) => runtime.containers.size === 0),
    );
  });

  it('hand secrets and configs to the tasks that use them, and only while they do', async () => {
    const [node] = nodes;
    assert.ok(node !== undefined);
    const value = { image: 'x', secrets: [{ secretId: 's1' }], configs: [{ configId: 'c1' }] };
    const id = put('a', { spec: { runtime: { $case: 'container', value } } });
    await reaches(id, RUNNING);
    const holds = () => {
      const { secret, config } = node.dependenciesOf(id);
      return [secret('s1')?.spec?.data.toString(), config('c1')?.id];
    };
    assert.deepEqual(holds(), ['hush', 'c1']);
    node.runtime.exit(id, 0);
    await until('they are taken back', () => holds().every((one) => one === undefined));
  });

  it('write a rollout of fifty and its removal with few commits', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => put(i % 2 === 0 ? 'a' : 'bb'));
    const assigned = store.commits.length;
    await until('all run', () => ids.every((id) => state(id) === RUNNING), 2_000);
    const running = store.commits.length;
    assert.ok(running - assigned <= 12, `${running - assigned} commits`);
    want(REMOVE, ...ids);
    await until('all stopped', () => ids.every((id) => state(id) === SHUTDOWN), 200);
    assert.ok(store.commits.length - running <= 6, `${store.commits.length - running} commits`);
    remove(...ids);
    await until('nothing is left', () =>
      nodes.every(({ runtime }) => runtime.containers.size === 0),
    );
  });

  it('go on with the next leader, and nothing that runs is touched', async () => {
    const ids = [put('a'), put('bb')];
    for (const id of ids) await reaches(id, RUNNING);
    await lead(undefined);
    nodes[0]?.runtime.exit(ids[0] as string, 0);
    await clock.advance(5_000);
    assert.equal(state(ids[0] as string), RUNNING);
    managers[0]!.server.up = false;
    await lead(1);
    assert.equal(nodeState('a'), 'UNKNOWN');
    await until('both are READY', () => nodes.every(({ id }) => nodeState(id) === 'READY'), 30_000);
    await reaches(ids[0] as string, COMPLETE, 1_000);
    assert.equal(task(ids[0] as string)?.status?.appliedBy, 'm2');
    assert.equal(nodes[1]?.runtime.started.get(ids[1] as string), 1);
    await clock.advance(60_000);
    assert.equal(nodeState('bb'), 'READY');
    managers[0]!.server.up = true;
  });

  it('a node that is out of reach goes DOWN, runs on, and comes back as it is', async () => {
    const id = put('a');
    await reaches(id, RUNNING);
    for (const { server } of managers) server.up = false;
    for (const { server } of managers) server.cut();
    await until('it is DOWN', () => nodeState('a') === 'DOWN', 17_000);
    await clock.advance(30_000);
    assert.deepEqual(nodes[0]?.runtime.running(), [id]);
    for (const { server } of managers) server.up = true;
    await until('it is READY', () => nodeState('a') === 'READY', 30_000);
    assert.equal(state(id), RUNNING);
    assert.equal(nodes[0]?.runtime.started.get(id), 1);
  });

  it('a node that was away for a day stops what was given up meanwhile', async () => {
    const id = put('a');
    await reaches(id, RUNNING);
    for (const node of nodes) await node.stop();
    await clock.advance(24 * hourMs + 20_000);
    assert.equal(state(id), TaskState.ORPHANED);
    assert.deepEqual(nodes[0]?.runtime.running(), [id]);
    await nodes[0]?.start();
    await until('it is stopped', () => nodes[0]?.runtime.running().length === 0, 30_000);
    assert.equal(state(id), TaskState.ORPHANED);
  });

  it('an agent that is upgraded adopts, and hears what was decided meanwhile', async () => {
    const [kept, stopped, gone] = [put('a'), put('a'), put('a')];
    for (const id of [kept, stopped, gone]) await reaches(id, RUNNING);
    await nodes[0]?.stop();
    want(SHUTDOWN, stopped);
    remove(gone);
    await nodes[0]?.start();
    await reaches(stopped, SHUTDOWN, 20_000);
    const { runtime } = nodes[0] as FalseNode;
    await until('it is removed', () => !runtime.containers.has(gone), 200);
    assert.deepEqual(runtime.running(), [kept]);
    assert.equal(runtime.started.get(kept), 1);
  });
});
