/**
 * A manager in this process with everything real between the store's front door and the agents' RPCs
 * (Raft on a disk in memory, turn, all stages, dispatcher), and agents that speak the protocol and do
 * at once what they are told.
 */
import { setMaxListeners } from 'node:events';
import { Host } from '@swarmkit/kernel/host';
import { realEnv } from '@swarmkit/kernel/env';
import type { RootLogger } from '@swarmkit/kernel/log';
import allocator from '@swarmkit/plugin-allocator/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import ipamDefault from '@swarmkit/plugin-ipam-default/plugin';
import orchestrator from '@swarmkit/plugin-orchestrator/plugin';
import raft from '@swarmkit/plugin-raft/plugin';
import reaper from '@swarmkit/plugin-reaper/plugin';
import scheduler from '@swarmkit/plugin-scheduler/plugin';
import store from '@swarmkit/plugin-store/plugin';
import turn from '@swarmkit/plugin-turn/plugin';
import { type Identity, NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { RpcClient, type RpcConnection, RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Storage } from '@swarmkit/sdk/contracts/storage';
import { Store } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { delay } from '@swarmkit/sdk/plugin/env';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { aCluster, aNode } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { MemoryDisk } from '@swarmkit/sdk/testkit/memory-disk';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject } from 'rxjs';
import type { Cleanup } from '../harness/cleanup.js';
import { until } from '../harness/until.js';

export const user = { id: 'bench', writes: ['any'] } as const;

export interface SmallManager {
  readonly store: Store;
  /** Synchronous part of each turn so far, ms. */
  readonly turnsMs: readonly number[];
  /** As this node, which is one of the cluster's workers. */
  connect(nodeId: string): RpcConnection;
}

/** What decides about the cluster, in scope `leader`. */
const deciding = [turn, orchestrator, ipamDefault, allocator, scheduler, reaper, dispatcher];

export interface ManagerHost {
  readonly host: Host;
  readonly network: LoopbackNetwork;
  readonly turnsMs: readonly number[];
  /** Undefined before the scope `manager` is open. */
  readonly store: () => Store | undefined;
}

/** The host alone, on this disk; `decides`: with all that works while it leads. Not started. */
export function managerHost(disk: MemoryDisk, decides = true): ManagerHost {
  const network = new LoopbackNetwork(realEnv.clock);
  const turnsMs: number[] = [];
  let opened: Store | undefined;
  const around = definePlugin({
    id: 'around',
    version: '1.0.0',
    scope: 'node',
    provides: [Storage, RpcServer, RpcClient, NodeIdentity],
    contributes: [ScopeGates],
    register(ctx) {
      ctx.provide(Storage, disk.start());
      ctx.provide(RpcServer, network.server('manager:4242'));
      ctx.provide(RpcClient, network.client({ nodeId: 'manager', role: 'manager' }));
      ctx.provide(NodeIdentity, identityOf('manager'));
      ctx.provide(ScopeGates, { scope: 'manager', open$: new BehaviorSubject(true) });
    },
    stop: () => disk.stop(),
  });
  const window = definePlugin({
    id: 'window',
    version: '1.0.0',
    scope: 'manager',
    requires: [Store],
    start(ctx) {
      opened = ctx.get(Store);
    },
  });
  const plugins = [around, raft, store, window, ...(decides ? deciding : [])];
  const host = new Host({
    plugins: plugins as unknown as readonly PluginManifest[],
    config: { raft: { timing: 'fast', advertiseAddress: 'manager:4242' } },
    env: realEnv,
    log: turnWatcher(turnsMs),
  });
  return { host, network, turnsMs, store: () => opened };
}

