import assert from 'node:assert/strict';
import test from 'node:test';
import {
  aCluster,
  anAttachment,
  aNetwork,
  aNode,
  aService,
  aTaskOf,
  fixtureTime,
} from '@swarmkit/sdk/testkit/fixtures';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

/** Two nodes, a web service with a history, a global one, and a job. */
function sample(): FakeCluster {
  const cluster = new FakeCluster();
  cluster.clusters = [
    aCluster({
      id: 'cluster1',
      rootCa: { joinTokens: { worker: 'SWMTKN-1-w', manager: 'SWMTKN-1-m' } },
    }),
  ];
  cluster.nodes = [
    aNode({
      id: 'node1',
      role: 1,
      certificate: { status: { state: 3 } },
      description: { hostname: 'alpha' },
      managerStatus: { leader: true, reachability: 2, raftId: 1n, addr: '127.0.0.1:4242' },
    }),
    aNode({
      id: 'node2',
      description: { hostname: 'beta' },
      spec: { availability: NodeSpec_Availability.DRAIN },
      status: { state: NodeStatus_State.DOWN, message: 'heartbeat failure' },
    }),
  ];
  const web = aService({
    id: 'svc-web',
    spec: {
      annotations: { name: 'web', labels: { tier: 'front' } },
      mode: { $case: 'replicated', value: { replicas: 2n } },
      task: {
        runtime: {
          $case: 'container',
          value: { image: 'nginx:1.27@sha256:ab', args: ['sh', '-c', 'echo a'], env: ['A=1'] },
        },
        resources: { limits: { memoryBytes: 1n << 29n }, reservations: { nanoCpus: 500_000_000n } },
        restart: { condition: 1, delay: { seconds: 5n, nanos: 0 }, maxAttempts: 3n },
        placement: { constraints: ['node.role==manager'] },
      },
      update: { parallelism: 2n, order: 1, failureAction: 2 },
      endpoint: { ports: [{ targetPort: 80, publishMode: 0 }] },
    },
    endpoint: {
      ports: [
        { targetPort: 80, publishedPort: 30_000 },
        { targetPort: 53, protocol: 1, publishMode: 1 },
      ],
    },
  });
  const agent = aService({
    id: 'svc-agent',
    spec: { annotations: { name: 'agent' }, mode: { $case: 'global', value: {} } },
  });
  const job = aService({
    id: 'svc-job',
    spec: {
      annotations: { name: 'job' },
      mode: { $case: 'replicatedJob', value: { maxConcurrent: 1n, totalCompletions: 4n } },
    },
    jobStatus: { jobIteration: { index: 0n } },
  });
  cluster.services = [web, agent, job];
  const at = (seconds: number) => timestampFromMs(fixtureTime + 60_000 - seconds * 1_000);
  cluster.tasks = [
    aTaskOf(web, { id: 'task-b', slot: 2n, nodeId: 'node1', status: { timestamp: at(5) } }),
    aTaskOf(web, {
      id: 'task-a',
      slot: 1n,
      nodeId: 'node1',
      meta: { version: { index: 9n } },
      status: { timestamp: at(90) },
    }),
    aTaskOf(web, {
      id: 'task-old',
      slot: 1n,
      nodeId: 'node2',
      desiredState: TaskState.SHUTDOWN,
      status: { state: TaskState.FAILED, err: 'task: non-zero exit (1)', timestamp: at(7_200) },
    }),
    aTaskOf(agent, { id: 'task-g', nodeId: 'node1', status: { timestamp: at(1) } }),
    aTaskOf(job, {
      id: 'task-j',
      slot: 0n,
      nodeId: 'node1',
      desiredState: TaskState.COMPLETE,
      jobIteration: { index: 0n },
      status: { timestamp: at(1) },
    }),
  ];
  return cluster;
}

const prints = async (argv: readonly string[], expected: string): Promise<void> => {
  const { code, out, err } = await runCtl(sample(), argv);
  assert.deepEqual({ code, err }, { code: 0, err: '' });
  assert.equal(out, `${expected.replace(/^\n/, '').replace(/\n\s*$/, '')}\n`);
};

test('service ls', () =>
  prints(
    ['service', 'ls'],
    `
ID          NAME    MODE             REPLICAS              IMAGE            PORTS
svc-agent   agent   global           1/1                   busybox:latest
svc-job     job     replicated-job   1/1 (0/4 completed)   busybox:latest
svc-web     web     replicated       2/2                   nginx:1.27       30000->80/tcp, 53/udp (host)
`,
  ));

test('task ls', () =>
  prints(
    ['task', 'ls'],
    `
ID       NAME          IMAGE            NODE    DESIRED    STATE                   ERROR
task-g   agent.alpha   busybox:latest   alpha   Running    Running 1 second ago
task-j   job.0         busybox:latest   alpha   Complete   Running 1 second ago
task-a   web.1         nginx:1.27       alpha   Running    Running 1 minute ago
task-b   web.2         nginx:1.27       alpha   Running    Running 5 seconds ago
`,
  ));

