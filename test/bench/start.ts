import path from 'node:path';
import { connectControl } from '@swarmkit/sdk/client/control';
import { ListClustersRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { ContainerdFixture } from '@swarmkit/sdk/testkit/containerd-fixture';
import { Cleanup } from '../harness/cleanup.js';
import { bundledSwarmdPath as program, Daemon } from '../harness/daemon.js';
import { residentBytes } from '../harness/process-cost.js';
import { until } from '../harness/until.js';
import { type Figure, median, ROUNDS } from './report.js';

/**
 * `ready`: from the start of the process until the Control API answers with the cluster, on an empty
 * state folder and on one that was used before. `rss`: the idle manager and agent.
 */
export async function benchStart(rounds = ROUNDS): Promise<readonly Figure[]> {
  const fresh: number[] = [];
  const again: number[] = [];
  const rss: number[] = [];
  const cleanup = new Cleanup();
  try {
    const containerd = await ContainerdFixture.start();
    cleanup.add('containerd', () => containerd.stop());
    for (let round = 0; round < rounds; round++) {
      const stateDir = path.join(cleanup.folder(), 'state');
      const daemon = new Daemon(
        { stateDir, executor: 'containerd', containerdAddr: containerd.address, program },
        cleanup,
      );
      fresh.push(await timeToReady(daemon));
      await until('the node is READY', () => daemon.output.includes('READY') || idle(), 5_000);
      rss.push(residentBytes(daemon.pid));
      await daemon.stop();
      again.push(await timeToReady(daemon));
      await daemon.stop();
    }
  } finally {
    await cleanup.run();
  }
  const figure = (
    name: string,
    metric: string,
    unit: string,
    values: readonly number[],
  ): Figure => ({
    bench: 'start',
    case: name,
    metric,
    unit,
    ours: median(values),
  });
  return [
    figure('first start', 'ready', 's', fresh),
    figure('restart', 'ready', 's', again),
    figure('idle', 'rss', 'bytes', rss),
  ];
}

/** Idle means that start-up garbage has had its time; three seconds are several heartbeats of V8. */
const idleSince = { at: 0 };
function idle(): boolean {
  if (idleSince.at === 0) idleSince.at = performance.now();
  if (performance.now() - idleSince.at < 3_000) return false;
  idleSince.at = 0;
  return true;
}

async function timeToReady(daemon: Daemon): Promise<number> {
  const from = performance.now();
  daemon.spawn();
  const control = connectControl(daemon.socket);
  try {
    await until('the Control API answers', async () => {
      const { clusters } = await control.listClusters(ListClustersRequest.create(), {
        timeoutMs: 1_000,
      });
      return clusters.length > 0;
    });
    return (performance.now() - from) / 1000;
  } finally {
    control.close();
  }
}
