import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { RestartPolicy_RestartCondition } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import { pidOf, processName } from '../harness/containers.js';
import { Daemon, type DaemonOptions } from '../harness/daemon.js';
import { dockerdMissing, loadImage, startDockerd } from '../harness/dockerd.js';
import { connectSwarm } from '../harness/single-node.js';
import { serviceSpec, withContainer, withReplicas } from '../harness/specs.js';
import { until } from '../harness/until.js';

/** The same short life of a service on the other executors: what it shows is the same everywhere. */

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe('a service on processes', () => {
  it('lives as on containers', () => live({ executor: 'process' }));
});

describe('a service on Docker', { skip: dockerdMissing() ?? false }, () => {
  it('lives as on containerd', async () => {
    const peer = await startDockerd(cleanup, 'lifecycle');
    await loadImage(peer, buildBusyboxArchive());
    await live({ executor: 'docker', engineAddr: peer.socket });
    assert.deepEqual(await peer.docker.listContainers({ all: true }), [], 'no container is left');
  });
});

async function live(options: Omit<DaemonOptions, 'stateDir'>): Promise<void> {
  const stateDir = path.join(cleanup.folder(), 'state');
  const daemon = new Daemon({ ...options, stateDir }, cleanup);
  await daemon.start();
  let swarm = connectSwarm(daemon, cleanup);
  await swarm.ready();
  const all = new Set<string>();
  const processes = (tasks: readonly Task[]): ReadonlyMap<string, string> => {
    const found = new Map(tasks.map((task) => [task.id, processOf(task)]));
    for (const name of found.values()) all.add(name);
    return found;
  };

  const restart = { condition: RestartPolicy_RestartCondition.ANY, delay: durationFromMs(200) };
  const service = await swarm.create(serviceSpec({ name: 'web', replicas: 2, task: { restart } }));
  const two = processes(await swarm.running(service.id, 2));
  await swarm.change(service.id, (spec) => withReplicas(spec, 3));
  const three = processes(await swarm.running(service.id, 3));
  for (const [id, name] of two) assert.equal(three.get(id), name, 'not touched');

  // A crash of the daemon: nobody notices.
  await daemon.kill();
  await daemon.start();
  swarm = connectSwarm(daemon, cleanup);
  await swarm.ready();
  assert.deepEqual(sorted(processes(await swarm.running(service.id, 3))), sorted(three));

  const [victim] = three.keys();
  process.kill(pidOf(three.get(victim ?? '') ?? ''), 'SIGKILL');
  await until('it is replaced', async () => {
    const up = await swarm.running(service.id, 3);
    return up.every(({ id }) => id !== victim) && processes(up);
  });

  await swarm.change(service.id, (spec) => withContainer(spec, { args: ['sleep', '4321'] }));
  const updated = await until('the new ones run', async () => {
    const up = await swarm.running(service.id, 3);
    return up.every(({ id }) => !three.has(id) && commandOf(id, up) === '4321') && up;
  });
  processes(updated);

  await swarm.change(service.id, (spec) => withReplicas(spec, 1));
  await swarm.running(service.id, 1);
  await swarm.empty();
  assert.deepEqual(
    [...all].filter((name) => processName(pidOf(name)) === name),
    [],
    'no process is left',
  );
  assert.equal(await daemon.stop(), 0);
}

/** The process that the task says it is, which must be there. */
function processOf({ id, status }: Task): string {
  const runtime = status?.runtimeStatus;
  const pid = runtime?.$case === 'container' ? runtime.value.pid : 0;
  const name = pid > 0 ? processName(pid) : undefined;
  assert.ok(name !== undefined, `task ${id} runs without a process (${pid})`);
  return name;
}

const sorted = (map: ReadonlyMap<string, string>): readonly (readonly [string, string])[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

function commandOf(id: string, tasks: readonly Task[]): string {
  const runtime = tasks.find((task) => task.id === id)?.spec?.runtime;
  return runtime?.$case === 'container' ? (runtime.value.args[1] ?? '') : '';
}