test('task ls with history, of some services', () =>
  prints(
    ['task', 'list', 'web', 'svc-ag', '--all'],
    `
ID         NAME          IMAGE            NODE    DESIRED    STATE                   ERROR
task-g     agent.alpha   busybox:latest   alpha   Running    Running 1 second ago
task-a     web.1         nginx:1.27       alpha   Running    Running 1 minute ago
task-old   web.1         nginx:1.27       beta    Shutdown   Failed 2 hours ago      task: non-zero exit (1)
task-b     web.2         nginx:1.27       alpha   Running    Running 5 seconds ago
`,
  ));

test('task ls and inspect: a container that was started by hand', async () => {
  const cluster = sample();
  const front = aNetwork({ id: 'net1', spec: { annotations: { name: 'front' } } });
  cluster.tasks = [
    anAttachment('node1', ['net1'], {
      id: 'task-h',
      networks: [{ network: front, addresses: ['10.0.1.5/24'] }],
    }),
  ];
  const { out } = await runCtl(cluster, ['task', 'ls']);
  assert.match(out, /^task-h +c0ffee000000\.alpha +attachment +alpha +Running +Running/m);
  const { out: one } = await runCtl(cluster, ['task', 'inspect', 'task-h']);
  assert.match(one, /^Container: +c0ffee0{58}$/m);
  assert.match(one, /^Addresses: +10\.0\.1\.5\/24 on front$/m);
});

test('node ls', () =>
  prints(
    ['node', 'ls'],
    `
ID      HOSTNAME   STATUS   AVAILABILITY   MANAGER STATUS   CERTIFICATE   ENGINE
node1   alpha      Ready    Active         Leader           Issued        1.0.0
node2   beta       Down     Drain                                         1.0.0
`,
  ));

test('cluster ls', () => prints(['cluster', 'ls'], 'ID         NAME\ncluster1   default'));

test('cluster inspect', () =>
  prints(
    ['cluster', 'inspect'],
    `
ID:              cluster1
Name:            default
Task history:    5
Heartbeat:       5s
Certificates:    2160h
Snapshot every:  10000 entries
Worker token:    SWMTKN-1-w
Manager token:   SWMTKN-1-m
`,
  ));

test('service inspect', () =>
  prints(
    ['service', 'inspect', 'web'],
    `
ID:            svc-web
Name:          web
Mode:          replicated
Replicas:      2/2
Labels:        tier=front
Image:         nginx:1.27
Arguments:     sh -c "echo a"
Environment:   A=1
Constraints:   node.role==manager
Reservations:  0.5 CPUs
Limits:        512 MiB
Restart:       on-failure after 5s at most 3 times
Ports:         30000->80/tcp, 53/udp (host)
Endpoint:      vip
Update by:     2 at once, start-first, rollback on failure

ID       NAME    IMAGE        NODE    DESIRED   STATE                   ERROR
task-a   web.1   nginx:1.27   alpha   Running   Running 1 minute ago
task-b   web.2   nginx:1.27   alpha   Running   Running 5 seconds ago
`,
  ));

test('node inspect', () =>
  prints(
    ['node', 'inspect', 'beta', '--all'],
    `
ID:            node2
Hostname:      beta
Role:          Worker
Status:        Down
Message:       heartbeat failure
Address:       127.0.0.1
Availability:  Drain
Membership:    Accepted
Platform:      linux/x86_64
CPUs:          4
Memory:        8 GiB
Engine:        1.0.0

ID         NAME    IMAGE        NODE   DESIRED    STATE                ERROR
task-old   web.1   nginx:1.27   beta   Shutdown   Failed 2 hours ago   task: non-zero exit (1)
`,
  ));

test('task inspect', () =>
  prints(
    ['task', 'inspect', 'task-old'],
    `
ID:       task-old
Name:     web.1.task-old
Service:  web
Slot:     1
Image:    nginx:1.27
Node:     beta
Desired:  Shutdown
State:    Failed (started)
Since:    2 hours ago
Error:    task: non-zero exit (1)
Why:      it failed: task: non-zero exit (1)
`,
  ));

test('ids only', async () => {
  const ids = async (...argv: readonly string[]): Promise<string> =>
    (await runCtl(sample(), argv)).out;
  assert.equal(await ids('service', 'ls', '-q'), 'svc-agent\nsvc-job\nsvc-web\n');
  assert.equal(await ids('task', 'ls', 'web', '--quiet'), 'task-b\ntask-a\n');
  assert.equal(await ids('node', 'ls', '-q'), 'node1\nnode2\n');
  assert.equal(await ids('cluster', 'ls', '-q'), 'cluster1\n');
});

