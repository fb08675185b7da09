/**
 * `1000 tasks`: a rolling update of 1,000 tasks on 100 agents that answer at once, 50 at a time. Metrics:
 * `commits per batch`, all commits from the request until the last new task runs over the 20 batches;
 * `turn` and `turn, tenth update`, the median synchronous part of a turn in the first and in the tenth update in a
 * row, when each slot has a full history. `50 containers`: from the request until 50 containers of the
 * new spec run, 10 at a time, without delay; the peer is dockerd in the same run.
 */
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { until } from '../harness/until.js';
import { type Figure, median, ROUNDS } from './report.js';
import { type SmallManager, startManager, user } from './small-manager.js';
import { startOurs, startPeer, type Swarm } from './swarms.js';

const TASKS = 1000;
const AGENTS = 100;
const PARALLELISM = 50;
const UPDATES = 10;
const REPLICAS = 50;
const MANY = `${TASKS} tasks`;
const REAL = `${REPLICAS} containers`;

export async function benchUpdate(rounds = ROUNDS, only?: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (only === undefined || only === MANY) figures.push(...(await manyTasks()));
  if (only === undefined || only === REAL) figures.push(await containers(rounds));
  return figures;
}

async function manyTasks(): Promise<readonly Figure[]> {
  const cleanup = new Cleanup();
  try {
    const manager = await startManager(cleanup, AGENTS);
    await manager.store.update(user, (draft) => draft.create('service', rolling()));
    await runsAll(manager);
    const updates: Measured[] = [];
    for (let i = 0; i < UPDATES; i++) updates.push(await updateOnce(manager));
    const figure = (metric: string, unit: string, ours: number): Figure => ({
      bench: 'update',
      case: MANY,
      metric,
      unit,
      ours,
    });
    const batches = TASKS / PARALLELISM;
    return [
      figure(
        'commits per batch',
        'commits',
        median(updates.map(({ commits }) => commits / batches)),
      ),
      figure('turn', 'ms', updates[0]?.turnMs ?? 0),
      figure('turn, tenth update', 'ms', updates.at(-1)?.turnMs ?? 0),
    ];
  } finally {
    await cleanup.run();
  }
}

interface Measured {
  readonly commits: number;
  readonly turnMs: number;
}

const rolling = (): Service =>
  aService({
    id: 'rolling',
    specVersion: { index: 1n },
    spec: {
      mode: { $case: 'replicated', value: { replicas: BigInt(TASKS) } },
      update: { parallelism: BigInt(PARALLELISM), monitor: durationFromMs(100) },
    },
  });

/** As the control API does it. */
async function updateOnce(manager: SmallManager): Promise<Measured> {
  const { store, turnsMs } = manager;
  let commits = 0;
  const counting = store.commits$.subscribe(() => commits++);
  const turnsBefore = turnsMs.length;
  await store.update(user, (draft) => {
    const service = draft.get('service', 'rolling') as Service;
    const { spec } = service;
    const task = { ...spec?.task, forceUpdate: (spec?.task?.forceUpdate ?? 0n) + 1n };
    draft.update('service', {
      ...service,
      spec: { ...spec, task } as Service['spec'],
      specVersion: service.meta?.version,
      previousSpec: spec,
      previousSpecVersion: service.specVersion,
      updateStatus: undefined,
    });
  });
  await runsAll(manager);
  counting.unsubscribe();
  return { commits, turnMs: median(turnsMs.slice(turnsBefore)) };
}

function runsAll({ store }: SmallManager): Promise<unknown> {
  const isNew = (task: Task): boolean =>
    task.specVersion?.index === store.view().get('service', 'rolling')?.specVersion?.index;
  return until(
    `${TASKS} tasks of the present spec run`,
    () =>
      store.view().find('task', { by: 'taskState', state: TaskState.RUNNING }).filter(isNew)
        .length === TASKS,
    120_000,
  );
}

async function containers(rounds: number): Promise<Figure> {
  const cleanup = new Cleanup();
  try {
    const ours = await started(await startOurs(cleanup));
    const peer = await started(await startPeer(cleanup));
    const times = { ours: [] as number[], peer: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await ours());
      times.peer.push(await peer());
    }
    return {
      bench: 'update',
      case: REAL,
      metric: 'update',
      unit: 's',
      ours: median(times.ours),
      peer: median(times.peer),
    };
  } finally {
    await cleanup.run();
  }
}

/** With the service running; answers what updates it once and takes the time. */
async function started(swarm: Swarm): Promise<() => Promise<number>> {
  const id = await swarm.create('rolling', REPLICAS, 10);
  await until('all run', async () => (await swarm.running(id)) === REPLICAS, 120_000);
  return async () => {
    const from = performance.now();
    const isUpdated = await swarm.update(id);
    await until('all are updated', async () => (await isUpdated()) === REPLICAS, 120_000);
    return (performance.now() - from) / 1000;
  };
}
