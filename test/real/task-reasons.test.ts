import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { RESTART_BACKOFF_LABEL } from '@swarmkit/sdk/model/service-label';
import { durationFromMs } from '@swarmkit/sdk/model/time';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { buildBusyboxArchive } from '@swarmkit/sdk/testkit/busybox-image';
import {
  type ContainerdFixture,
  containerdMissing,
} from '@swarmkit/sdk/testkit/containerd-fixture';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { RestartPolicy_RestartCondition, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cleanup } from '../harness/cleanup.js';
import type { Containers } from '../harness/containers.js';
import type { Daemon } from '../harness/daemon.js';
import { importInto } from '../harness/images.js';
import { cpuSeconds } from '../harness/process-cost.js';
import { swarmctl } from '../harness/run.js';
import { startSingleNode } from '../harness/single-node.js';
import { type ServiceWords, serviceSpec } from '../harness/specs.js';
import type { Swarm } from '../harness/swarm.js';
import { until } from '../harness/until.js';

/**
 * Tasks that cannot run say why, and their services go on trying by their policy and no faster. All
 * failures stand side by side in one cluster, which is then watched for a while.
 */

/** Nobody listens there: the registry refuses at once, wherever this runs. */
const UNKNOWN_IMAGE = '127.0.0.1:1/nothing:latest';
const DELAY_MS = 1_500;
const WATCH_MS = 5_000;
const MEBIBYTE = 1_048_576n;

interface Case extends Omit<ServiceWords, 'name'> {
  /** Where the task gets to. */
  readonly state: TaskState;
  readonly reason: RegExp;
  /** It waits in one task, or is replaced by the next. */
  readonly waits?: boolean;
}

const shell = (script: string): readonly string[] => ['sh', '-c', script];
const again = {
  restart: { condition: RestartPolicy_RestartCondition.ANY, delay: durationFromMs(DELAY_MS) },
};

