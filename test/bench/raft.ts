/**
 * The replicated log as its users see it: configs of 512 bytes created through the Control API, on the
 * control socket, each acknowledged after fsync. `1 manager` against dockerd as the only manager of a swarm,
 * `3 managers` against etcd with three members, all started here, one loaded at a time, in turns.
 * `failover`: kill -9 of the leader until a write is acknowledged by any survivor, against etcd; `swarmkit-timing`
 * the same with SwarmKit's ticks, against dockerd. `restart`: of a manager with 100,000 objects, from the start of
 * the process until the Control API answers with one of them.
 */
import { connectControl } from '@swarmkit/sdk/client/control';
import { GetConfigRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Cleanup } from '../harness/cleanup.js';
import { ManagerGroup, type ManagerProcess } from '../harness/manager-group.js';
import { residentBytes } from '../harness/process-cost.js';
import { until } from '../harness/until.js';
import { fill } from './full-folder.js';
import { LightConnection } from './light-rpc.js';
import { complete, swarmkitFailovers, writing } from './raft-failover.js';
import { latencies, untilWritten, type Write, writesASecond } from './raft-load.js';
import { EtcdGroup, startDockerManager } from './raft-peers.js';
import { type Figure, median } from './report.js';

const CALLERS = 64;
const WINDOWS = 3;
const WINDOW_MS = 4_000;
const SINGLE_WRITES = 500;
const OBJECTS = 100_000;
/** Leaders killed, when nothing is said. */
const FAILOVERS = 20;
/** Each takes ten seconds and more. */
const SLOW_FAILOVERS = 5;

export async function benchRaft(rounds?: number, only?: string): Promise<readonly Figure[]> {
  const cases: Readonly<Record<string, (cleanup: Cleanup) => Promise<readonly Figure[]>>> = {
    '1 manager': oneManager,
    '3 managers': threeManagers,
    failover: (cleanup) => failover(cleanup, rounds ?? FAILOVERS),
    'swarmkit-timing': (cleanup) => slowFailover(cleanup, rounds ?? SLOW_FAILOVERS),
    restart,
  };
  const figures: Figure[] = [];
  for (const [name, run] of Object.entries(cases)) {
    if (only !== undefined && only !== name) continue;
    const cleanup = new Cleanup();
    try {
      figures.push(...(await run(cleanup)));
    } finally {
      await cleanup.run();
    }
  }
  return figures;
}

const figureOf =
  (name: string) =>
  (metric: string, unit: string, ours: number, peer?: number): Figure => ({
    bench: 'raft',
    case: name,
    metric,
    unit,
    ours,
    ...(peer === undefined ? {} : { peer }),
  });

async function oneManager(cleanup: Cleanup): Promise<readonly Figure[]> {
  const peer = await startDockerManager(cleanup, CALLERS);
  const group = await ManagerGroup.start(1, cleanup);
  return sideBySide('1 manager', writerOf(cleanup, await group.leader()), peer);
}

async function threeManagers(cleanup: Cleanup): Promise<readonly Figure[]> {
  const etcd = await EtcdGroup.start(cleanup, 3);
  const group = await ManagerGroup.start(3, cleanup);
  const peer = (await etcd.leader()).write;
  return sideBySide('3 managers', writerOf(cleanup, await group.leader()), peer);
}

/** One rests while the other is asked. */
async function sideBySide(name: string, ours: Write, peer: Write): Promise<readonly Figure[]> {
  const rates = { ours: [] as number[], peer: [] as number[] };
  const times = { ours: [] as number[], peer: [] as number[] };
  // Compilers and caches.
  for (const write of [ours, peer]) await writesASecond(write, CALLERS, WINDOW_MS / 2);
  for (let window = 0; window < WINDOWS; window++) {
    rates.ours.push(await writesASecond(ours, CALLERS, WINDOW_MS));
    rates.peer.push(await writesASecond(peer, CALLERS, WINDOW_MS));
    times.ours.push(...(await latencies(ours, SINGLE_WRITES)));
    times.peer.push(...(await latencies(peer, SINGLE_WRITES)));
  }
  const figure = figureOf(name);
  return [
    figure('writes', '1/s', median(rates.ours), median(rates.peer)),
    figure('latency p50', 's', quantile(times.ours, 0.5), quantile(times.peer, 0.5)),
    figure('latency p99', 's', quantile(times.ours, 0.99), quantile(times.peer, 0.99)),
  ];
}

async function failover(cleanup: Cleanup, rounds: number): Promise<readonly Figure[]> {
  const ours = await failovers(await ManagerGroup.start(3, cleanup), rounds);
  const peer: number[] = [];
  const etcd = await EtcdGroup.start(cleanup, 3);
  for (let round = 0; round < rounds; round++) {
    const leader = await etcd.leader();
    await leader.kill();
    peer.push(await untilWritten(etcd.others(leader).map(({ write }) => write)));
    leader.spawn();
    await etcd.complete();
  }
  const figure = figureOf('3 managers');
  return [
    figure('failover p50', 's', median(ours), median(peer)),
    figure('failover max', 's', Math.max(...ours), Math.max(...peer)),
  ];
}

async function slowFailover(cleanup: Cleanup, rounds: number): Promise<readonly Figure[]> {
  const { ours, mixed, engines } = await swarmkitFailovers(cleanup, rounds);
  const figures = (metric: string, times: readonly number[]): readonly Figure[] => [
    figureOf('3 managers')(`${metric} p50`, 's', median(times), median(engines)),
    figureOf('3 managers')(`${metric} max`, 's', Math.max(...times), Math.max(...engines)),
  ];
  return [
    ...figures('failover swarmkit-timing', ours),
    ...figures('failover with an engine', mixed),
  ];
}

async function failovers(group: ManagerGroup, rounds: number): Promise<readonly number[]> {
  const times: number[] = [];
  // With two voters of which one dies there is no majority.
  await until('all managers vote', () => {
    const said = group.managers.flatMap(({ daemon }) => daemon.said());
    return said.filter((line) => line.startsWith('a manager has caught up')).length >= 2;
  });
  for (let round = 0; round < rounds; round++) {
    // One that has only just begun does not see that the leader dies.
    await complete(group.managers);
    const leader = await group.leader();
    const links = group.managers
      .filter((manager) => manager !== leader)
      .map(({ daemon }) => new LightConnection(`unix:${daemon.socket}`));
    await leader.daemon.kill();
    times.push(await untilWritten(links.map(writing)));
    for (const link of links) link.close();
    await leader.daemon.start();
  }
  return times;
}

async function restart(cleanup: Cleanup): Promise<readonly Figure[]> {
  const group = await ManagerGroup.start(1, cleanup);
  const { daemon } = await group.leader();
  await daemon.stop();
  const configId = await fill(daemon.stateDir, OBJECTS);
  const control = connectControl(daemon.socket);
  cleanup.add('control connection', () => control.close());
  const from = performance.now();
  daemon.spawn();
  await until('the manager serves again', () =>
    control.getConfig(GetConfigRequest.create({ configId }), { timeoutMs: 30_000 }),
  );
  const seconds = (performance.now() - from) / 1000;
  const figure = figureOf('1 manager');
  return [
    figure('restart', 's', seconds),
    figure('restart rss', 'bytes', residentBytes(daemon.pid)),
  ];
}

function writerOf(cleanup: Cleanup, { daemon }: ManagerProcess): Write {
  const link = new LightConnection(`unix:${daemon.socket}`);
  cleanup.add('control connection', () => link.close());
  return writing(link);
}

/** The smallest that so many are at or below. */
const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0;
