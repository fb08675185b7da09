import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { isTerminal } from '@swarmkit/sdk/model/task';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { CreateNetworkRequest, GetNetworkRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Network, Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { type DockerPeer, dockerdMissing } from '../harness/dockerd.js';
import { joinEngine, startManager } from '../harness/engine-workers.js';
import { Lan } from '../harness/lan.js';
import { serviceSpec } from '../harness/specs.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * `docker run --network NAME` on a Docker engine that is a worker of our manager: the container is put on an
 * overlay network of the cluster, with the address that our allocator gave it, and gives it back.
 */

const { READY } = NodeStatus_State;
const onDocker = { constraints: ['engine.labels.kind==docker'] };

const missing = (): string | false =>
  dockerdMissing() ??
  (spawnSync('docker', ['--version']).status === 0 ? false : 'docker is not installed');

describe('docker run on a network of the cluster', { skip: missing() }, () => {
  const cleanup = new Cleanup();
  let swarm: Swarm;
  let peer: DockerPeer;
  let node: Node;
  let front: Network;
  let page: string;

  before(async () => {
    const lan = new Lan(cleanup);
    const ours = lan.host();
    ({ swarm } = await startManager(cleanup, ours));
    peer = await joinEngine(cleanup, 'worker', lan.host(), { swarm, managerHost: ours });
    node = await swarm.node('worker', READY);
    front = await network('front', true);
    const web = await swarm.create(
      serviceSpec({
        name: 'web',
        container: {
          command: [
            'sh',
            '-c',
            'echo hello > /tmp/index.html; exec busybox httpd -f -p 80 -h /tmp',
          ],
          args: [],
        },
        task: { networks: [{ target: front.id }], placement: onDocker },
      }),
    );
    const [task] = await swarm.running(web.id, 1, 120_000);
    page = `http://${addressOf(defined(task))}/`;
  });
  after(() => cleanup.run());

  /** Overlay, with its subnet. */
  const network = async (name: string, attachable: boolean): Promise<Network> => {
    const made = await swarm.control.createNetwork(
      CreateNetworkRequest.fromPartial({
        spec: { annotations: { name }, driverConfig: { name: 'overlay' }, attachable },
      }),
    );
    const networkId = defined(made.network).id;
    return until('the network has its subnet', async () => {
      const asked = await swarm.control.getNetwork(GetNetworkRequest.create({ networkId }));
      return asked.network?.driverState === undefined ? undefined : asked.network;
    });
  };

  const docker = async (...words: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      'docker',
      ['-H', `unix://${peer.socket}`, ...words],
      {
        timeout: 60_000,
      },
    );
    return stdout.trim();
  };
  const run = (name: string, network: string, ...more: string[]): Promise<string> =>
    docker(
      'run',
      '-d',
      '--name',
      name,
      '--network',
      network,
      ...more,
      BUSYBOX_REFERENCE,
      'sleep',
      '100000',
    );
  const addressInside = (name: string): Promise<string> =>
    docker('inspect', '-f', '{{.NetworkSettings.Networks.front.IPAddress}}', name);

  const addressOf = ({ networks }: Task): string =>
    defined(networks.find(({ network }) => network?.id === front.id)?.addresses[0]).replace(
      /\/.*/,
      '',
    );
  const attachments = async (): Promise<readonly Task[]> =>
    (await swarm.tasks()).filter(({ spec }) => spec?.runtime?.$case === 'attachment');
  const ids = new Map<string, string>();
  const isOf =
    (name: string) =>
    ({ spec }: Task): boolean =>
      spec?.runtime?.$case === 'attachment' && spec.runtime.value.containerId === ids.get(name);
  /** Everybody's on the network, as the store has them. */
  const held = async (): Promise<readonly string[]> =>
    (await swarm.tasks())
      .filter((task) => !isTerminal(task) && task.networks.length > 0)
      .map(addressOf)
      .sort();

  it('starts, and has the address that the manager gave it', async () => {
    const id = await run('by-hand', 'front');
    ids.set('by-hand', id);
    const [task] = await attachments();
    assert.deepEqual(task?.spec?.runtime, { $case: 'attachment', value: { containerId: id } });
    assert.equal(task?.nodeId, node.id);
    assert.equal(await addressInside('by-hand'), addressOf(defined(task)));
    await until('the engine says that it runs', async () => {
      const [now] = await attachments();
      return now?.status?.state === TaskState.RUNNING;
    });
  });

  it('reaches a task of a service on the same network', async () => {
    assert.equal(await docker('exec', 'by-hand', 'busybox', 'wget', '-q', '-O-', page), 'hello');
  });

  it('holds the network: it cannot be removed', async () => {
    const [task] = await attachments();
    for (const { id } of await swarm.services()) await swarm.remove(id);
    await until('only the container is left', async () => (await swarm.tasks()).length === 1);
    await assert.rejects(
      swarm.control.removeNetwork({ name: '', networkId: front.id }),
      new RegExp(`network ${front.id} is in use by task ${task?.id}`),
    );
  });

  it('is given the address that it asks for', async () => {
    const [first] = await attachments();
    const wanted = addressOf(defined(first)).replace(/\d+$/, '77');
    await run('wishes', front.id, '--ip', wanted);
    assert.equal(await addressInside('wishes'), wanted);
    assert.ok((await held()).includes(wanted));
  });

  it('is attached anew when its engine was stopped and started, and nothing is left of the time before', async () => {
    const before = (await attachments()).map(({ id }) => id);
    await peer.stop();
    await peer.start();
    await swarm.node('worker', READY);
    await until('what was attached before is gone', async () =>
      (await attachments()).every(({ id }) => !before.includes(id)),
    );
    for (const name of ['by-hand', 'wishes']) await docker('start', name);
    const now = await attachments();
    assert.equal(now.length, 2);
    assert.equal(await addressInside('by-hand'), addressOf(defined(now.find(isOf('by-hand')))));
  });

  it('gives its address back when it is removed, and the task is gone', async () => {
    for (const name of ['by-hand', 'wishes']) await docker('rm', '-f', name);
    await until('no task is left', async () => (await swarm.tasks()).length === 0);
    assert.deepEqual(await held(), []);
    await until('the node has given up its own', async () =>
      (await swarm.node('worker', READY)).attachments.every(
        ({ network }) => network?.spec?.ingress,
      ),
    );
    await swarm.control.removeNetwork({ name: '', networkId: front.id });
  });

  it('is refused on a network that takes only services', async () => {
    await network('inner', false);
    await assert.rejects(
      run('refused', 'inner'),
      /Could not attach to network inner: rpc error: code = PermissionDenied desc = network inner not manually attachable/,
    );
    await assert.rejects(run('lost', 'nowhere'), /network nowhere not found/);
    assert.deepEqual(await swarm.tasks(), []);
  });
});
