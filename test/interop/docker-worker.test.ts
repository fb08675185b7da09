import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  CreateConfigRequest,
  CreateSecretRequest,
  RemoveNodeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { type NodeSpec, NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Daemon } from '../harness/daemon.js';
import { type DockerPeer, dockerdMissing } from '../harness/dockerd.js';
import { joinEngine, startManager } from '../harness/engine-workers.js';
import { Lan, type LanHost } from '../harness/lan.js';
import { connectSwarm } from '../harness/single-node.js';
import { serviceSpec, withContainer, withReplicas } from '../harness/specs.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/** A real Docker engine as a worker of our manager, each on a host of its own. */

const { READY, DOWN } = NodeStatus_State;
const onDocker = { placement: { constraints: ['engine.labels.kind==docker'] } };

describe('dockerd as our worker', { skip: dockerdMissing() ?? false }, () => {
  const cleanup = new Cleanup();
  let swarm: Swarm;
  let manager: Daemon;
  let peer: DockerPeer;
  let theirs: LanHost;
  let web: Service;

  before(async () => {
    const lan = new Lan(cleanup);
    const ours = lan.host();
    theirs = lan.host();
    ({ manager, swarm } = await startManager(cleanup, ours));
    peer = await joinEngine(cleanup, 'worker', theirs, { swarm, managerHost: ours });
  });
  after(() => cleanup.run());

  /** Names and process ids of the engine's running containers: the same as long as none was restarted. */
  const containers = async (): Promise<ReadonlyMap<string, number>> => {
    const found = new Map<string, number>();
    for (const { Id } of await peer.docker.listContainers())
      found.set(Id, (await peer.docker.getContainer(Id).inspect()).State.Pid);
    return found;
  };
  const sorted = (map: ReadonlyMap<string, number>) => [...map].sort();

  const output = async (...command: string[]): Promise<string> => {
    const [first] = await peer.docker.listContainers({
      filters: { label: [`com.docker.swarm.service.name=${command.shift()}`] },
    });
    const exec = await peer.docker
      .getContainer(defined(first).Id)
      .exec({ Cmd: command, AttachStdout: true, Tty: true });
    const stream = await exec.start({ Tty: true });
    let text = '';
    for await (const bytes of stream) text += bytes;
    return text.replaceAll('\r', '').trimEnd();
  };

  const setNode = async (change: (spec: NodeSpec) => NodeSpec): Promise<void> =>
    swarm.updateNode(await swarm.node('worker', READY), change);

  it('joins by token and becomes READY', async () => {
    const node = await swarm.node('worker', READY);
    assert.equal(node.status?.addr, theirs.address);
    assert.equal(node.description?.engine?.labels.kind, 'docker');
    assert.equal(node.description?.engine?.engineVersion, peer.version);
  });

  it('runs a service of ours, more and less of it, and a new version', async () => {
    web = await swarm.create(serviceSpec({ name: 'web', replicas: 2, task: onDocker }));
    await swarm.running(web.id, 2);
    assert.equal((await containers()).size, 2);
    const before = await containers();
    await swarm.change(web.id, (spec) => withReplicas(spec, 4));
    await swarm.running(web.id, 4);
    const grown = await containers();
    for (const [id, pid] of before) assert.equal(grown.get(id), pid, 'not touched');
    await swarm.change(web.id, (spec) => withReplicas(spec, 2));
    await until('two containers are left', async () => (await containers()).size === 2);
    const old = await containers();
    await swarm.change(web.id, (spec) => withContainer(spec, { env: ['VERSION=2'] }));
    await until('both are replaced', async () => {
      const now = await containers();
      return now.size === 2 && [...now.keys()].every((id) => !old.has(id));
    });
    assert.equal(await output('web', 'sh', '-c', 'echo $VERSION'), '2');
  });

  it('hands over what its containers print', async () => {
    const talk = await swarm.create(
      serviceSpec({
        name: 'talk',
        task: onDocker,
        container: { args: ['sh', '-c', 'echo hello; echo world; exec sleep 100000'] },
      }),
    );
    await swarm.running(talk.id, 1);
    const lines = await until('both lines are there', async () => {
      const said = await swarm.logs(talk.id);
      return said.length === 2 && said;
    });
    assert.deepEqual(lines, ['hello', 'world']);
    await swarm.remove(talk.id);
  });

  it('mounts secrets and configs', async () => {
    const secret = await swarm.control.createSecret(
      CreateSecretRequest.fromPartial({
        spec: { annotations: { name: 'password' }, data: Buffer.from('tr0ub4dor') },
      }),
    );
    const config = await swarm.control.createConfig(
      CreateConfigRequest.fromPartial({
        spec: { annotations: { name: 'motd' }, data: Buffer.from('welcome') },
      }),
    );
    const file = { uid: '0', gid: '0', mode: 0o440 };
    const service = await swarm.create(
      serviceSpec({
        name: 'keeper',
        task: onDocker,
        container: {
          secrets: [
            {
              secretId: defined(secret.secret).id,
              secretName: 'password',
              target: { $case: 'file', value: { ...file, name: 'password' } },
            },
          ],
          configs: [
            {
              configId: defined(config.config).id,
              configName: 'motd',
              target: { $case: 'file', value: { ...file, name: '/etc/motd' } },
            },
          ],
        },
      }),
    );
    await swarm.running(service.id, 1);
    assert.equal(await output('keeper', 'cat', '/run/secrets/password'), 'tr0ub4dor');
    assert.equal(await output('keeper', 'cat', '/etc/motd'), 'welcome');
    await swarm.remove(service.id);
  });

  it('is chosen by labels that were put on it', async () => {
    const service = await swarm.create(
      serviceSpec({ name: 'picky', task: { placement: { constraints: ['node.labels.zone==a'] } } }),
    );
    await swarm.task('it waits and says why', service.id, ({ status }) =>
      /scheduling constraints not satisfied/.test(status?.err ?? ''),
    );
    await setNode((spec) => ({
      ...spec,
      annotations: { ...defined(spec.annotations), labels: { zone: 'a' } },
    }));
    await swarm.running(service.id, 1);
    await swarm.remove(service.id);
  });

  it('gives its tasks up when drained, takes them when active, keeps them when paused', async () => {
    const set = (availability: NodeSpec_Availability) =>
      setNode((spec) => ({ ...spec, availability }));
    await set(NodeSpec_Availability.DRAIN);
    await until('no container is left', async () => (await containers()).size === 0);
    await set(NodeSpec_Availability.ACTIVE);
    await swarm.running(web.id, 2);
    const before = await containers();
    await set(NodeSpec_Availability.PAUSE);
    await swarm.change(web.id, (spec) => withReplicas(spec, 3));
    await swarm.task(
      'the third waits',
      web.id,
      ({ status }) => status?.state === TaskState.PENDING && status.err !== '',
    );
    assert.deepEqual(sorted(await containers()), sorted(before));
    await set(NodeSpec_Availability.ACTIVE);
    await swarm.running(web.id, 3);
  });

  it('finds a manager again that was killed, and restarts nothing', async () => {
    const before = await containers();
    await manager.kill();
    await manager.start();
    swarm = connectSwarm(manager, cleanup);
    await swarm.node('worker', READY);
    await swarm.running(web.id, 3);
    assert.deepEqual(sorted(await containers()), sorted(before));
  });

  it('is DOWN while its cable is pulled, and the same node afterwards, with another address', async () => {
    const { id } = await swarm.node('worker', READY);
    theirs.unplug();
    await swarm.node('worker', DOWN);
    theirs.move('10.77.1.200');
    theirs.plug();
    const back = await swarm.node('worker', READY);
    assert.equal(back.id, id);
    await until('the address is known', async () => {
      const node = (await swarm.nodes()).find((one) => one.id === id);
      return node?.status?.addr === '10.77.1.200';
    });
    await swarm.running(web.id, 3);
  });

  it('is renewed and moves to a new root, and restarts nothing', async () => {
    const before = await containers();
    const old = defined((await swarm.cluster()).rootCa).caCert;
    await swarm.rotateRoot();
    await until(
      'the new root is in force',
      async () => {
        const { rootCa } = await swarm.cluster();
        return rootCa?.rootRotation === undefined && !rootCa?.caCert.equals(old);
      },
      90_000,
    );
    await swarm.node('worker', READY);
    await swarm.change(web.id, (spec) => withReplicas(spec, 4));
    await swarm.running(web.id, 4);
    const after = await containers();
    for (const [id, pid] of before) assert.equal(after.get(id), pid, 'not touched');
  });

  it('is removed by force, and told so', async () => {
    const node = await swarm.node('worker', READY);
    await assert.rejects(
      swarm.control.removeNode(RemoveNodeRequest.fromPartial({ nodeId: node.id })),
      /is not down and can't be removed/,
    );
    await swarm.control.removeNode(RemoveNodeRequest.fromPartial({ nodeId: node.id, force: true }));
    await until('its session is refused', () =>
      / was removed from swarm|node not found/.test(peer.log()),
    );
    assert.equal((await swarm.nodes()).length, 1);
  });
});
