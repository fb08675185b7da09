import assert from 'node:assert/strict';
import test from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import {
  TaskState,
  UpdateStatus_UpdateState as Update,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

/** The service `web` with two replicas, about to be updated; `asTimePasses` plays the orchestrator. */
function withWeb(rest: Partial<Service> = {}): FakeCluster {
  const cluster = new FakeCluster();
  cluster.nodes = [aNode({ id: 'node1' })];
  cluster.services = [
    {
      ...aService({
        id: 'svc-web',
        spec: {
          annotations: { name: 'web' },
          mode: { $case: 'replicated', value: { replicas: 2n } },
        },
      }),
      ...rest,
    },
  ];
  return cluster;
}

const update = ['service', 'update', 'web'];
const web = (cluster: FakeCluster): Service => cluster.services[0] as Service;
const run = (cluster: FakeCluster, slot: bigint, state = TaskState.RUNNING, err = ''): void => {
  cluster.tasks = [
    ...cluster.tasks.filter((task) => task.slot !== slot),
    aTaskOf(web(cluster), {
      slot,
      nodeId: 'node1',
      meta: { version: { index: BigInt(cluster.tasks.length + 1) } },
      status: { state, err },
      desiredState: state > TaskState.RUNNING ? TaskState.SHUTDOWN : TaskState.RUNNING,
    }),
  ];
};
const runBoth = (cluster: FakeCluster): void => {
  for (const slot of [1n, 2n]) run(cluster, slot);
};
const setStatus = (cluster: FakeCluster, state: Update, message = ''): void => {
  cluster.services = [
    {
      ...web(cluster),
      updateStatus: { state, message, startedAt: undefined, completedAt: undefined },
    },
  ];
};
/** Each step at the first sleep that reaches its time. */
const script = (steps: Readonly<Record<number, () => void>>): ((ms: number) => void) => {
  const left = Object.entries(steps).map(([at, step]) => [Number(at), step] as const);
  return (ms) => {
    while (left[0] !== undefined && left[0][0] <= ms) left.shift()?.[1]();
  };
};

test('without a terminal: a line for each change, on standard error', async () => {
  const cluster = withWeb();
  const { code, out, err } = await runCtl(cluster, update, {
    asTimePasses: script({
      400: () => run(cluster, 1n, TaskState.PREPARING),
      800: () => run(cluster, 1n, TaskState.RUNNING),
      1000: () => run(cluster, 2n, TaskState.PENDING, 'no suitable node'),
      1800: () => run(cluster, 2n, TaskState.RUNNING),
    }),
  });
  assert.equal(code, 0);
  assert.equal(out, 'svc-web\n');
  assert.equal(
    err,
    '0 of 2 tasks running\n' +
      '1 of 2 tasks running\n' +
      '1 of 2 tasks running Pending: no suitable node\n' +
      '2 of 2 tasks running\n' +
      'Service converged\n',
  );
});

test('on a terminal: a bar that shows the newest reason, clears it, and fits', async () => {
  const cluster = withWeb();
  const { out, err } = await runCtl(cluster, update, {
    isTerminal: true,
    columns: 60,
    asTimePasses: script({
      400: () => run(cluster, 1n),
      600: () => run(cluster, 2n, TaskState.PREPARING, `pull ${'x'.repeat(100)}`),
      800: () => run(cluster, 2n),
    }),
  });
  assert.equal(err, '');
  const frames = out.split('\r\u001b[2K');
  assert.equal(frames[0], 'svc-web\n');
  assert.equal(frames[1], `[${' '.repeat(30)}] 0/2`);
  assert.equal(frames.length, 5, 'it is drawn when something has changed');
  const reason = frames.find((frame) => frame.includes('Preparing'));
  assert.match(reason ?? '', /^\[={15} {15}\] 1\/2 Preparing: pull x+$/);
  assert.equal(reason?.length, 59);
  assert.equal(frames.at(-1), `[${'='.repeat(30)}] 2/2\nService converged\n`);
});

test('tasks must stay up for a second', async () => {
  const cluster = withWeb();
  const { code, err } = await runCtl(cluster, update, {
    asTimePasses: script({
      200: () => runBoth(cluster),
      600: () => run(cluster, 2n, TaskState.FAILED, 'exit 1'),
      800: () => run(cluster, 2n, TaskState.READY),
      5600: () => run(cluster, 2n),
    }),
  });
  assert.equal(code, 0);
  assert.match(
    err,
    /2 of 2 tasks running\n1 of 2 tasks running.*\n2 of 2 tasks running\nService converged\n$/s,
  );
});

test('what has converged is not watched for longer than that', async () => {
  const cluster = withWeb();
  runBoth(cluster);
  const { ms, code } = await runCtl(cluster, update);
  assert.equal(code, 0);
  assert.ok(ms >= 1_000 && ms <= 1_400, `it took ${ms} ms`);
  const none = await runCtl(withWeb(), [...update, '--replicas', '0']);
  assert.deepEqual([none.code, none.ms], [0, 0]);
});

test('a global service that no node may take is done at once, and says so', async () => {
  const cluster = new FakeCluster();
  const { code, err, ms } = await runCtl(cluster, ['service', 'create', '--mode', 'global', 'a']);
  assert.deepEqual([code, ms], [0, 0]);
  assert.match(err, /Service converged: no node may take its tasks now\n$/);
});

test('an update counts as done when the manager has watched it for long enough', async () => {
  const cluster = withWeb();
  runBoth(cluster);
  setStatus(cluster, Update.UPDATING);
  const { code, ms } = await runCtl(cluster, update, {
    asTimePasses: script({ 7000: () => setStatus(cluster, Update.COMPLETED) }),
  });
  assert.equal(code, 0);
  assert.ok(ms >= 8_000, `it took ${ms} ms`);
});

test('a paused update fails, and says why and what to do', async () => {
  const cluster = withWeb();
  const message = 'update paused due to failure or early termination of task x';
  const { code, err } = await runCtl(cluster, update, {
    asTimePasses: script({ 400: () => setStatus(cluster, Update.PAUSED, message) }),
  });
  assert.equal(code, 1);
  assert.match(
    err,
    new RegExp(
      `\nswarmctl: service web: ${message}; correct it with .* or go back with --rollback\n$`,
    ),
  );
});

test('an update that was rolled back has failed, unless a rollback was asked for', async () => {
  const rolledBack = (cluster: FakeCluster) => ({
    asTimePasses: script({
      400: () => {
        runBoth(cluster);
        setStatus(cluster, Update.ROLLBACK_COMPLETED, 'rollback completed');
      },
    }),
  });
  const failed = withWeb();
  const { code, err } = await runCtl(failed, update, rolledBack(failed));
  assert.equal(code, 1);
  assert.match(err, /the update failed and the former specification is in force again/);
  const asked = withWeb();
  const wanted = await runCtl(asked, [...update, '--rollback'], rolledBack(asked));
  assert.equal(wanted.code, 0, wanted.err);
});

test('a service whose tasks are not restarted is not waited for', async () => {
  const cluster = withWeb();
  const { code, err, ms } = await runCtl(cluster, update, {
    asTimePasses: script({
      200: () => run(cluster, 1n),
      400: () => run(cluster, 2n, TaskState.FAILED, 'task: non-zero exit (1)'),
    }),
  });
  assert.equal(code, 1);
  assert.match(
    err,
    /swarmctl: service web has 1 of 2 tasks and no more are being started: .*\(Failed: task: non-zero exit \(1\)\); swarmctl task ls web --all shows what ended\n$/,
  );
  assert.ok(ms < 5_000);
});

test('jobs are watched until they have completed', async () => {
  const cluster = new FakeCluster();
  const { code, err } = await runCtl(
    cluster,
    ['service', 'create', '--mode', 'replicated-job', '--replicas', '1', 'a'],
    {
      asTimePasses: script({
        400: () => {
          cluster.tasks = [
            aTaskOf(web(cluster), {
              slot: 0n,
              status: { state: TaskState.RUNNING },
              desiredState: TaskState.COMPLETE,
            }),
          ];
        },
        600: () => {
          cluster.tasks = cluster.tasks.map((task) => ({
            ...task,
            status: { ...task.status!, state: TaskState.COMPLETE },
          }));
        },
      }),
    },
  );
  assert.equal(code, 0);
  assert.equal(err, '0 of 1 tasks completed\n1 of 1 tasks completed\nJob complete\n');
});

test('Ctrl-C ends the watching, not the service', async () => {
  const cluster = withWeb();
  const { code, out, err } = await runCtl(cluster, update, {
    asTimePasses: (ms, interrupt) => ms >= 400 && interrupt(),
  });
  assert.equal(code, 130);
  assert.equal(out, 'svc-web\n');
  assert.match(
    err,
    /swarmctl: no longer watching; the service goes on by itself, look at it with swarmctl service inspect svc-web\n$/,
  );
});

test('a manager that is away for a moment is waited for, another error is not', async () => {
  const away = () => new SwarmError('unavailable', 'CTL_UNREACHABLE', 'no swarmd answers');
  const cluster = withWeb();
  runBoth(cluster);
  cluster.faults.set('listTasks', Array.from({ length: 20 }, away));
  const back = await runCtl(cluster, update);
  assert.equal(back.code, 0);
  assert.equal(
    back.err,
    'The manager does not answer; waiting for it\n2 of 2 tasks running\nService converged\n',
  );
  cluster.faults.set('listTasks', Array.from({ length: 999 }, away));
  const gone = await runCtl(cluster, update);
  assert.equal(gone.code, 4);
  assert.ok(gone.ms >= 15_000 && gone.ms < 20_000);
  cluster.faults.set('listTasks', [new SwarmError('internal', 'RPC_REMOTE', 'broken')]);
  assert.equal((await runCtl(cluster, update)).code, 1);
});

test('a service that is removed meanwhile is not found', async () => {
  const cluster = withWeb();
  const { code } = await runCtl(cluster, update, {
    asTimePasses: script({
      400: () => {
        cluster.services = [];
      },
    }),
  });
  assert.equal(code, 3);
});

test('--quiet and JSON wait without a word', async () => {
  const cluster = withWeb();
  runBoth(cluster);
  const quiet = await runCtl(cluster, [...update, '--quiet']);
  assert.deepEqual([quiet.out, quiet.err], ['svc-web\n', '']);
  const json = await runCtl(cluster, [...update, '--format', 'json'], { isTerminal: true });
  assert.equal(json.err, '');
  assert.equal((JSON.parse(json.out) as { readonly id: string }).id, 'svc-web');
});

test('looking leaves the manager most of its time', async () => {
  const cluster = withWeb();
  run(cluster, 1n, TaskState.PREPARING);
  await runCtl(cluster, update, {
    asTimePasses: script({ 60000: () => runBoth(cluster) }),
  });
  const looks = cluster.requests('listTasks').length;
  assert.ok(looks > 250 && looks < 320, `${looks} looks in a minute`);
});
