// A manager that leads, whole but for its edges: the daemon's own plugins on a memory disk, and a loopback
// network instead of sockets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { root } from '../house/source-files.js';

export const LEADER = '10.0.0.1:4242';
export const SOCKET = 'unix:/leader';

/** Bound to the machine: what they do is not asked for here. */
const LEFT_OUT = new Set([
  'departure',
  'rpc',
  'storage-rocksdb',
  'log-files',
  'agent',
  'executor-process',
]);

export interface LeaderHost {
  readonly network: LoopbackNetwork;
  readonly store: Store;
  readonly nodeId: string;
  readonly clusterId: string;
  /** What stopped the node, or was reported as a fault. */
  readonly faults: string[];
  stop(): Promise<void>;
}

export async function startLeader(): Promise<LeaderHost> {
  const dir = mkdtempSync(path.join(tmpdir(), 'swarmkit-fuzz-'));
  const load = async <T>(file: string): Promise<T> => (await import(path.join(root, file))) as T;
  const { standardPlugins } = await load<{
    standardPlugins(executor: 'process'): Promise<readonly PluginManifest[]>;
  }>('apps/swarmd/dist/distribution.js');
  const { default: storage } = await load<{ default: PluginManifest }>(
    'plugins/storage-memory/dist/plugin.js',
  );
  const network = new LoopbackNetwork(realEnv.clock);
  const edge = definePlugin({
    id: 'loopback',
    version: '1.0.0',
    scope: 'node',
    requires: [NodeIdentity],
    provides: [RpcServer, RpcClient],
    register(ctx) {
      const identity = ctx.get(NodeIdentity);
      ctx.provide(RpcServer, network.server(SOCKET, LEADER));
      ctx.provide(RpcClient, {
        connect: (address) => {
          const { nodeId, clusterId } = identity.current();
          return network.client({ nodeId, clusterId }).connect(address);
        },
      });
    },
  });
  let store: Store | undefined;
  let self: { readonly nodeId: string; readonly clusterId: string } | undefined;
  const eye = definePlugin({
    id: 'eye',
    version: '1.0.0',
    scope: 'leader',
    requires: [Store, NodeIdentity],
    start(ctx) {
      store = ctx.get(Store);
      self = ctx.get(NodeIdentity).current();
    },
  });
  const faults: string[] = [];
  const plugins = (await standardPlugins('process')).filter(({ id }) => !LEFT_OUT.has(id));
  const host = new Host({
    plugins: [storage, ...plugins, edge, eye] as readonly PluginManifest[],
    config: {
      ca: { dir: path.join(dir, 'certificates'), managersFile: path.join(dir, 'state.json') },
    },
    env: realEnv,
    log: createLogger('silent'),
    onFatal: (error) => faults.push(`the node stopped: ${error.message}`),
  });
  host.lifecycle$.subscribe((fact) => {
    if (fact.change === 'failed') faults.push(`${fact.plugin} in ${fact.where}: ${fact.error}`);
  });
  await host.start();
  const end = performance.now() + 30_000;
  while (store === undefined) {
    if (performance.now() > end) throw new Error('no leader within 30 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    network,
    store,
    ...(self as { nodeId: string; clusterId: string }),
    faults,
    stop: async () => {
      await host.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
