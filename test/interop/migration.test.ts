import assert from 'node:assert/strict';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BUSYBOX_REFERENCE } from '@swarmkit/sdk/testkit/busybox-image';
import {
  ListSecretsRequest,
  ListServicesRequest,
  RemoveNodeRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { SecretSpec, ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole, NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type Docker from 'dockerode';
import { Cleanup } from '../harness/cleanup.js';
import { dockerdMissing } from '../harness/dockerd.js';
import { swarmctlPath } from '../harness/daemon.js';
import { type Entrance, MixedGroup, type MixedNode } from '../harness/mixed-group.js';
import { type Ended, runNode } from '../harness/run.js';
import { withReplicas } from '../harness/specs.js';
import { defined, type Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';
import { root } from '../house/source-files.js';

/**
 * A running Docker swarm gets our managers, loses its own, and goes back; then its last engine dies. The
 * workers, an engine and a node of ours, run the same processes from the first to the last step.
 */

const { MANAGER, WORKER } = NodeRole;
const script = path.join(root, 'examples/migrate/migrate.mjs');

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
  let specs: readonly string[] = [];
  let plan: Plan;
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
    specs = await group.ask(specsOf);
    plan = new Plan(cleanup, engine);
  });
  after(async () => {
    if (passed < 8) process.stderr.write(group.lastWords());
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

  /** No task was restarted, and no service, secret or config is another one. */
  const untouched = async (): Promise<void> => {
    assert.deepEqual(await group.running(webId, 4), lives);
    assert.deepEqual(await group.ask(specsOf), specs);
  };

  it('takes our managers in, and is led by them: by the script, which says first what it does', async () => {
    need(0);
    const { Spec, Version } = await docker.swarmInspect();
    await docker.swarmUpdate({
      version: Version.Index,
      ...Spec,
      Raft: { ...Spec.Raft, SnapshotInterval: 10, LogEntriesForSlowFollowers: 1 },
    } as never);
    for (let n = 0; n < 30; n++)
      await docker.createConfig({ Name: `filler-${n}`, Data: 'YQ==', Labels: {} } as never);
    assert.equal((await group.leader()).name, 'docker-1');
    const unsure = await runNode([script, 'to-ours', plan.file]);
    assert.equal(unsure.status, 1);
    assert.match(
      unsure.stderr,
      /^migrate: nothing was changed; type yes when asked, or say --yes$/m,
    );
    assert.deepEqual(plannedNames(unsure.stdout), ['ours-1', 'ours-2', 'docker-1']);

    const moving = runNode([script, 'to-ours', plan.file, '--yes'], 280_000);
    for (const name of ['ours-1', 'ours-2']) {
      const node = await group.ours(name, 'manager', await plan.entrance(name));
      plan.runs(node);
    }
    await ended(moving);
    await group.managers('ours-1', 'ours-2');
    const first = group.named('ours-1');
    assert.ok(first.daemon?.said().includes('took the state of the leader'));
    await untouched();
    passed += 2;
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

  it('goes back by the script: the engine is a manager again, and the only one', async () => {
    need(3);
    await ended(runNode([script, 'to-docker', plan.file, '--yes'], 280_000));
    await group.managers('docker-1');
    assert.equal((await group.leader()).name, 'docker-1');
    await untouched();
    passed++;
  });

  it('and forth once more', async () => {
    need(4);
    await group.setRole('ours-1', MANAGER);
    await group.managers('docker-1', 'ours-1');
    await group.agreeOnNodes(engine, group.named('ours-1'));
    await untouched();
    passed++;
  });

  it('is led by ours when the last engine is killed the moment that another one joined, and lets it go', async () => {
    need(5);
    const newcomer = group.named('ours-2');
    const from = newcomer.log().length;
    await group.setRole('ours-2', MANAGER);
    // It is a voter, and needed for a majority; whether it has the log by now nobody can tell.
    await until('it was taken in', () =>
      defined(newcomer.daemon).said(from).includes('raft log opened'),
    );
    await until('the other one knows', async () => {
      const listed = await group.record('ours-2', group.named('ours-1'));
      return listed.managerStatus !== undefined;
    });
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
    await leader.start();
    await group.managers('ours-1', 'ours-2', 'ours-3');
    passed++;
  });

  it('lets an engine go by the script: drained, left, removed, its tasks elsewhere', async () => {
    need(7);
    const names = ['ours-1', 'ours-2', 'ours-3'];
    const last = new Plan(cleanup, group.named('docker-worker'), names);
    for (const name of names) last.runs(group.named(name));
    await ended(runNode([script, 'to-ours', last.file, '--yes', '--remove'], 120_000));
    const listed = (await group.list()).map(({ description }) => description?.hostname).sort();
    assert.deepEqual(listed, ['our-worker', ...names]);
    await group.running(webId, 4);
    passed++;
  });
});

const plannedNames = (text: string): readonly string[] =>
  [...text.matchAll(/^\d+\. (\S+) /gm)].map(([, name]) => name ?? '');

async function ended(run: Promise<Ended>): Promise<void> {
  const { status, stdout, stderr } = await run;
  assert.equal(status, 0, `${stdout}${stderr}`);
}

/** What users have made and nobody but them may change, as one manager has it. */
async function specsOf({ control }: Swarm): Promise<readonly string[]> {
  const { services } = await control.listServices(ListServicesRequest.create());
  const { secrets } = await control.listSecrets(ListSecretsRequest.create());
  const of = (id: string, spec: Uint8Array): string => `${id} ${Buffer.from(spec).toString('hex')}`;
  return [
    ...services
      // `keeper` is scaled by a test.
      .filter(({ spec }) => spec?.annotations?.name !== 'keeper')
      .map(({ id, spec }) => of(id, ServiceSpec.encode(defined(spec)).finish())),
    ...secrets.map(({ id, spec }) => of(id, SecretSpec.encode(defined(spec)).finish())),
  ].sort();
}

/** The script's plan. The daemons are started by the test: `start` only says what it was given. */
class Plan {
  readonly file: string;
  private readonly folder: string;

  constructor(cleanup: Cleanup, engine: MixedNode, names = ['ours-1', 'ours-2']) {
    this.folder = cleanup.folder();
    this.file = path.join(this.folder, 'plan.json');
    const ours = names.map((name) => ({
      name,
      swarmctl: `${process.execPath} ${swarmctlPath} -s ${this.at(name)}.sock`,
      start: `printf '%s %s' "$JOIN_ADDR" "$JOIN_TOKEN" > ${this.at(name)}.tmp && mv ${this.at(name)}.tmp ${this.at(name)}`,
    }));
    const docker = [
      { name: engine.name, docker: `docker -H unix://${defined(engine.peer).socket}` },
    ];
    writeFileSync(this.file, JSON.stringify({ ours, docker }));
  }

  /** What the script gave to a daemon that is to be started. */
  async entrance(name: string): Promise<Entrance> {
    await until(`the script starts ${name}`, () => existsSync(this.at(name)), 120_000);
    const [address = '', token = ''] = readFileSync(this.at(name), 'utf8').split(' ');
    return { address, token };
  }

  /** The plan was written before anybody knew where its socket would be. */
  runs({ name, daemon }: MixedNode): void {
    symlinkSync(defined(daemon).socket, `${this.at(name)}.sock`);
  }

  private at(name: string): string {
    return path.join(this.folder, name);
  }
}
