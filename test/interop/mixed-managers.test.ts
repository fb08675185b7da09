import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing } from '../harness/dockerd.js';
import { MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { serviceSpec, withReplicas } from '../harness/specs.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** Real Docker engines and our nodes as managers of one swarm: one log and one state, whoever leads. */

const onWorkers = { placement: { constraints: ['node.role==worker'] } };

describe('managers of both kinds', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let group: MixedGroup;
  let ours: MixedNode;
  let dockers: readonly MixedNode[];
  let webId = '';
  /** Tasks of `web` that nobody may restart. */
  let lives: readonly string[] = [];
  let passed = 0;

  before(async () => {
    group = new MixedGroup(cleanup);
    ours = await group.ours('ours-1');
    await ours.swarm.ready();
    dockers = [await group.docker('docker-1'), await group.docker('docker-2')];
  });
  after(async () => {
    if (passed < 5) process.stderr.write(group.lastWords());
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

  it('are one group: docker swarm join with our token makes an engine a manager', async () => {
    await group.managers('ours-1', 'docker-1', 'docker-2');
    await group.docker('docker-worker', 'worker');
    await group.ours('our-worker', 'worker');
    await until('all are listed', async () => (await group.list()).length === 5);
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
    for (const node of [ours, ...dockers]) assert.deepEqual(await names(node), ['theirs', 'web']);
    passed++;
  });

  it('go on under an engine when our leader is killed, and no task notices', async () => {
    await ours.kill();
    const leader = await group.leader();
    assert.equal(leader.kind, 'docker');
    const created = await dockerService(leader, 'under-docker');
    await group.running(created, 2);
    await untouched(4);
    await ours.start();
    await group.managers('ours-1', 'docker-1', 'docker-2');
    assert.deepEqual(await names(ours), ['theirs', 'under-docker', 'web']);
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
    await engine.kill();
    const leader = await group.leader();
    assert.equal(leader.kind, 'ours');
    await group.ask((swarm) => swarm.change(webId, (spec) => withReplicas(spec, 6)));
    await untouched(6);
    await engine.start();
    await group.managers('ours-1', 'ours-2', engine.name);
    await group.agreeOnNodes(leader, engine);
    assert.deepEqual(await names(engine), ['theirs', 'under-docker', 'web']);
    passed++;
  });
});
