import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isTerminal } from '@swarmkit/sdk/model/task';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { ConfChange, ConfChangeType, EntryType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import {
  CreateNetworkRequest,
  ListNetworksRequest,
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { NetworkAttachment } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EndpointSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { openStateFolder } from '@swarmkit/swarmd/offline';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing } from '../harness/dockerd.js';
import { MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { serviceSpec, withReplicas } from '../harness/specs.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** Real Docker engines and our nodes as managers of one swarm: one log and one state, whoever leads. */

interface Addresses {
  readonly network: string;
  readonly service: readonly string[];
  readonly tasks: readonly string[];
  readonly nodes: readonly string[];
}

const onWorkers = { placement: { constraints: ['node.role==worker'] } };

describe('managers of both kinds', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let group: MixedGroup;
  let ours: MixedNode;
  let dockers: readonly MixedNode[];
  let webId = '';
  /** Tasks of `web` that nobody may restart. */
  let lives: readonly string[] = [];
  /** On an overlay network, with a published port, and only on the engine that is a worker. */
  let meshedId = '';
  let given: Addresses;
  let passed = 0;

  before(async () => {
    group = new MixedGroup(cleanup);
    ours = await group.ours('ours-1');
    await ours.swarm.ready();
    dockers = [await group.docker('docker-1'), await group.docker('docker-2')];
  });
  after(async () => {
    if (passed < 6) process.stderr.write(group.lastWords());
    await cleanup.run();
  });

  const untouched = async (count: number): Promise<void> => {
    const now = await group.running(webId, count);
    for (const life of lives) assert.ok(now.includes(life), `${life} goes on`);
    lives = now;
  };
  const names = async (node: MixedNode): Promise<readonly string[]> =>
    (await node.swarm.services()).map(({ spec }) => spec?.annotations?.name ?? '').sort();
  const dockerService = async (node: MixedNode, name: string): Promise<string> => {
    const created = await defined(node.peer).docker.createService({
      Name: name,
      TaskTemplate: {
        ContainerSpec: { Image: BUSYBOX_REFERENCE, Args: ['sleep', '100000'] },
        Placement: { Constraints: ['node.role==worker'] },
      },
      Mode: { Replicated: { Replicas: 2 } },
    } as never);
    return created.id;
  };

  /** Addresses, wherever they are, of what is on the network `front` and on ingress; of nodes only engines'. */
  const addresses = (): Promise<Addresses> =>
    group.ask(async ({ control }) => {
      const { networks } = await control.listNetworks(ListNetworksRequest.create());
      const { services } = await control.listServices(ListServicesRequest.create());
      const { tasks } = await control.listTasks(ListTasksRequest.create());
      const { nodes } = await control.listNodes(ListNodesRequest.create());
      const front = defined(networks.find(({ spec }) => spec?.annotations?.name === 'front'));
      const meshed = defined(services.find(({ id }) => id === meshedId));
      const attached = (attachments: readonly NetworkAttachment[]): readonly string[] =>
        attachments.map((one) => `${one.network?.id} ${one.addresses.join()}`);
      const live = tasks.filter((task) => task.serviceId === meshedId && !isTerminal(task));
      return {
        network: JSON.stringify([front.driverState, front.ipam]),
        service: (meshed.endpoint?.virtualIps ?? []).map((vip) => `${vip.networkId} ${vip.addr}`),
        tasks: live.flatMap((task) => attached(task.networks)).sort(),
        nodes: nodes
          .filter(({ description }) => description?.hostname.startsWith('docker-'))
          .flatMap(({ attachments }) => attached(attachments))
          .sort(),
      };
    });

  /** Nobody's address changed, and one more task has some that nobody else has. */
  const oneMore = async (count: number): Promise<void> => {
    const before = given;
    assert.deepEqual(await addresses(), before, 'the new leader leaves what the old one gave');
    await group.ask((swarm) => swarm.change(meshedId, (spec) => withReplicas(spec, count)));
    await group.running(meshedId, count);
    given = await addresses();
    assert.deepEqual(
      [given.network, given.service, given.nodes],
      [before.network, before.service, before.nodes],
    );
    for (const one of before.tasks) assert.ok(given.tasks.includes(one), `${one} stays`);
    const all = [...given.service, ...given.tasks, ...given.nodes];
    assert.equal(given.tasks.length, 2 * count);
    assert.equal(new Set(all).size, all.length, `somebody has an address twice: ${all.join('; ')}`);
  };

  it('are one group: docker swarm join with our token makes an engine a manager', async () => {
    await group.managers('ours-1', 'docker-1', 'docker-2');
    await group.docker('docker-worker', 'worker');
    await group.ours('our-worker', 'worker');
    await until('all are listed, and have said who they are', async () => {
      const nodes = await group.list();
      return nodes.filter(({ description }) => description !== undefined).length === 5;
    });
    for (const docker of dockers) {
      await group.agreeOnNodes(ours, docker);
      const listed = await defined(docker.peer).docker.listNodes();
      assert.deepEqual(listed.map(({ Description }) => Description.Hostname).sort(), [
        ...['docker-1', 'docker-2', 'docker-worker', 'our-worker', 'ours-1'],
      ]);
    }
    passed++;
  });

  it('take services on either side', async () => {
    const spec = serviceSpec({ name: 'web', replicas: 4, task: onWorkers });
    webId = (await ours.swarm.create(spec)).id;
    lives = await group.running(webId, 4);
    const theirs = await dockerService(defined(dockers[1]), 'theirs');
    await group.running(theirs, 2);
    const { network } = await ours.swarm.control.createNetwork(
      CreateNetworkRequest.fromPartial({
        spec: { annotations: { name: 'front' }, driverConfig: { name: 'overlay' } },
      }),
    );
    const meshed = serviceSpec({
      name: 'meshed',
      task: {
        networks: [{ target: defined(network).id }],
        placement: { constraints: ['node.hostname==docker-worker'] },
      },
    });
    const endpoint = EndpointSpec.fromPartial({ ports: [{ targetPort: 80 }] });
    meshedId = (await ours.swarm.create({ ...meshed, endpoint })).id;
    await group.running(meshedId, 1);
    given = await addresses();
    for (const node of [ours, ...dockers])
      assert.deepEqual(await names(node), ['meshed', 'theirs', 'web']);
    passed++;
  });

  it('go on under an engine when our leader is killed, and no task notices', async () => {
    await ours.kill();
    const leader = await group.leader();
    assert.equal(leader.kind, 'docker');
    await oneMore(2);
    const created = await dockerService(leader, 'under-docker');
    await group.running(created, 2);
    await untouched(4);
    await ours.start();
    await group.managers('ours-1', 'docker-1', 'docker-2');
    assert.deepEqual(await names(ours), ['meshed', 'theirs', 'under-docker', 'web']);
    for (const docker of dockers) await group.agreeOnNodes(ours, docker);
    passed++;
  });

  it('take another one of ours, and let go of an engine', async () => {
    await group.ours('ours-2');
    await group.managers('ours-1', 'ours-2', 'docker-1', 'docker-2');
    const leader = await group.leader();
    const leaving = defined(dockers.find(({ name }) => name !== leader.name));
    await group.setRole(leaving.name, NodeRole.WORKER);
    dockers = dockers.filter(({ name }) => name !== leaving.name);
    await group.managers('ours-1', 'ours-2', ...dockers.map(({ name }) => name));
    await untouched(4);
    passed++;
  });

  it('go on under ours when the engine that leads is killed', async () => {
    const [engine] = dockers;
    assert.ok(engine);
    for (const name of ['ours-1', 'ours-2'])
      await until(`${name} says so`, () => waysOf(group.named(name)) === 'some');
    const killedAt = performance.now();
    await engine.kill();
    const leader = await group.leader();
    assert.equal(leader.kind, 'ours');
    // Ten ticks of a second, since the last word of the dead leader; among ours alone it is a second or two.
    const tookMs = performance.now() - killedAt;
    assert.ok(tookMs > 8_000, `${tookMs} ms`);
    await group.ask((swarm) => swarm.change(webId, (spec) => withReplicas(spec, 6)));
    await untouched(6);
    await oneMore(3);
    await engine.start();
    await group.managers('ours-1', 'ours-2', engine.name);
    await group.agreeOnNodes(leader, engine);
    assert.deepEqual(await names(engine), ['meshed', 'theirs', 'under-docker', 'web']);
    passed++;
  });

  it('keep SwarmKit’s ways until the last engine is gone, and not a moment longer', async () => {
    const [engine] = dockers;
    assert.ok(engine);
    const [first, second] = [group.named('ours-1'), group.named('ours-2')];
    const seen = new Map([first, second].map((node) => [node, node.log().length]));
    await group.demote(engine.name);
    for (const [node, from] of seen)
      await until(`${node.name} says so`, () => waysOf(node, from) === 'all');
    await group.ours('ours-3');
    await group.managers('ours-1', 'ours-2', 'ours-3');
    await untouched(6);
    const follower = (await group.leader()) === first ? second : first;
    await defined(follower.daemon).stop();
    const folder = await openStateFolder(defined(follower.daemon).stateDir);
    const changes = folder.log.entries
      .filter(({ Type }) => Type !== EntryType.EntryNormal)
      .map(({ Type, Data }) => {
        assert.equal(Type, EntryType.EntryConfChange, 'no change of several members');
        return ConfChange.decode(Data).type;
      });
    await folder.close();
    const { ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeAddNode } = ConfChangeType;
    const lastRemoval = changes.lastIndexOf(ConfChangeRemoveNode);
    assert.ok(changes.filter((type) => type === ConfChangeAddNode).length >= 4);
    const learners = changes.flatMap((type, at) => (type === ConfChangeAddLearnerNode ? [at] : []));
    assert.equal(learners.length, 1, 'the last one to join had to learn first');
    assert.ok(Number(learners[0]) > lastRemoval);
    passed++;
  });
});

/** Of whom the managers are, as a node of ours said last: `all` ours, or `some` are not. */
function waysOf({ daemon }: MixedNode, from = 0): string | undefined {
  return defined(daemon)
    .said(from)
    .map((line) => /^(all|some) managers? (?:are|is not) ours/.exec(line)?.[1])
    .filter(Boolean)
    .at(-1);
}
