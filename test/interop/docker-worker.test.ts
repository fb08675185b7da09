import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Daemon } from '../harness/daemon.js';
import { type DockerPeer, dockerdMissing, loadImage, startDockerd } from '../harness/dockerd.js';
import { Lan } from '../harness/lan.js';
import { connectSwarm } from '../harness/single-node.js';
import { serviceSpec } from '../harness/specs.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** A real Docker engine as a worker of our manager, each on a host of its own. */

describe('dockerd as our worker', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let swarm: Swarm;
  let peer: DockerPeer;
  let managerAddress: string;

  before(async () => {
    const lan = new Lan(cleanup);
    const [ours, theirs] = [lan.host(), lan.host()];
    managerAddress = `${ours.address}:4242`;
    const manager = new Daemon(
      {
        stateDir: path.join(cleanup.folder(), 'state'),
        executor: 'process',
        host: ours,
        remoteAddr: '0.0.0.0:4242',
      },
      cleanup,
    );
    await manager.start();
    swarm = connectSwarm(manager, cleanup);
    await swarm.ready();
    peer = await startDockerd(cleanup, 'worker', { host: theirs, args: ['--label=kind=docker'] });
    await loadImage(peer, buildBusyboxArchive());
  });
  after(() => cleanup.run());

  it('joins by token and becomes READY', async () => {
    const cluster = await swarm.cluster();
    await peer.docker.swarmJoin({
      RemoteAddrs: [managerAddress],
      JoinToken: defined(cluster.rootCa?.joinTokens).worker,
      ListenAddr: '0.0.0.0:2377',
    });
    const node = await until(
      'two nodes are READY',
      async () => {
        const nodes = await swarm.nodes();
        const ready = nodes.filter(({ status }) => status?.state === NodeStatus_State.READY);
        return (
          ready.length === 2 && ready.find(({ description }) => description?.hostname === 'worker')
        );
      },
      60_000,
    );
    assert.equal(node.description?.engine?.labels.kind, 'docker');
  });

  it('runs a service of ours', async () => {
    const service = await swarm.create(
      serviceSpec({
        name: 'web',
        replicas: 2,
        task: { placement: { constraints: ['engine.labels.kind==docker'] } },
      }),
    );
    await swarm.running(service.id, 2);
    const containers = await peer.docker.listContainers();
    assert.equal(containers.length, 2);
  });
});
