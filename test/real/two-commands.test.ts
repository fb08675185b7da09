import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import { connectControl } from '@swarmkit/sdk/client/control';
import { unlockKeyText } from '@swarmkit/sdk/model/unlock-key';
import { CAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import {
  KeyRotation,
  ListClustersRequest,
  UpdateClusterRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Cluster, Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ClusterSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { Daemon, swarmctlPath } from '../harness/daemon.js';
import { refusedStart } from '../harness/run.js';
import { serviceSpec } from '../harness/specs.js';
import { defined, Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * A cluster out of two commands: the first daemon prints the second command. Both are real processes on
 * the loopback, tasks are plain processes, so no engine is needed.
 */

const cleanup = new Cleanup();
let manager: Daemon;
let worker: Daemon;
let swarm: Swarm;
let joinWorker: readonly string[];
let task: Task;

const brief = { timeoutMs: 20_000 };

describe('a cluster out of two commands', () => {
  before(async () => {
    manager = new Daemon(await daemonOptions([]), cleanup);
    await manager.start();
    swarm = new Swarm(manager.socket);
    cleanup.add('control connection', () => swarm.close());
    await swarm.ready();
  });
  after(() => cleanup.run());

  it('the first prints the second, and the second is a worker that runs tasks', async () => {
    joinWorker = await printed('worker');
    worker = new Daemon(await daemonOptions(joinWorker), cleanup);
    await worker.start();
    const node = await ready(worker);
    const known = JSON.stringify([{ node_id: idOf(manager), addr: joinWorker[1] }]);
    await until(
      'it knows the manager by its id',
      () => readFileSync(path.join(worker.stateDir, 'state.json'), 'utf8') === known,
    );
    const service = await swarm.create(
      serviceSpec({
        name: 'far',
        task: { placement: { constraints: [`node.id==${node.id}`] } },
      }),
    );
    [task] = (await swarm.running(service.id, 1)) as [Task];
    assert.equal(task.nodeId, node.id);
  });

  it('the worker comes back as the same node, whatever its command says of joining by then', async () => {
    const { id } = await ready(worker);
    await worker.stop();
    const again = new Daemon(
      {
        ...(await daemonOptions(['--join-addr', '127.0.0.1:1', '--join-token', 'SWMTKN-1-x'])),
        stateDir: worker.stateDir,
      },
      cleanup,
    );
    await again.start();
    worker = again;
    await until('it is in session again', () =>
      worker.said().includes('in session with a manager'),
    );
    assert.equal((await ready(worker)).id, id);
    assert.equal((await swarm.nodes()).length, 2);
    await sameTask();
  });

  it('the manager comes back, and is found again', async () => {
    const from = worker.output.length;
    await manager.kill();
    await manager.start();
    await until('the worker is in session again', () =>
      worker.said(from).includes('in session with a manager'),
    );
    await ready(worker);
    await sameTask();
  });

  it('certificates are renewed and the root is rotated, and the task does not notice', async () => {
    const before = certificateOf(worker);
    const root = readFileSync(rootOf(worker), 'utf8');
    await updateCluster((spec) => ({
      ...spec,
      caConfig: { ...defined(spec.caConfig), forceRotate: 1n },
    }));
    await until(
      'the worker trusts another root',
      () => readFileSync(rootOf(worker), 'utf8') !== root,
      90_000,
    );
    const now = certificateOf(worker);
    assert.equal(now.subject, before.subject);
    assert.notEqual(now.serialNumber, before.serialNumber);
    assert.ok(now.checkIssued(new X509Certificate(readFileSync(rootOf(worker)))));
    await ready(worker);
    await sameTask();
    await worker.stop();
    await worker.start();
    await ready(worker);
  });

  it('a wrong token is refused in one sentence', async () => {
    const [flag = '', address = '', tokenFlag = '', token = ''] = await currentJoin();
    const cases: readonly (readonly [string, RegExp])[] = [
      [
        `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`,
        /A valid join token is necessary to join this cluster$/,
      ],
      [
        token.replace(/-1-\w{3}/, '-1-0aa'),
        /remote CA does not match fingerprint\. Expected: [0-9a-f]{64}: .* of another cluster/,
      ],
      ['SWMTKN-1-x', /invalid join token$/],
    ];
    for (const [wrong, said] of cases) {
      const { status, sentence } = await refusedStart([
        ...['-d', cleanup.folder(), '--executor', 'process', '--listen-remote-api', '127.0.0.1:0'],
        ...[flag, address, tokenFlag, wrong],
      ]);
      assert.equal(status, 1);
      assert.match(sentence, said);
      assert.match(sentence, /^swarmd: /);
    }
    assert.equal((await swarm.nodes()).length, 2);
  });

  it('a locked manager waits for its unlock key', async () => {
    const { serialNumber } = certificateOf(manager);
    await updateCluster((spec) => ({ ...spec, encryptionConfig: { autoLockManagers: true } }));
    const key = await unlockKey();
    await until('its key is locked', () => keyOf(manager).includes('ENCRYPTED PRIVATE KEY'));
    await until(
      'the key that lay open is replaced',
      () => certificateOf(manager).serialNumber !== serialNumber,
    );
    await manager.stop();
    await manager.start();
    await until('it waits', () =>
      manager.said().some((one) => one.startsWith('this node is locked')),
    );
    const other = `${key.slice(0, -2)}${key.at(-2) === 'A' ? 'B' : 'A'}${key.at(-1)}`;
    for (const [input, status, said] of [
      ['nonsense', 1, 'swarmctl: invalid key string\n'],
      [other, 1, 'swarmctl: the unlock key is wrong: nothing was changed\n'],
      [key, 0, ''],
    ] as const) {
      const done = spawnSync(
        process.execPath,
        [swarmctlPath, '--socket', manager.socket, 'unlock'],
        { input: `${input}\n`, encoding: 'utf8', timeout: 60_000 },
      );
      assert.deepEqual([done.stderr, done.status], [said, status]);
    }
    await ready(worker);
    await sameTask();
    assert.ok(!manager.output.includes(key.slice('SWMKEY-1-'.length)), 'the key is in the log');
    const late = spawnSync(process.execPath, [swarmctlPath, '--socket', manager.socket, 'unlock'], {
      input: `${key}\n`,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual([late.stderr, late.status], ['swarmctl: this node is not locked\n', 1]);
  });

  it('a second manager joins by the other command, and its key is locked from its first moment', async () => {
    const second = new Daemon(await daemonOptions(await currentJoin('manager')), cleanup);
    await second.start();
    const node = await ready(second);
    assert.match(keyOf(second), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    await until('it is a member of the group', async () => {
      const nodes = await swarm.nodes();
      return nodes.find(({ id }) => id === node.id)?.managerStatus !== undefined;
    });
  });
});

const rootOf = (daemon: Daemon): string =>
  path.join(daemon.stateDir, 'certificates/swarm-root-ca.crt');
const keyOf = (daemon: Daemon): string =>
  readFileSync(path.join(daemon.stateDir, 'certificates/swarm-node.key'), 'utf8');
const certificateOf = (daemon: Daemon): X509Certificate =>
  new X509Certificate(readFileSync(path.join(daemon.stateDir, 'certificates/swarm-node.crt')));
const idOf = (daemon: Daemon): string => /CN=(\w+)/.exec(certificateOf(daemon).subject)?.[1] ?? '';

async function daemonOptions(args: readonly string[]) {
  return {
    stateDir: path.join(cleanup.folder(), 's'),
    executor: 'process' as const,
    remoteAddr: `127.0.0.1:${await freePort()}`,
    args,
  };
}

/** Flags of the command that the founder printed. */
async function printed(role: 'worker' | 'manager'): Promise<readonly string[]> {
  const begin = `to add a ${role}, run on another machine: swarmd `;
  const line = await until('the command is printed', () =>
    manager.said().find((one) => one.startsWith(begin)),
  );
  return line.slice(begin.length).split(' ');
}

/** The same command with the token of now: a rotation of the root makes new ones. */
async function currentJoin(role: 'worker' | 'manager' = 'worker'): Promise<readonly string[]> {
  const [flag = '', address = '', tokenFlag = ''] = await printed(role);
  const tokens = defined((await cluster()).rootCa?.joinTokens);
  return [flag, address, tokenFlag, tokens[role]];
}

/** READY as the manager has it. */
const ready = (daemon: Daemon): Promise<Node> =>
  until(
    `the node of ${daemon.stateDir} is READY`,
    async () => {
      const id = idOf(daemon);
      const node = (await swarm.nodes()).find((one) => one.id === id);
      return node?.status?.state === NodeStatus_State.READY ? node : undefined;
    },
    60_000,
  );

/** The task of before still runs, and no other stands in for it. */
const sameTask = (): Promise<unknown> =>
  until('the task runs on', async () => {
    const tasks = await swarm.tasks(task.serviceId);
    assert.deepEqual(
      tasks.map(({ id }) => id),
      [task.id],
    );
    return tasks[0]?.status?.state === TaskState.RUNNING;
  });

async function cluster(): Promise<Cluster> {
  const control = connectControl(manager.socket);
  try {
    return defined((await control.listClusters(ListClustersRequest.create(), brief)).clusters[0]);
  } finally {
    control.close();
  }
}

async function updateCluster(change: (spec: ClusterSpec) => ClusterSpec): Promise<void> {
  const { id, meta, spec } = await cluster();
  const control = connectControl(manager.socket);
  try {
    await control.updateCluster(
      UpdateClusterRequest.create({
        clusterId: id,
        clusterVersion: meta?.version,
        spec: change(defined(spec)),
        rotation: KeyRotation.create(),
      }),
      brief,
    );
  } finally {
    control.close();
  }
}

async function unlockKey(): Promise<string> {
  const connection = connectControlSocket(manager.socket);
  try {
    const { unlockKey: kek } = await connection.unary(CAService.getUnlockKey, {}, brief);
    return unlockKeyText(kek);
  } finally {
    connection.close();
  }
}

/** Free a moment ago: good enough for one machine's tests, which do not hurry each other for ports. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
