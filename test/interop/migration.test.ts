import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import { RemoveNodeRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { NodeRole, NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type Docker from 'dockerode';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing } from '../harness/dockerd.js';
import { MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { withReplicas } from '../harness/specs.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * A running Docker swarm gets our managers, loses its own, and goes back; then its last engine dies. The
 * workers, an engine and a node of ours, run the same processes from the first to the last step.
 */

const { MANAGER, WORKER } = NodeRole;

describe('a Docker swarm moves to our managers and back', {
  skip: dockerdMissing() ?? false,
}, () => {
  const cleanup = new Cleanup();
  let group: MixedGroup;
  let engine: MixedNode;
  let docker: Docker;
  let webId = '';
  let secretId = '';
  let lives: readonly string[] = [];
  let passed = 0;

  before(async () => {
    group = new MixedGroup(cleanup);
    engine = await group.docker('docker-1');
    docker = defined(engine.peer).docker;
    await group.docker('docker-worker', 'worker');
    await group.ours('our-worker', 'worker');
    await until(
      'the workers are READY',
      async () =>
        (await group.list()).filter(({ status }) => status?.state === NodeStatus_State.READY)
          .length === 3,
      60_000,
    );
    const secret = await docker.createSecret({
      Name: 'password',
      Data: Buffer.from('tr0ub4dor').toString('base64'),
      Labels: {},
    });
    secretId = secret.id;
    webId = await create(docker, 'web', 4, 'node.role==worker');
    await create(docker, 'keeper', 0, 'node.hostname==docker-worker');
    lives = await group.running(webId, 4);
  });
  after(async () => {
    if (passed < 7) process.stderr.write(group.lastWords());
    await cleanup.run();
  });

  const need = (steps: number): void => assert.equal(passed, steps, 'an earlier step failed');

  const create = async (by: Docker, name: string, replicas: number, where: string) => {
    const created = await by.createService({
      Name: name,
      TaskTemplate: {
        ContainerSpec: {
          Image: BUSYBOX_REFERENCE,
          Args: ['sleep', '100000'],
          ...(name === 'keeper' && {
            Secrets: [
              {
                SecretID: secretId,
                SecretName: 'password',
                File: { Name: 'password', UID: '0', GID: '0', Mode: 0o444 },
              },
            ],
          }),
        },
        Placement: { Constraints: [where] },
      },
      Mode: { Replicated: { Replicas: replicas } },
    } as never);
    return created.id;
  };

  const untouched = async (): Promise<void> =>
    assert.deepEqual(await group.running(webId, 4), lives);

  it('takes our managers in: one by the log, one by a snapshot', async () => {
    need(0);
    const first = await group.ours('ours-1');
    await group.managers('docker-1', 'ours-1');
    await group.agreeOnNodes(engine, first);
    const { Spec, Version } = await docker.swarmInspect();
    await docker.swarmUpdate({
      version: Version.Index,
      ...Spec,
      Raft: { ...Spec.Raft, SnapshotInterval: 10, LogEntriesForSlowFollowers: 1 },
    } as never);
    for (let n = 0; n < 30; n++)
      await docker.createConfig({ Name: `filler-${n}`, Data: 'YQ==', Labels: {} } as never);
    const second = await group.ours('ours-2');
    await group.managers('docker-1', 'ours-1', 'ours-2');
    await group.agreeOnNodes(engine, second);
    assert.ok(second.daemon?.said().includes('took the state of the leader'));
    await untouched();
    passed++;
  });

  it('is led by ours when the engine is told to be a worker', async () => {
    need(1);
    assert.equal((await group.leader()).name, 'docker-1');
    await group.demote('docker-1');
    await group.managers('ours-1', 'ours-2');
    await untouched();
    passed++;
  });

  it('has the secrets that it had', async () => {
    need(2);
    const [worker] = group.nodes.filter(({ name }) => name === 'docker-worker');
    const engineOf = defined(worker?.peer).docker;
    const { id } = defined(
      await group.ask(async (swarm) =>
        (await swarm.services()).find((one) => one.spec?.annotations?.name === 'keeper'),
      ),
    );
    await group.ask((swarm) => swarm.change(id, (old) => withReplicas(old, 1)));
    await group.running(id, 1);
    const [container] = await engineOf.listContainers({
      filters: { label: ['com.docker.swarm.service.name=keeper'] },
    });
    const exec = await engineOf
      .getContainer(defined(container).Id)
      .exec({ Cmd: ['cat', '/run/secrets/password'], AttachStdout: true, Tty: true });
    let text = '';
    for await (const bytes of await exec.start({ Tty: true })) text += bytes;
    assert.equal(text.trim(), 'tr0ub4dor');
    passed++;
  });

  it('goes back: the engine is a manager again, and the only one', async () => {
    need(3);
    await group.setRole('docker-1', MANAGER);
    await group.managers('docker-1', 'ours-1', 'ours-2');
    await group.demote('ours-2');
    await group.managers('docker-1', 'ours-1');
    await group.demote('ours-1');
    await group.managers('docker-1');
    assert.equal((await group.leader()).name, 'docker-1');
    await untouched();
    passed++;
  });

  it('and forth once more', async () => {
    need(4);
    await group.setRole('ours-1', MANAGER);
    await group.managers('docker-1', 'ours-1');
    await group.setRole('ours-2', MANAGER);
    await group.managers('docker-1', 'ours-1', 'ours-2');
    await untouched();
    passed++;
  });

  it('is led by ours when the last engine that manages is killed, and lets it go', async () => {
    need(5);
    // A manager that has no log yet is none that could help to elect one.
    for (const name of ['ours-1', 'ours-2']) await group.agreeOnNodes(engine, group.named(name));
    await engine.kill();
    assert.equal((await group.leader()).kind, 'ours');
    await group.setRole('docker-1', WORKER);
    await group.managers('ours-1', 'ours-2');
    const node = await until(
      'it is down',
      async () => {
        const found = await group.record('docker-1');
        return found.status?.state === NodeStatus_State.DOWN && found;
      },
      120_000,
    );
    await group.ask((swarm) =>
      swarm.control.removeNode(RemoveNodeRequest.create({ nodeId: node.id })),
    );
    await untouched();
    passed++;
  });

  it('is a swarm of ours alone, and as quick as one', async () => {
    need(6);
    await group.ours('ours-3');
    await group.managers('ours-1', 'ours-2', 'ours-3');
    const leader = await group.leader();
    await leader.kill();
    // SwarmKit's timing would take 10 s at least.
    assert.equal((await group.leader(8_000)).kind, 'ours');
    await untouched();
    passed++;
  });
});
