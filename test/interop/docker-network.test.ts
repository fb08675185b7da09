import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { CreateNetworkRequest, GetNetworkRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Network, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EndpointSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { type DockerPeer, dockerdMissing } from '../harness/dockerd.js';
import { joinEngine, startManager } from '../harness/engine-workers.js';
import { Lan, type LanHost } from '../harness/lan.js';
import { serviceSpec } from '../harness/specs.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * Two Docker engines as workers of our manager, on hosts of their own: the networks between their
 * containers, with addresses that our allocator gave, keys that our leader made, and a gossip that
 * began through our manager.
 */

const { READY } = NodeStatus_State;
/** Docker balances in the kernel; without that module names resolve, and virtual addresses answer nobody. */
const withoutBalancing = existsSync('/proc/net/ip_vs')
  ? false
  : 'this kernel has no IPVS, with which engines balance';

describe('overlay networks of Docker workers', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  const peers: DockerPeer[] = [];
  const hosts: LanHost[] = [];
  let ours: LanHost;
  let swarm: Swarm;
  let front: Network;
  let web: Service;
  let tasks: readonly Task[] = [];

  before(async () => {
    const lan = new Lan(cleanup);
    ours = lan.host();
    ({ swarm } = await startManager(cleanup, ours));
    for (const name of ['left', 'right']) {
      const host = lan.host();
      peers.push(await joinEngine(cleanup, name, host, { swarm, managerHost: ours }));
      hosts.push(host);
    }
  });
  after(() => cleanup.run());

  const container = async (task: Task): Promise<{ peer: DockerPeer; id: string }> => {
    for (const peer of peers) {
      const [found] = await peer.docker.listContainers({
        filters: { label: [`com.docker.swarm.task.id=${task.id}`] },
      });
      if (found !== undefined) return { peer, id: found.Id };
    }
    throw new Error(`task ${task.id} has no container`);
  };

  const output = async (task: Task, script: string): Promise<string> => {
    const { peer, id } = await container(task);
    const exec = await peer.docker
      .getContainer(id)
      .exec({ Cmd: ['sh', '-c', script], AttachStdout: true, AttachStderr: true, Tty: true });
    let text = '';
    for await (const bytes of await exec.start({ Tty: true })) text += bytes;
    return text.replaceAll('\r', '').trimEnd();
  };

  const plain = (cidr: string | undefined): string => (cidr ?? '').split('/')[0] ?? '';
  const addressOf = (task: Task | undefined, network: string): string =>
    plain(
      task?.networks.find((one) => one.network?.spec?.annotations?.name === network)?.addresses[0],
    );

  const virtualAddress = (): string =>
    plain(web.endpoint?.virtualIps.find(({ networkId }) => networkId === front.id)?.addr);

  it('a network and a service on it: tasks on both engines run', async () => {
    for (const name of ['left', 'right']) await swarm.node(name, READY);
    const { network } = await swarm.control.createNetwork(
      CreateNetworkRequest.fromPartial({
        spec: {
          annotations: { name: 'front' },
          driverConfig: { name: 'overlay' },
          attachable: true,
        },
      }),
    );
    const networkId = defined(network).id;
    front = await until('the network has its subnet', async () => {
      const now = defined(
        (await swarm.control.getNetwork(GetNetworkRequest.create({ networkId }))).network,
      );
      return now.driverState === undefined ? undefined : now;
    });
    const spec = serviceSpec({
      name: 'web',
      replicas: 2,
      container: {
        command: ['sh', '-c', 'hostname > /tmp/index.html; exec busybox httpd -f -p 80 -h /tmp'],
        args: [],
        hostname: 'task-{{.Task.Slot}}',
      },
      task: {
        networks: [{ target: front.id, aliases: ['site'] }],
        placement: { constraints: ['engine.labels.kind==docker'], maxReplicas: 1n },
      },
    });
    const endpoint = EndpointSpec.fromPartial({
      ports: [{ targetPort: 80, publishedPort: 8080 }],
    });
    web = await swarm.create({ ...spec, endpoint });
    tasks = await swarm.running(web.id, 2, 120_000);
    web = await swarm.service(web.id);
    assert.equal(new Set(tasks.map(({ nodeId }) => nodeId)).size, 2, 'one on each engine');
  });

  it('each container has the address that the manager gave its task', async () => {
    for (const task of tasks) {
      const { peer, id } = await container(task);
      const { Networks } = (await peer.docker.getContainer(id).inspect()).NetworkSettings;
      for (const name of ['ingress', 'front'])
        assert.equal(Networks[name]?.IPAddress, addressOf(task, name), name);
    }
  });

  it('each engine has the address on a network that the manager gave its node', async () => {
    for (const node of await swarm.nodes()) {
      const names = node.attachments.map(({ network }) => network?.spec?.annotations?.name);
      const isDocker = node.description?.engine?.labels.kind === 'docker';
      assert.deepEqual(names, isDocker ? ['ingress', 'front'] : []);
    }
  });

  it('the name of the service is its virtual address, and those of its tasks are found, from both', async () => {
    const vip = virtualAddress();
    const all = tasks.map((task) => addressOf(task, 'front')).sort();
    for (const task of tasks) {
      const found = async (name: string): Promise<readonly string[]> =>
        addressesIn(await output(task, `busybox nslookup ${name} 127.0.0.11`));
      for (const name of ['web', 'site']) assert.deepEqual(await found(name), [vip]);
      // The other engine's task is known by gossip alone.
      await until('both tasks are known by name', async () => {
        return (await found('tasks.web')).join() === all.join();
      });
    }
  });

  it('tasks reach each other from engine to engine', async () => {
    for (const task of tasks)
      for (const other of tasks) {
        const page = `http://${addressOf(other, 'front')}/`;
        await until(`${task.slot} reaches ${other.slot}`, async () => {
          const said = await output(task, `busybox wget -q -O- ${page}`);
          return said === `task-${other.slot}`;
        });
      }
  });

  it('the virtual address and the published port answer', { skip: withoutBalancing }, async () => {
    for (const task of tasks)
      assert.match(
        await output(task, `busybox wget -q -O- http://${virtualAddress()}/`),
        /^task-[12]$/,
      );
    for (const host of hosts)
      assert.match(fetchFrom(ours, `http://${host.address}:8080/`), /task-[12]/);
  });

  it('addresses of nodes go with the last task, and the network can be removed', async () => {
    await swarm.empty();
    await until('only ingress is left', async () =>
      (await swarm.nodes()).every(({ attachments }) =>
        attachments.every(({ network }) => network?.spec?.ingress),
      ),
    );
    await swarm.control.removeNetwork({ name: '', networkId: front.id });
    for (const peer of peers)
      await until('the engine has forgotten the network', async () => {
        const known = await peer.docker.listNetworks();
        return known.every(({ Name }) => Name !== 'front');
      });
  });

  /** What a name stands for, without the server that was asked. */
  const addressesIn = (answer: string): readonly string[] =>
    [...answer.matchAll(/^Address(?: \d+)?: *(\d+\.\d+\.\d+\.\d+)(?!.*:53)/gm)]
      .map(([, address = '']) => address)
      .filter((address) => address !== '127.0.0.11')
      .sort();

  /** The test itself is on no host of the LAN. */
  const fetchFrom = (host: LanHost, url: string): string => {
    const [enter = '', ...words] = [...host.enter, 'busybox', 'wget', '-q', '-O-', url];
    return spawnSync(enter, words, { encoding: 'utf8' }).stdout;
  };
});
