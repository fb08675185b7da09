import { Cleanup } from '../harness/cleanup.js';
import { until } from '../harness/until.js';
import { type Figure, median, ROUNDS } from './report.js';
import { startOurs, startPeer, type Swarm } from './swarms.js';

/**
 * `create`: from the request until every replica is RUNNING. `remove`: from the request until no task
 * and no container is left. Containers ignore SIGTERM, the stop grace is 1 s. The peer is dockerd in
 * swarm mode with the same image, asked in the same rhythm, in turn with ours.
 */
export async function benchRollout(rounds = ROUNDS): Promise<readonly Figure[]> {
  const cleanup = new Cleanup();
  try {
    const ours = await startOurs(cleanup);
    const peer = await startPeer(cleanup);
    const figures: Figure[] = [];
    for (const replicas of [1, 10, 50]) {
      const times = { ours: [] as Times[], peer: [] as Times[] };
      for (let round = 0; round < rounds; round++) {
        times.ours.push(await measure(ours, replicas));
        times.peer.push(await measure(peer, replicas));
      }
      for (const metric of ['create', 'remove'] as const)
        figures.push({
          bench: 'rollout',
          case: String(replicas),
          metric,
          unit: 's',
          ours: median(times.ours.map((one) => one[metric])),
          peer: median(times.peer.map((one) => one[metric])),
        });
    }
    return figures;
  } finally {
    await cleanup.run();
  }
}

interface Times {
  readonly create: number;
  readonly remove: number;
}

let made = 0;

async function measure(swarm: Swarm, replicas: number): Promise<Times> {
  const created = performance.now();
  const id = await swarm.create(`bench-${++made}`, replicas);
  await until(
    `${replicas} replicas run`,
    async () => (await swarm.running(id)) === replicas,
    120_000,
  );
  const removed = performance.now();
  await swarm.remove(id);
  await until('everything is gone', async () => (await swarm.left(id)) === 0, 120_000);
  const gone = performance.now();
  return { create: (removed - created) / 1000, remove: (gone - removed) / 1000 };
}
