// A manager of ours on a host of its own, and Docker engines that join it as workers. Engines are labelled
// `kind=docker`, so that a constraint can send tasks there.
import path from 'node:path';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import type { Cleanup } from './cleanup.js';
import { configFile } from './config-file.js';
import { Daemon } from './daemon.js';
import { type DockerPeer, loadImage, startDockerd } from './dockerd.js';
import type { LanHost } from './lan.js';
import { connectSwarm } from './single-node.js';
import { defined, type Swarm } from './swarm.js';

/** Where engines reach the manager on `host`. */
const remote = (host: LanHost): string => `${host.address}:4242`;

export async function startManager(
  cleanup: Cleanup,
  host: LanHost,
): Promise<{ readonly manager: Daemon; readonly swarm: Swarm }> {
  const manager = new Daemon(
    {
      stateDir: path.join(cleanup.folder(), 'state'),
      executor: 'process',
      host,
      remoteAddr: '0.0.0.0:4242',
      args: ['--config', configFile(cleanup, { raft: { advertiseAddress: remote(host) } })],
    },
    cleanup,
  );
  await manager.start();
  const swarm = connectSwarm(manager, cleanup);
  await swarm.ready();
  return { manager, swarm };
}

/** An engine on `host`, with busybox, in the swarm of the manager on `managerHost`. */
export async function joinEngine(
  cleanup: Cleanup,
  name: string,
  host: LanHost,
  { swarm, managerHost }: { readonly swarm: Swarm; readonly managerHost: LanHost },
): Promise<DockerPeer> {
  const peer = await startDockerd(cleanup, name, { host, args: ['--label=kind=docker'] });
  await loadImage(peer, buildBusyboxArchive());
  await peer.docker.swarmJoin({
    RemoteAddrs: [remote(managerHost)],
    JoinToken: defined((await swarm.cluster()).rootCa?.joinTokens).worker,
    ListenAddr: '0.0.0.0:2377',
    AdvertiseAddr: host.address,
  });
  return peer;
}