test('an empty cluster prints headers, and nothing for scripts', async () => {
  const empty = new FakeCluster();
  assert.equal((await runCtl(empty, ['service', 'ls', '-q'])).out, '');
  assert.equal((await runCtl(empty, ['service', 'ls', '--format', 'json'])).out, '[]\n');
  assert.match((await runCtl(empty, ['task', 'ls'])).out, /^ID {3}NAME.*\n$/);
});

test('--format json before and after the sub-command', async () => {
  const commands = [
    ['service', 'ls'],
    ['task', 'ls'],
    ['node', 'ls'],
    ['cluster', 'ls'],
    ['service', 'inspect', 'web'],
    ['task', 'inspect', 'task-a'],
    ['node', 'inspect', 'alpha'],
    ['cluster', 'inspect'],
  ];
  for (const argv of commands) {
    const after = await runCtl(sample(), [...argv, '--format', 'json']);
    const before = await runCtl(sample(), ['--format=json', ...argv]);
    assert.equal(after.code, 0, after.err);
    assert.equal(after.out, before.out);
    const parsed: unknown = JSON.parse(after.out);
    assert.equal(Array.isArray(parsed), argv[1] === 'ls', argv.join(' '));
  }
});

test('JSON shows services with the defaults that hold for them', async () => {
  const cluster = sample();
  await runCtl(cluster, ['service', 'inspect', 'web', '--format', 'json']);
  const last = cluster.requests<{ readonly insertDefaults: boolean }>('getService').at(-1);
  assert.equal(last?.insertDefaults, true);
});

test('objects by id, by name and by the beginning of an id', async () => {
  const idOf = async (...argv: readonly string[]): Promise<string> => {
    const { out, err } = await runCtl(sample(), [...argv, '--format', 'json']);
    assert.equal(err, '');
    return (JSON.parse(out) as { readonly id: string }).id;
  };
  assert.equal(await idOf('service', 'inspect', 'svc-web'), 'svc-web');
  assert.equal(await idOf('service', 'inspect', 'web'), 'svc-web');
  assert.equal(await idOf('service', 'inspect', 'svc-w'), 'svc-web');
  assert.equal(await idOf('node', 'inspect', 'self'), 'node1');
  assert.equal(await idOf('task', 'inspect', 'web.1'), 'task-a', 'the newest in the slot');
  assert.equal(await idOf('task', 'inspect', 'agent.alpha'), 'task-g');
  assert.equal(await idOf('task', 'inspect', 'agent.node1'), 'task-g');
  assert.equal(await idOf('task', 'inspect', 'job.0'), 'task-j');
  assert.equal(await idOf('task', 'inspect', 'task-o'), 'task-old');
});

test('a name wins over the beginning of an id', async () => {
  const cluster = sample();
  cluster.services.push(aService({ id: 'webster', spec: { annotations: { name: 'other' } } }));
  const { out } = await runCtl(cluster, ['service', 'inspect', 'web']);
  assert.match(out, /^ID: +svc-web$/m);
});

test('more than one match is refused with what matched', async () => {
  const { code, err } = await runCtl(sample(), ['service', 'inspect', 'svc']);
  assert.equal(code, 1);
  assert.equal(
    err,
    'swarmctl: service svc is ambiguous, it matches svc-web (web), svc-agent (agent), svc-job (job); write more of the id\n',
  );
  const crowd = sample();
  crowd.nodes = Array.from({ length: 9 }, (_, index) =>
    aNode({ id: `same${index}`, description: { hostname: '' } }),
  );
  const many = await runCtl(crowd, ['node', 'inspect', 'same']);
  assert.match(many.err, /matches same0, same1, same2, same3, same4 and 4 more; /);
});

test('self is refused where there are several managers', async () => {
  const cluster = sample();
  cluster.nodes = cluster.nodes.map((one) => ({
    ...one,
    managerStatus: cluster.nodes[0]?.managerStatus,
  }));
  const { code, err } = await runCtl(cluster, ['node', 'drain', 'self']);
  assert.equal(code, 1);
  assert.match(err, /node self is ambiguous, it matches node1 \(alpha\), node2 \(beta\)/);
});

test('what is not there has an exit code of its own', async () => {
  for (const kind of ['service', 'task', 'node', 'cluster']) {
    const { code, err, out } = await runCtl(sample(), [kind, 'inspect', 'nobody']);
    assert.deepEqual({ code, out }, { code: 3, out: '' });
    assert.equal(
      err,
      `swarmctl: ${kind} nobody not found; swarmctl ${kind} ls shows what there is\n`,
    );
  }
  assert.equal((await runCtl(sample(), ['task', 'ls', 'nobody'])).code, 3);
  assert.equal((await runCtl(sample(), ['task', 'inspect', 'web.9'])).code, 3);
});