const cases: Readonly<Record<string, Case>> = {
  'unknown-image': {
    container: { image: UNKNOWN_IMAGE },
    task: again,
    state: TaskState.REJECTED,
    reason:
      /^No such image: 127\.0\.0\.1:1\/nothing:latest \(pull failed: registry 127\.0\.0\.1:1: /,
  },
  'impossible-constraint': {
    task: { ...again, placement: { constraints: ['node.labels.disk==ssd'] } },
    waits: true,
    state: TaskState.PENDING,
    reason: /^no suitable node \(scheduling constraints not satisfied on 1 node\)$/,
  },
  'impossible-reservation': {
    task: { ...again, resources: { reservations: { memoryBytes: 1_048_576n * MEBIBYTE } } },
    waits: true,
    state: TaskState.PENDING,
    reason: /^no suitable node \(insufficient resources on 1 node\)$/,
  },
  'no-command': {
    container: { args: ['no-such-program', 'x'] },
    task: again,
    state: TaskState.FAILED,
    reason:
      /^exec: "no-such-program": executable file not found in \$PATH; the command must exist in image /,
  },
  'exit-code': {
    container: { args: shell('exit 3') },
    task: again,
    state: TaskState.FAILED,
    reason: /^task: non-zero exit \(3\)$/,
  },
  'out-of-memory': {
    container: { args: shell('head -c 64000000 /dev/zero | tail') },
    task: {
      ...again,
      resources: { limits: { memoryBytes: 16n * MEBIBYTE } },
    },
    state: TaskState.FAILED,
    reason: /^task: non-zero exit \(137\): out of memory$/,
  },
};

const cleanup = new Cleanup();
let containerd: ContainerdFixture;
let containers: Containers;
let daemon: Daemon;
let swarm: Swarm;
const services = new Map<string, Service>();

describe('a task that cannot run', { skip: containerdMissing() ?? false }, () => {
  before(async () => {
    ({ containerd, containers, daemon, swarm } = await startSingleNode(cleanup));
    for (const [name, words] of Object.entries(cases))
      services.set(name, await swarm.create(serviceSpec({ ...words, name })));
  });
  after(() => cleanup.run());

  for (const [name, { state, reason }] of Object.entries(cases))
    it(`${name}: the task says so, and swarmctl shows it`, async () => {
      const task = await swarm.task(`the reason of ${name}`, idOf(name), explains(reason));
      assert.equal(TaskState[task.status?.state ?? 0], TaskState[state]);
      const { status, stdout, stderr } = await swarmctl(daemon.socket, 'task', 'inspect', task.id);
      assert.equal(status, 0, stderr);
      // Columns are padded, long texts stay on their line.
      assert.ok(stdout.includes(task.status?.err ?? '-'), stdout);
    });

  it('a bad reference is refused at once, in the words that tools know', async () => {
    const bad = serviceSpec({ name: 'bad', container: { image: 'Not A/Reference::' } });
    await assert.rejects(swarm.create(bad), (error) => {
      assert.ok(isSwarmError(error));
      assert.equal(error.kind, 'invalid-argument');
      assert.equal(
        error.message,
        'ContainerSpec: "Not A/Reference::" is not a valid repository/tag',
      );
      return true;
    });
    assert.equal((await swarm.services()).length, services.size);
  });

  it('every service goes on trying, not before its delay, and the daemon rests', async (t) => {
    const seen = new Map<string, Set<string>>();
    const look = async (): Promise<void> => {
      for (const task of await swarm.tasks())
        seen.set(task.serviceId, (seen.get(task.serviceId) ?? new Set()).add(task.id));
    };
    await look();
    const first = new Map([...seen].map(([id, tasks]) => [id, tasks.size]));
    const end = performance.now() + WATCH_MS;
    const cpu = cpuSeconds(daemon.pid);
    // Looking is not free: it is done as often as is needed to see every task.
    while (performance.now() < end) {
      await pause(DELAY_MS / 2);
      await look();
    }
    const share = (cpuSeconds(daemon.pid) - cpu) / (WATCH_MS / 1000);
    t.diagnostic(`the daemon used ${(share * 100).toFixed(1)} % of a processor`);
    assert.ok(share < 0.2, `${share} of a processor`);
    const most = Math.ceil(WATCH_MS / DELAY_MS) + 1;
    for (const [name, { waits }] of Object.entries(cases)) {
      const tasks = seen.get(idOf(name))?.size ?? 0;
      const fresh = tasks - (first.get(idOf(name)) ?? 0);
      if (waits) assert.equal(tasks, 1, `${name} waits in one task`);
      else {
        assert.ok(fresh >= 1, `${name} is not tried again`);
        assert.ok(fresh <= most, `${name}: ${fresh} tasks in ${WATCH_MS} ms`);
      }
    }
  });

  it('where the reason goes away, the task runs', async () => {
    const archive = buildBusyboxArchive({ reference: UNKNOWN_IMAGE });
    await importInto(containerd.address, archive);
    const [node] = await swarm.nodes();
    assert.ok(node !== undefined);
    await swarm.updateNode(node, (spec) => ({
      ...spec,
      annotations: { name: '', indices: [], ...spec.annotations, labels: { disk: 'ssd' } },
    }));
    for (const name of ['unknown-image', 'impossible-constraint']) {
      const [task] = await swarm.running(idOf(name), 1);
      assert.equal(task?.status?.err, '', name);
      assert.ok((await containers.running()).has(task?.id ?? ''), name);
    }
    await swarm.remove(idOf('no-command'));
    const mended = await swarm.create(serviceSpec({ name: 'mended' }));
    await swarm.running(mended.id, 1);
  });

  it('a policy that ends is kept to: after the last attempt nothing more happens', async () => {
    const service = await swarm.create(
      serviceSpec({
        name: 'three-attempts',
        labels: { [RESTART_BACKOFF_LABEL]: 'off' },
        container: { args: shell('exit 4') },
        task: {
          restart: {
            condition: RestartPolicy_RestartCondition.ON_FAILURE,
            delay: durationFromMs(100),
            maxAttempts: 2n,
          },
        },
      }),
    );
    const isOver = (task: Task): boolean => task.status?.state === TaskState.FAILED;
    await until('three attempts are over', async () => {
      const tasks = await swarm.tasks(service.id);
      return tasks.length >= 3 && tasks.every(isOver);
    });
    // Ten delays later none has come.
    for (let quiet = 0; quiet < 10; quiet++) {
      assert.equal((await swarm.tasks(service.id)).length, 3);
      await pause(100);
    }
  });
});

const idOf = (name: string): string => services.get(name)?.id ?? '';

const explains =
  (reason: RegExp) =>
  ({ status }: Task): boolean =>
    reason.test(status?.err ?? '');
