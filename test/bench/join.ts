import path from 'node:path';
import { connectControl } from '@swarmkit/sdk/client/control';
import { Cleanup } from '../harness/cleanup.js';
import { bundledSwarmdPath as program, Daemon } from '../harness/daemon.js';
import { startDockerd } from '../harness/dockerd.js';
import { Lan, type LanHost } from '../harness/lan.js';
import { until } from '../harness/until.js';
import { agentsIdle, agentsJoin, agentsRotate } from './join-agents.js';
import { clusterOf, joinFigure, readyNodes, remoteAddressOf } from './join-cluster.js';
import { type Figure, median, ROUNDS } from './report.js';

/**
 * How nodes come. `two nodes` and `join` are whole daemons, with dockerd joining dockerd in the same run
 * as the peer; the others are real protocol clients, one certificate each, in processes of their own.
 */
export async function benchJoin(rounds = ROUNDS, only?: string): Promise<readonly Figure[]> {
  const cases: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
    'two nodes': () => twoNodes(rounds),
    join: () => oneMore(rounds),
    '200 agents': agentsJoin,
    '2000 idle': agentsIdle,
    rotation: agentsRotate,
  };
  const figures: Figure[] = [];
  for (const [name, run] of Object.entries(cases))
    if (only === undefined || only === name) figures.push(...(await run()));
  return figures;
}

/**
 * From nothing: ours from the start of the first process, the second one started with the token as soon as
 * it is known; the peer from `swarm init`, with both daemons running.
 */
async function twoNodes(rounds: number): Promise<readonly Figure[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(
      await onLan(async (lan, cleanup) => {
        const from = performance.now();
        const manager = await ourManager(cleanup, lan.host());
        await manager.joined(lan.host());
        return (performance.now() - from) / 1000;
      }),
    );
    peer.push(await onLan((lan, cleanup) => peerJoin(lan, cleanup, 'from nothing')));
  }
  return [{ ...joinFigure('two nodes', 'ready', 's', median(ours)), peer: median(peer) }];
}

/** One more: ours from the start of its process, on the loopback; the peer from `swarm join`. */
async function oneMore(rounds: number): Promise<readonly Figure[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(
      await onLan(async (_lan, cleanup) => {
        const manager = await ourManager(cleanup);
        await manager.ready(1);
        const from = performance.now();
        await manager.joined();
        return (performance.now() - from) / 1000;
      }),
    );
    peer.push(await onLan((lan, cleanup) => peerJoin(lan, cleanup, 'one more')));
  }
  return [{ ...joinFigure('join', 'ready', 's', median(ours)), peer: median(peer) }];
}

async function onLan<T>(work: (lan: Lan, cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    return await work(new Lan(cleanup), cleanup);
  } finally {
    await cleanup.run();
  }
}

async function ourManager(cleanup: Cleanup, host?: LanHost) {
  const stateDir = path.join(cleanup.folder(), 'state');
  const daemon = new Daemon(
    {
      stateDir,
      program,
      executor: 'process',
      ...(host === undefined ? {} : { host, remoteAddr: `${host.address}:4242` }),
    },
    cleanup,
  );
  daemon.spawn();
  const control = connectControl(daemon.socket);
  cleanup.add('control connection', () => control.close());
  const ready = (count: number): Promise<unknown> =>
    until(`${count} nodes are READY`, async () => (await readyNodes(control)) === count);
  return {
    ready,
    /** Another daemon joins; resolves when both are READY. */
    async joined(at?: LanHost): Promise<void> {
      const token = (await clusterOf(control)).rootCa?.joinTokens?.worker ?? '';
      const address = await remoteAddressOf(daemon);
      const worker = new Daemon(
        {
          stateDir: path.join(cleanup.folder(), 'state'),
          program,
          executor: 'process',
          ...(at === undefined ? {} : { host: at, remoteAddr: `${at.address}:4242` }),
          args: ['--join-addr', address, '--join-token', token],
        },
        cleanup,
      );
      worker.spawn();
      await ready(2);
    },
  };
}

async function peerJoin(
  lan: Lan,
  cleanup: Cleanup,
  begin: 'from nothing' | 'one more',
): Promise<number> {
  const [first, second] = [lan.host(), lan.host()];
  const [manager, worker] = await Promise.all([
    startDockerd(cleanup, 'first', { host: first }),
    startDockerd(cleanup, 'second', { host: second }),
  ]);
  const ready = (count: number): Promise<unknown> =>
    until(`${count} nodes are READY`, async () => {
      const nodes = (await manager.docker.listNodes()) as {
        readonly Status?: { readonly State?: string };
      }[];
      return nodes.filter(({ Status }) => Status?.State === 'ready').length === count;
    });
  let from = performance.now();
  await manager.docker.swarmInit({
    ListenAddr: `${first.address}:2377`,
    AdvertiseAddr: first.address,
    ForceNewCluster: false,
    Spec: {},
  });
  if (begin === 'one more') {
    await ready(1);
    from = performance.now();
  }
  const swarm = (await manager.docker.swarmInspect()) as {
    readonly JoinTokens: { readonly Worker: string };
  };
  await worker.docker.swarmJoin({
    ListenAddr: `${second.address}:2377`,
    AdvertiseAddr: second.address,
    RemoteAddrs: [`${first.address}:2377`],
    JoinToken: swarm.JoinTokens.Worker,
  });
  await ready(2);
  return (performance.now() - from) / 1000;
}
