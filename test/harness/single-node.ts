import path from 'node:path';
import { ContainerdFixture } from '@swarmkit/sdk/testkit/containerd-fixture';
import type { Cleanup } from './cleanup.js';
import { Containers } from './containers.js';
import { Daemon } from './daemon.js';
import { importBusybox } from './images.js';
import { Swarm } from './swarm.js';

/** A cluster of one node with a containerd of its own, ready to take services of the busybox image. */
export interface SingleNode {
  readonly containerd: ContainerdFixture;
  readonly containers: Containers;
  readonly daemon: Daemon;
  readonly swarm: Swarm;
}

export async function startSingleNode(cleanup: Cleanup): Promise<SingleNode> {
  const containerd = await startContainerd(cleanup);
  const containers = new Containers(containerd.address, cleanup);
  const stateDir = path.join(cleanup.folder(), 'state');
  const daemon = new Daemon(
    { stateDir, executor: 'containerd', containerdAddr: containerd.address },
    cleanup,
  );
  await daemon.start();
  const swarm = connectSwarm(daemon, cleanup);
  await swarm.ready();
  return { containerd, containers, daemon, swarm };
}

/** With the busybox image in it. */
export async function startContainerd(cleanup: Cleanup): Promise<ContainerdFixture> {
  const containerd = await ContainerdFixture.start();
  cleanup.add('containerd', () => containerd.stop());
  await importBusybox(containerd.address);
  return containerd;
}

export function connectSwarm(daemon: Daemon, cleanup: Cleanup): Swarm {
  const swarm = new Swarm(daemon.socket);
  cleanup.add('control connection', () => swarm.close());
  return swarm;
}
