import path from 'node:path';
import { type ControlClient, connectControl } from '@swarmkit/sdk/client/control';
import { CreateServiceRequest, ListTasksRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { bundledSwarmdPath as program, Daemon } from '../harness/daemon.js';
import { cpuSeconds, residentBytes } from '../harness/process-cost.js';
import { until } from '../harness/until.js';
import { Herd } from './herd-process.js';
import { clusterOf, joinFigure, readyNodes } from './join-cluster.js';
import type { Figure } from './report.js';

/** The cases of `join` with many agents on one manager: real protocol clients, one certificate each. */

/** All at once, by token. */
export async function agentsJoin(): Promise<readonly Figure[]> {
  const count = 200;
  return withManager(async ({ herd, daemon, begin, allReady }) => {
    await watched(daemon);
    const from = performance.now();
    begin(count);
    await until(`${count} agents are in session`, () => herd.sum.ready === count, 120_000);
    const took = (performance.now() - from) / 1000;
    const { p99Ms } = (await watched(daemon)).eventLoop;
    await allReady(count);
    const { rejected, errors } = herd.sum;
    if (rejected > 0) console.error('refused:', errors);
    return [
      joinFigure('200 agents', 'all ready', 's', took),
      joinFigure('200 agents', 'rejected', '', rejected),
      joinFigure('200 agents', 'event loop p99', 'ms', p99Ms),
    ];
  });
}

/** What agents cost that only send heartbeats. */
export async function agentsIdle(): Promise<readonly Figure[]> {
  const count = 2000;
  const spanMs = Number(process.env.BENCH_IDLE_MS ?? 60_000);
  return withManager(async ({ herd, daemon, begin, allReady }) => {
    for (let joined = 200; joined <= count; joined += 200) {
      begin(200);
      await until(`${joined} agents are in session`, () => herd.sum.ready === joined, 120_000);
    }
    await allReady(count);
    // What the joins left behind is not what idling costs.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const cpu = cpuSeconds(daemon.pid);
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, spanMs));
    const share = (cpuSeconds(daemon.pid) - cpu) / ((performance.now() - from) / 1000);
    const { lost, errors } = herd.sum;
    if (lost > 0) console.error('lost:', lost, errors);
    return [
      joinFigure('2000 idle', 'cpu', '%', 100 * share),
      joinFigure('2000 idle', 'rss', 'bytes', residentBytes(daemon.pid)),
    ];
  });
}

/** 200 renewals at once, then another root, under agents that each run a task. */
export async function agentsRotate(): Promise<readonly Figure[]> {
  const count = 200;
  return withManager(async ({ herd, control, begin, cluster, rotateRoot }) => {
    begin(count);
    await until(`${count} agents are in session`, () => herd.sum.ready === count, 120_000);
    await control.createService(CreateServiceRequest.create({ spec: everywhere }));
    const running = async () =>
      (await control.listTasks(ListTasksRequest.create())).tasks.filter(
        ({ status }) => status?.state === TaskState.RUNNING,
      );
    await until('a task runs on each', async () => (await running()).length === count, 60_000);
    const before = new Set((await running()).map(({ id }) => id));
    const renewedFrom = performance.now();
    herd.renew();
    await until('all have renewed', () => herd.sum.renewed >= count, 60_000);
    const renewed = performance.now();
    await rotateRoot();
    await until(
      'the root is rotated',
      async () => (await cluster()).rootCa?.rootRotation === undefined,
      120_000,
    );
    const rotated = performance.now();
    await until('all are in session', () => herd.sum.ready === count, 30_000);
    const after = await running();
    const kept = after.filter(({ id }) => before.has(id)).length;
    const { lost, errors } = herd.sum;
    if (lost > 0) console.error('lost:', lost, errors);
    return [
      joinFigure('rotation', 'renewals', 's', (renewed - renewedFrom) / 1000),
      joinFigure('rotation', 'root', 's', (rotated - renewed) / 1000),
      joinFigure('rotation', "sessions lost beyond the rotation's own", '', lost),
      joinFigure('rotation', 'tasks restarted', '', count - kept),
    ];
  });
}

const everywhere = ServiceSpec.fromPartial({
  annotations: { name: 'everywhere' },
  mode: { $case: 'global', value: {} },
  task: {
    runtime: { $case: 'container', value: { image: 'light' } },
    placement: { constraints: ['node.role==worker'] },
  },
});

interface Scene {
  readonly daemon: Daemon;
  readonly control: ControlClient;
  readonly herd: Herd;
  /** So many more agents begin to join. */
  begin(count: number): void;
  cluster(): Promise<Cluster>;
  rotateRoot(): Promise<void>;
  allReady(count: number): Promise<unknown>;
}

async function withManager<T>(work: (scene: Scene) => Promise<T>): Promise<T> {
  const cleanup = new Cleanup();
  try {
    const stateDir = path.join(cleanup.folder(), 'state');
    const daemon = new Daemon({ stateDir, program, executor: 'process' }, cleanup);
    await daemon.start();
    const control = connectControl(daemon.socket);
    cleanup.add('control connection', () => control.close());
    const cluster = (): Promise<Cluster> => clusterOf(control);
    const token = (await cluster()).rootCa?.joinTokens?.worker ?? '';
    const address = await until(
      'it listens',
      () => /"exposure":"remote","address":"([^"]+)"/.exec(daemon.output)?.[1],
    );
    await until('the manager is READY', async () => (await readyNodes(control)) === 1);
    const herd = new Herd(2, cleanup);
    let groups = 0;
    return await work({
      daemon,
      control,
      herd,
      begin: (count) => herd.join(count, address, token, `light-${groups++}`),
      cluster,
      rotateRoot: async () => {
        const { id, meta, spec } = await cluster();
        await control.updateCluster({
          clusterId: id,
          clusterVersion: meta?.version,
          spec: spec && {
            ...spec,
            caConfig: {
              nodeCertExpiry: undefined,
              externalCas: [],
              signingCaCert: Buffer.alloc(0),
              signingCaKey: Buffer.alloc(0),
              ...spec.caConfig,
              forceRotate: (spec.caConfig?.forceRotate ?? 0n) + 1n,
            },
          },
          rotation: undefined,
        } as never);
      },
      allReady: (count) =>
        until('all are READY', async () => (await readyNodes(control)) === count + 1, 60_000),
    });
  } finally {
    await cleanup.run();
  }
}

interface Figures {
  readonly eventLoop: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  readonly rss: number;
}

/** The manager's own figures since the last time; the first time it only begins to look. */
async function watched(daemon: Daemon): Promise<Figures> {
  const from = daemon.output.length;
  process.kill(daemon.pid, 'SIGUSR2');
  return until('it says how it is', () => {
    for (const line of daemon.output.slice(from).split('\n').slice(0, -1)) {
      if (line.includes('the event loop is watched'))
        return { eventLoop: { p50Ms: 0, p99Ms: 0, maxMs: 0 }, rss: 0 };
      if (line.includes('figures of this process')) {
        const figures = JSON.parse(line) as Figures;
        console.error('manager:', JSON.stringify(figures.eventLoop), 'rss', figures.rss);
        return figures;
      }
    }
    return undefined;
  });
}