export async function startManager(cleanup: Cleanup, agents: number): Promise<SmallManager> {
  const { host, network, turnsMs, store } = managerHost(new MemoryDisk());
  cleanup.add('manager', () => host.stop());
  await host.start();
  await host.settled();
  const cluster = await until('the store is open', store, 20_000);
  const ids = Array.from({ length: agents }, (_, i) => `node${String(i).padStart(21, '0')}`);
  await until(
    'it leads',
    () =>
      cluster
        .update(user, (draft) => {
          draft.create('cluster', aCluster());
          for (const id of ids) draft.create('node', aNode({ id }));
        })
        .then(
          () => true,
          () => false,
        ),
    20_000,
  );
  const stop = new AbortController();
  // Every agent listens.
  setMaxListeners(0, stop.signal);
  cleanup.add('agents', () => Promise.resolve(stop.abort()));
  for (const id of ids) void agent(network, id, stop.signal);
  const connect = (nodeId: string): RpcConnection =>
    network.client({ nodeId, role: 'worker' }).connect('manager:4242');
  return { store: cluster, turnsMs, connect };
}

/** Comes back whenever its session ends, until the bench is over. */
async function agent(network: LoopbackNetwork, nodeId: string, signal: AbortSignal): Promise<void> {
  const connection = network.client({ nodeId, role: 'worker' }).connect('manager:4242');
  const { description } = aNode({ id: nodeId });
  while (!signal.aborted)
    try {
      const messages = connection
        .serverStream(DispatcherService.session, { description, sessionId: '' }, { signal })
        [Symbol.asyncIterator]();
      const { value, done } = await messages.next();
      if (done) continue;
      const { sessionId } = value;
      await Promise.race([
        untilEnd(messages),
        beat(connection, sessionId, signal),
        obey(connection, sessionId, signal),
      ]);
    } catch {
      await delay(realEnv.clock, 100, signal);
    }
}

async function untilEnd(messages: AsyncIterator<unknown>): Promise<void> {
  while (!(await messages.next()).done);
}

async function beat(
  connection: RpcConnection,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await connection.unary(DispatcherService.heartbeat, { sessionId });
    await delay(realEnv.clock, 2_000, signal);
  }
}

async function obey(
  connection: RpcConnection,
  sessionId: string,
  signal: AbortSignal,
): Promise<void> {
  const told = new Map<string, TaskState>();
  const assignments = connection.serverStream(
    DispatcherService.assignments,
    { sessionId },
    { signal },
  );
  for await (const { changes } of assignments) {
    const updates = changes.flatMap(({ assignment }) => {
      if (assignment?.item?.$case !== 'task') return [];
      const task = assignment.item.value;
      const state = answerTo(task);
      if (state <= (told.get(task.id) ?? TaskState.ASSIGNED)) return [];
      told.set(task.id, state);
      const timestamp = timestampFromMs(realEnv.clock.now());
      return [{ taskId: task.id, status: TaskStatus.create({ state, timestamp }) }];
    });
    if (updates.length > 0)
      await connection.unary(DispatcherService.updateTaskStatus, { sessionId, updates });
  }
}

const answerTo = ({ desiredState }: Task): TaskState =>
  desiredState > TaskState.COMPLETE
    ? TaskState.SHUTDOWN
    : Math.min(desiredState, TaskState.RUNNING);

const identityOf = (nodeId: string): NodeIdentity => {
  const identity: Identity = {
    nodeId,
    clusterId: 'cluster',
    role: 'manager',
    certificatePem: '',
    keyPem: '',
    rootsPem: '',
    issuerSubject: new Uint8Array(),
    issuerPublicKey: new Uint8Array(),
    notAfter: 0,
  };
  return { current: () => identity, identity$: new BehaviorSubject(identity) };
};

/** The turn tells its length at level debug. */
function turnWatcher(turnsMs: number[]): RootLogger {
  const ignore = (): void => undefined;
  const logger: RootLogger = {
    debug(fields: object | string, message?: string) {
      if (message === 'turn' && typeof fields === 'object' && 'ms' in fields)
        turnsMs.push(Number(fields.ms));
    },
    info: ignore,
    warn: (...words: unknown[]) => console.error(...words),
    error: (...words: unknown[]) => console.error(...words),
    child: () => logger,
  };
  return logger;
}
