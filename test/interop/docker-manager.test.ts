import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { Cleanup } from '../harness/cleanup.js';
import { Containers } from '../harness/containers.js';
import { Daemon } from '../harness/daemon.js';
import { type DockerPeer, dockerdMissing, startDockerd } from '../harness/dockerd.js';
import { Lan } from '../harness/lan.js';
import { startContainerd } from '../harness/single-node.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** Our node as a worker of a real Docker swarm: SwarmKit assigns, executor-containerd runs. */

interface DockerTask {
  readonly ID: string;
  readonly NodeID: string;
  readonly DesiredState: string;
  readonly Status: {
    readonly State: string;
    readonly Err?: string;
    readonly ContainerStatus?: { readonly ContainerID: string; readonly PID: number };
  };
}

const onOurs = { Constraints: ['node.hostname==ours'] };
const sleep = ['sleep', '100000'];

describe('our node as a worker of a Docker swarm', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let peer: DockerPeer;
  let worker: Daemon;
  let containers: Containers;
  let webId = '';

  before(async () => {
    const lan = new Lan(cleanup);
    const [theirs, ours] = [lan.host(), lan.host()];
    peer = await startDockerd(cleanup, 'manager', { host: theirs });
    await peer.docker.swarmInit({
      ListenAddr: '0.0.0.0:2377',
      AdvertiseAddr: theirs.address,
      ForceNewCluster: false,
      Spec: {},
    });
    const swarm = await peer.docker.swarmInspect();
    const containerd = await startContainerd(cleanup);
    containers = new Containers(containerd.address, cleanup);
    worker = new Daemon(
      {
        stateDir: path.join(cleanup.folder(), 'state'),
        executor: 'containerd',
        containerdAddr: containerd.address,
        host: ours,
        remoteAddr: '0.0.0.0:4242',
        args: [
          ...['--hostname', 'ours'],
          ...['--join-addr', `${theirs.address}:2377`],
          ...['--join-token', String(swarm.JoinTokens.Worker)],
        ],
      },
      cleanup,
    );
    worker.spawn();
  });
  after(() => cleanup.run());

  const node = async () => {
    const nodes = await peer.docker.listNodes();
    return nodes.find((one) => one.Description?.Hostname === 'ours');
  };
  const ready = (state: string) =>
    until(
      `our node is ${state}`,
      async () => {
        const found = await node();
        return found?.Status?.State === state && found;
      },
      60_000,
    );

  const tasksOf = async (service: string): Promise<readonly DockerTask[]> =>
    (await peer.docker.listTasks({ filters: { service: [service] } })) as DockerTask[];

  const running = (service: string, count: number) =>
    until(
      `${count} tasks of ${service} run`,
      async () => {
        const wanted = (await tasksOf(service)).filter((task) => task.DesiredState === 'running');
        const up = wanted.filter((task) => task.Status.State === 'running');
        return up.length === count && wanted.length === count && up;
      },
      60_000,
    );

  const processes = (tasks: readonly DockerTask[]) =>
    tasks.map(({ ID, Status }) => `${ID} ${Status.ContainerStatus?.PID}`).sort();

  const serviceOf = (name: string, args: readonly string[], more: object = {}) => ({
    Name: name,
    TaskTemplate: {
      ContainerSpec: {
        Image: BUSYBOX_REFERENCE,
        Args: [...args],
        StopGracePeriod: 1_000_000_000,
        StopSignal: 'SIGKILL',
        ...more,
      },
      Placement: onOurs,
    },
    Mode: { Replicated: { Replicas: 2 } },
  });

  const change = async (
    id: string,
    edit: (spec: ReturnType<typeof serviceOf>) => object,
  ): Promise<void> => {
    const service = peer.docker.getService(id);
    const { Spec, Version } = await service.inspect();
    await service.update({ ...edit(Spec), version: Version.Index });
  };

  it('joins with the token that Docker prints', async () => {
    const found = await ready('ready');
    assert.equal(found.Spec.Role, 'worker');
    assert.match(defined(found.Description.Engine).EngineVersion ?? '', /^containerd-/);
  });

  it('runs what SwarmKit assigns: create, scale, update', async () => {
    const created = await peer.docker.createService(serviceOf('web', sleep) as never);
    webId = created.id;
    const two = await running('web', 2);
    assert.equal((await containers.all()).size, 2);
    await change(webId, (spec) => ({ ...spec, Mode: { Replicated: { Replicas: 3 } } }));
    const three = await running('web', 3);
    for (const line of processes(two)) assert.ok(processes(three).includes(line), 'not touched');
    await change(webId, ({ TaskTemplate, ...rest }) => {
      const ContainerSpec = { ...TaskTemplate.ContainerSpec, Env: ['VERSION=2'] };
      return {
        ...rest,
        TaskTemplate: { ...TaskTemplate, ContainerSpec },
        UpdateConfig: { Parallelism: 0 },
      };
    });
    await until(
      'all are new',
      async () => {
        const now = await running('web', 3);
        return processes(now).every((line) => !processes(three).includes(line));
      },
      90_000,
    );
  });

  it('hands its output to docker service logs', async () => {
    const talk = await peer.docker.createService({
      ...serviceOf('talk', ['sh', '-c', 'echo hello from ours; exec sleep 100000']),
      Mode: { Replicated: { Replicas: 1 } },
    } as never);
    await running('talk', 1);
    const said = await until(
      'the line is there',
      async () => {
        const answer = (await peer.docker
          .getService(talk.id)
          .logs({ stdout: true, stderr: true, follow: false } as never)) as unknown as Buffer;
        return String(answer).includes('hello from ours') && String(answer);
      },
      60_000,
    );
    assert.match(said, /hello from ours\n/);
    await peer.docker.getService(talk.id).remove();
  });

  it('mounts the secrets and configs that Docker hands out', async () => {
    const secret = await peer.docker.createSecret({
      Name: 'password',
      Data: Buffer.from('tr0ub4dor').toString('base64'),
      Labels: {},
    });
    const File = { Name: 'password', UID: '0', GID: '0', Mode: 0o444 };
    const keeper = await peer.docker.createService({
      ...serviceOf('keeper', ['sh', '-c', 'cat /run/secrets/password; echo; exec sleep 100000'], {
        Secrets: [{ File, SecretID: secret.id, SecretName: 'password' }],
      }),
      Mode: { Replicated: { Replicas: 1 } },
    } as never);
    await running('keeper', 1);
    await until(
      'it was read',
      async () => {
        const answer = (await peer.docker
          .getService(keeper.id)
          .logs({ stdout: true, stderr: true, follow: false } as never)) as unknown as Buffer;
        return String(answer).includes('tr0ub4dor');
      },
      60_000,
    );
    await peer.docker.getService(keeper.id).remove();
  });

  it('adopts its containers after a crash, and Docker notices nothing', async () => {
    const before = processes(await running('web', 3));
    await worker.kill();
    worker.spawn();
    await until(
      'a new session',
      () => worker.said().filter((line) => line === 'in session with a manager').length >= 2,
      60_000,
    );
    assert.deepEqual(processes(await running('web', 3)), before);
  });

  it('keeps its tasks while the manager is away, and is found again', async () => {
    const before = processes(await running('web', 3));
    await peer.stop();
    await peer.start();
    await ready('ready');
    assert.deepEqual(processes(await running('web', 3)), before);
  });

  it('is renewed under a new root without a restart of a task', async () => {
    const before = processes(await running('web', 3));
    const swarm = await peer.docker.swarmInspect();
    const { Spec, Version, TLSInfo } = swarm;
    await peer.docker.swarmUpdate({
      version: Version.Index,
      rotateWorkerToken: false,
      ...Spec,
      CAConfig: { ...Spec.CAConfig, ForceRotate: (Spec.CAConfig.ForceRotate ?? 0) + 1 },
    } as never);
    await until(
      'the rotation is done',
      async () => {
        const now = await peer.docker.swarmInspect();
        return now.RootRotationInProgress === false && now.TLSInfo.TrustRoot !== TLSInfo.TrustRoot;
      },
      90_000,
    );
    assert.deepEqual(processes(await running('web', 3)), before);
  });

  it('gives its tasks up when drained', async () => {
    const ours = defined(await node());
    await peer.docker
      .getNode(ours.ID)
      .update({ ...ours.Spec, Availability: 'drain', version: ours.Version.Index } as never);
    await until('nothing runs', async () => (await containers.running()).size === 0, 60_000);
  });

  it('removes the service', async () => {
    await peer.docker.getService(webId).remove();
    await until(
      'no task is left',
      async () => (await tasksOf('web').catch(() => [])).length === 0,
      60_000,
    );
  });
});
