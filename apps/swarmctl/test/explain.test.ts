import assert from 'node:assert/strict';
import test from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  anAttachment,
  aNode,
  aService,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { Mount_Type, NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { verdicts } from '../progress/verdicts.js';
import { type TaskInPlace, whoActs } from '../progress/who-acts.js';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

const service = (overrides: Partially<Service> = {}): Service =>
  aService({
    id: 'web',
    ...overrides,
    spec: {
      annotations: { name: 'web' },
      mode: { $case: 'replicated', value: { replicas: 3n } },
      ...overrides.spec,
    } as never,
  });

/** What one node says to a task. */
const verdict = (task: Partially<Task>, node: Partially<Node>, there: readonly Task[] = []) =>
  verdicts(aTaskOf(service(), { ...task, nodeId: '' }), [aNode({ id: 'n', ...node })], there)[0]
    ?.against;

const there = (overrides: Partially<Task>): Task =>
  aTaskOf(service(), {
    nodeId: 'n',
    status: { state: TaskState.RUNNING },
    ...overrides,
  } as never);

test('verdicts: what exactly is in the way, all of it', () => {
  const reservations = { nanoCpus: 3_000_000_000n, memoryBytes: 1n << 30n };
  const big: Partially<Task> = { spec: { resources: { reservations } } };
  assert.deepEqual(verdict(big, {}), []);
  assert.deepEqual(verdict(big, {}, [there(big)]), ['not enough left: 1 CPU, 7 GiB']);
  assert.deepEqual(verdict({}, { spec: { availability: 2 } }), ['takes no new tasks (drain)']);
  assert.deepEqual(verdict({}, { status: { state: NodeStatus_State.DOWN } }), ['is down']);
  const placement = {
    constraints: ['node.role==worker', 'node.labels.disk==ssd'],
    platforms: [{ os: 'linux', architecture: 'arm64' }],
    maxReplicas: 1n,
  };
  assert.deepEqual(verdict({ spec: { placement } }, {}, [there({})]), [
    'does not meet node.labels.disk==ssd',
    'is of another platform (linux/x86_64)',
    'has 1 tasks of the service already',
  ]);
  const ports = [{ publishMode: 1, publishedPort: 8080, targetPort: 80 }];
  assert.deepEqual(verdict({ endpoint: { ports } }, {}, [there({ endpoint: { ports } })]), [
    'port 8080 is in use there',
  ]);
  const mounts = [{ type: Mount_Type.CLUSTER, target: '/a' }];
  const clustered: Partially<Task> = {
    spec: { runtime: { $case: 'container', value: { image: 'a', mounts } } },
  };
  assert.deepEqual(verdict(clustered, {}), [
    'cannot fulfill requested CSI volume mounts on 1 node',
  ]);
  const generic = [
    { resource: { $case: 'discreteResourceSpec', value: { kind: 'gpu', value: 2n } } },
  ] as never;
  assert.deepEqual(
    verdict(
      { spec: { resources: { reservations: { generic } } } },
      { description: { resources: { generic } } },
      [there({ assignedGenericResources: generic })],
    ),
    ['not enough left: gpu=0'],
  );
});

test('who acts next, in each state', () => {
  const node = aNode({ id: 'n', description: { hostname: 'alpha' } });
  const acts = (
    state: TaskState,
    { of = service(), ...task }: Partially<Task> & { of?: Service | undefined } = {},
    place: Partial<TaskInPlace> = {},
  ): string =>
    whoActs(
      {
        task: aTaskOf(service(), { nodeId: 'n', ...task, status: { state } } as never),
        service: of,
        node,
        successor: undefined,
        ...place,
      },
      fixtureTime + 1_000,
    );
  const policy = (restart: object): Service => service({ spec: { task: { restart } } as never });
  const down = aNode({ ...node, status: { state: NodeStatus_State.DOWN } } as never);
  const desiredState = TaskState.SHUTDOWN;
  const expected: readonly (readonly [string, string])[] = [
    [acts(TaskState.NEW), 'the allocator, when an address, a network or a port is free for it'],
    [acts(TaskState.PENDING), 'the scheduler, when a node changes or a task makes room'],
    [acts(TaskState.STARTING), 'node alpha, which works on it'],
    [acts(TaskState.RUNNING), 'nobody: it runs'],
    [acts(TaskState.RUNNING, { desiredState }), 'node alpha, which stops it'],
    [acts(TaskState.PENDING, { desiredState }), 'the reaper'],
    [
      acts(TaskState.RUNNING, {}, { node: down }),
      'node alpha, when it is back; else the orchestrator, which replaces the task',
    ],
    [
      acts(TaskState.READY, {
        desiredState: TaskState.READY,
        restartBackoff: { failures: 4, startAfter: timestampFromMs(fixtureTime + 31_000) },
      }),
      'the orchestrator, in 30 s, when the task that it replaces has stopped (4 failures in a row)',
    ],
    [
      acts(TaskState.READY, { desiredState: TaskState.READY }),
      'the orchestrator, in 4 s, when the task that it replaces has stopped',
    ],
    [acts(TaskState.FAILED), 'the orchestrator, which replaces it'],
    [acts(TaskState.FAILED, {}, { service: undefined }), 'nobody: it was to stop'],
    [
      acts(TaskState.FAILED, { of: policy({ condition: 0 }) }),
      'nobody: its service does not restart tasks',
    ],
    [
      acts(TaskState.COMPLETE, { of: policy({ condition: 1 }) }),
      'nobody: its service restarts only what failed',
    ],
    [
      acts(TaskState.FAILED, { of: policy({ condition: 2, maxAttempts: 3n }) }),
      'the orchestrator, unless it was restarted 3 times already',
    ],
    [
      acts(TaskState.FAILED, {}, { successor: there({ id: 't2' }) }),
      'nobody: task t2 took its place',
    ],
    [acts(TaskState.FAILED, { desiredState }), 'nobody: it was to stop'],
  ];
  for (const [said, wanted] of expected) assert.equal(said, wanted);
});

function cluster(): FakeCluster {
  const made = new FakeCluster();
  const secrets = [{ secretId: 'gone', secretName: 'key' }];
  const web = service({
    spec: {
      task: {
        runtime: { $case: 'container', value: { image: 'a', secrets } },
        placement: { constraints: ['node.labels.disk==ssd'] },
      },
    },
    updateStatus: { state: 2, message: 'update paused due to failure of task t9' },
  } as never);
  made.services = [web];
  made.nodes = [
    aNode({ id: 'n1', description: { hostname: 'alpha' } }),
    aNode({ id: 'n2', description: { hostname: 'beta' }, spec: { availability: 2 } }),
  ];
  made.tasks = [
    aTaskOf(web, { id: 't1', slot: 1n, nodeId: 'n1', status: { state: TaskState.RUNNING } }),
    aTaskOf(web, { id: 't2', slot: 2n, nodeId: '', status: { state: TaskState.PENDING } }),
    aTaskOf(web, {
      id: 't3',
      slot: 3n,
      nodeId: 'n1',
      status: { state: TaskState.FAILED, err: 'exit 1' },
    }),
  ];
  return made;
}

test('explain a service: what is open, who acts, and why no node takes it', async () => {
  const { code, out, err } = await runCtl(cluster(), ['explain', 'web']);
  assert.equal(code, 0, err);
  assert.match(out, /^Service: +web\nState: +1 of 3\n/);
  assert.match(
    out,
    /Update: +Paused: update paused due to failure of task t9; you: update it again, or swarmctl service rollback\n/,
  );
  assert.match(out, /Missing: +secret key\n/);
  assert.match(out, /web\.2 +Pending +it waits to be given a node +the scheduler/);
  assert.match(out, /web\.3 +Failed +it failed: exit 1 +the orchestrator, which replaces it\n/);
  assert.doesNotMatch(out, /web\.1/);
  assert.match(out, /NODE +VERDICT\nalpha +does not meet node\.labels\.disk==ssd\n/);
  assert.match(out, /beta +takes no new tasks \(drain\); does not meet node\.labels\.disk==ssd\n$/);
});

test('explain a task; what is not there', async () => {
  const { out } = await runCtl(cluster(), ['explain', 'web.2']);
  assert.match(out, /^Task: +web\.2 \(t2\)\nState: +Pending, wanted Running\nWhy: /);
  assert.match(out, /NODE +VERDICT\n/);
  const failed = await runCtl(cluster(), ['explain', 't3']);
  assert.match(failed.out, /Next: +the orchestrator, which replaces it\n/);
  assert.doesNotMatch(failed.out, /VERDICT/);
  const missing = await runCtl(cluster(), ['explain', 'nobody']);
  assert.equal(missing.code, 3);
  const none = cluster();
  none.nodes = [];
  assert.match((await runCtl(none, ['explain', 'web'])).out, /There is no node\.\n$/);
});

test('explain a container that was started by hand: only its own node counts, and nobody replaces it', async () => {
  const cluster = new FakeCluster();
  const down = aNode({ id: 'n', status: { state: NodeStatus_State.DOWN } });
  cluster.nodes = [down, aNode({ id: 'other' })];
  const { PENDING, FAILED } = TaskState;
  const by = (state: TaskState) => anAttachment('n', [], { id: 'by-hand', status: { state } });
  cluster.tasks = [by(PENDING)];
  const { out } = await runCtl(cluster, ['explain', 'by-hand']);
  assert.match(out, /c0ffee000000\.n \(by-hand\)/);
  assert.match(out, /^n +is down$/m);
  assert.doesNotMatch(out, /other/);
  const place = { service: undefined, node: down, successor: undefined };
  assert.equal(whoActs({ task: by(PENDING), ...place }, 0), 'node n, when it is back');
  assert.equal(whoActs({ task: by(FAILED), ...place }, 0), 'the reaper, which removes it');
});

test('filters that plugins contributed speak for each node, when the leader has any', async () => {
  const made = cluster();
  made.contributed = [{ nodeId: 'n1', against: ['needs a licence on 1 node'] }];
  for (const word of ['web', 'web.2']) {
    const { out } = await runCtl(made, ['explain', word]);
    assert.match(
      out,
      /alpha +does not meet node\.labels\.disk==ssd; needs a licence on 1 node\nbeta .*disk==ssd\n$/,
    );
  }
  assert.deepEqual(made.requests('explainPlacement'), [{ taskId: 't2' }, { taskId: 't2' }]);
  // A leader of Docker's does not know the call, and what it says otherwise stands.
  made.faults.set('explainPlacement', [new SwarmError('unimplemented', 'X', 'unknown service')]);
  assert.match((await runCtl(made, ['explain', 'web'])).out, /alpha .*disk==ssd\n/);
  made.faults.set('explainPlacement', [new SwarmError('unavailable', 'X', 'no leader')]);
  assert.equal((await runCtl(made, ['explain', 'web'])).code, 4);
});
