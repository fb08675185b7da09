import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNode, aService, aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Node, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  Mount_Type,
  NodeStatus_State,
  PortConfig_PublishMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { ClusterLoad } from '../core/cluster-load.js';
import { builtInFilters } from '@swarmkit/sdk/model/placement/built-in-filters';
import { Pipeline } from '../core/pipeline.js';
import { Cluster } from './cluster.js';

const HOST = PortConfig_PublishMode.HOST;

/** The explanation for this one node; empty when it will do. */
function charge(task: Partially<Task>, node: Partially<Node>, alreadyThere: readonly Task[] = []) {
  const cluster = new Cluster();
  const pending = aTaskOf(aService({ id: 'service' }), { ...task, nodeId: '' });
  cluster.store.seed({ node: [aNode({ ...node, id: 'node' })], task: alreadyThere });
  const load = new ClusterLoad(cluster.store.view(), 0).nodes();
  return new Pipeline(builtInFilters, pending).explain(load);
}

const there = (overrides: Partially<Task>): Task =>
  aTaskOf(aService({ id: 'service' }), { ...overrides, nodeId: 'node' });

const reserving = (nanoCpus: bigint, memoryBytes = 0n): Partially<Task> => ({
  spec: { resources: { reservations: { nanoCpus, memoryBytes } } },
});

test('ready: the node must be READY and ACTIVE', () => {
  const text = '1 node not available for new tasks';
  assert.equal(charge({}, {}), '');
  for (const state of [
    NodeStatus_State.DOWN,
    NodeStatus_State.UNKNOWN,
    NodeStatus_State.DISCONNECTED,
  ])
    assert.equal(charge({}, { status: { state } }), text);
  for (const availability of [NodeSpec_Availability.PAUSE, NodeSpec_Availability.DRAIN])
    assert.equal(charge({}, { spec: { availability } }), text);
});

test('resources: what is reserved must be left', () => {
  const text = 'insufficient resources on 1 node';
  assert.equal(charge(reserving(4_000_000_000n), {}), '');
  assert.equal(charge(reserving(4_000_000_001n), {}), text);
  assert.equal(charge(reserving(0n, 8n << 30n), {}), '');
  assert.equal(charge(reserving(0n, (8n << 30n) + 1n), {}), text);
  assert.equal(charge(reserving(1n), {}, [there(reserving(4_000_000_000n))]), text);
});

test('resources: a stopping task still holds its reservation, one that ended does not', () => {
  const all = reserving(4_000_000_000n);
  assert.equal(
    charge(reserving(1n), {}, [there({ ...all, desiredState: 640 })]),
    'insufficient resources on 1 node',
  );
  assert.equal(charge(reserving(1n), {}, [there({ ...all, status: { state: 704 } })]), '');
});

test('resources: generic ones by amount or by number of names; a name cannot be reserved', () => {
  const amount = (kind: string, value: bigint) => ({
    resource: { $case: 'discreteResourceSpec' as const, value: { kind, value } },
  });
  const name = (kind: string, value: string) => ({
    resource: { $case: 'namedResourceSpec' as const, value: { kind, value } },
  });
  const node = {
    description: {
      resources: { generic: [amount('ssd', 2n), name('gpu', 'a'), name('gpu', 'b')] },
    },
  };
  const wants = (...generic: ReturnType<typeof amount | typeof name>[]) => ({
    spec: { resources: { reservations: { generic } } },
  });
  const text = 'insufficient resources on 1 node';
  assert.equal(charge(wants(amount('ssd', 2n), amount('gpu', 2n)), node), '');
  assert.equal(charge(wants(amount('ssd', 3n)), node), text);
  assert.equal(charge(wants(amount('gpu', 3n)), node), text);
  assert.equal(charge(wants(amount('fpga', 1n)), node), text);
  assert.equal(charge(wants(name('gpu', 'a')), node), text);
  const holder = there({ assignedGenericResources: [name('gpu', 'a'), amount('ssd', 1n)] });
  assert.equal(charge(wants(amount('gpu', 1n), amount('ssd', 1n)), node, [holder]), '');
  assert.equal(charge(wants(amount('gpu', 2n)), node, [holder]), text);
  assert.equal(charge(wants(amount('ssd', 2n)), node, [holder]), text);
});

const mounting = (driver: string): Partially<Task> => ({
  spec: {
    runtime: {
      $case: 'container',
      value: {
        mounts: [
          {
            type: Mount_Type.VOLUME,
            target: '/data',
            volumeOptions: { driverConfig: { name: driver, options: {} } },
          },
        ],
      },
    },
  },
});

const withPlugins = (...plugins: readonly [type: string, name: string][]): Partially<Node> => ({
  description: { engine: { plugins: plugins.map(([type, name]) => ({ type, name })) } },
});

test('plugins: volume drivers, with or without the tag latest', () => {
  assert.equal(charge(mounting('flocker'), withPlugins()), 'missing plugin on 1 node');
  assert.equal(
    charge(mounting('flocker'), withPlugins(['Network', 'flocker'])),
    'missing plugin on 1 node',
  );
  assert.equal(charge(mounting('flocker'), withPlugins(['Volume', 'flocker'])), '');
  assert.equal(charge(mounting('flocker'), withPlugins(['Volume', 'flocker:latest'])), '');
  assert.equal(
    charge(mounting('flocker'), withPlugins(['Volume', 'flocker:2'])),
    'missing plugin on 1 node',
  );
  for (const builtIn of ['', 'local']) assert.equal(charge(mounting(builtIn), withPlugins()), '');
});

test('plugins: a node that does not describe its engine passes', () => {
  const cluster = new Cluster();
  const node = cluster.node('node');
  cluster.store.seed({
    node: [
      { ...node, description: node.description && { ...node.description, engine: undefined } },
    ],
  });
  const [task] = cluster.pending(
    cluster.service('s', { spec: { task: mounting('flocker').spec } }),
  );
  cluster.run();
  assert.equal(cluster.task(task ?? '').nodeId, 'node');
});

test('plugins: network drivers by what was allocated', () => {
  const task = (name: string) => ({ networks: [{ network: { driverState: { name } } }] });
  assert.equal(charge(task('weave'), withPlugins()), 'missing plugin on 1 node');
  assert.equal(charge(task('weave'), withPlugins(['Network', 'weave'])), '');
  assert.equal(charge({ networks: [{ network: {} }] }, withPlugins()), '');
});

test('plugins: a published port does not keep a task from nodes without the routing mesh', () => {
  const on = (ingress: boolean) => ({
    networks: [{ network: { spec: { ingress }, driverState: { name: 'overlay' } } }],
  });
  assert.equal(charge(on(true), withPlugins()), '');
  assert.equal(charge(on(false), withPlugins()), 'missing plugin on 1 node');
  // As old clusters marked it.
  const labels = { 'com.docker.swarm.internal': 'true' };
  const old = (name: string) => ({
    networks: [
      {
        network: { spec: { annotations: { name, labels } }, driverState: { name: 'overlay' } },
      },
    ],
  });
  assert.equal(charge(old('ingress'), withPlugins()), '');
  assert.equal(charge(old('other'), withPlugins()), 'missing plugin on 1 node');
});

test('plugins: log drivers, unless the node lists none at all', () => {
  const task = (name: string) => ({ spec: { logDriver: { name } } });
  assert.equal(charge(task('fluentd'), withPlugins(['Log', 'syslog'])), 'missing plugin on 1 node');
  assert.equal(charge(task('fluentd'), withPlugins(['Log', 'fluentd'])), '');
  assert.equal(charge(task('fluentd'), withPlugins(['Volume', 'local'])), '');
  assert.equal(charge(task('none'), withPlugins(['Log', 'syslog'])), '');
});

test('constraints: all must hold; entries that do not parse count as none', () => {
  const task = (...constraints: string[]) => ({ spec: { placement: { constraints } } });
  const node = { spec: { annotations: { labels: { zone: 'a' } } } };
  assert.equal(charge(task('node.labels.zone == a'), node), '');
  assert.equal(
    charge(task('node.labels.zone == a', 'node.role == manager'), node),
    'scheduling constraints not satisfied on 1 node',
  );
  assert.equal(charge(task('nonsense'), node), '');
});

test('platform: os and architecture, with uname’s names folded', () => {
  const task = (...platforms: { os?: string; architecture?: string }[]) => ({
    spec: { placement: { platforms } },
  });
  const text = 'unsupported platform on 1 node';
  assert.equal(charge(task({ os: 'linux', architecture: 'amd64' }), {}), '');
  assert.equal(charge(task({ os: 'linux' }), {}), '');
  assert.equal(charge(task({}), {}), '');
  assert.equal(charge(task({ os: 'windows', architecture: 'amd64' }), {}), text);
  assert.equal(charge(task({ architecture: 'arm64' }), {}), text);
  assert.equal(charge(task({ architecture: 'arm64' }, { architecture: 'x86_64' }), {}), '');
  const arm = { description: { platform: { os: 'linux', architecture: 'aarch64' } } };
  assert.equal(charge(task({ architecture: 'arm64' }), arm), '');
  const unknown = { description: { platform: undefined } };
  assert.equal(charge(task({}), unknown), text);
});

test('host ports: one holder a protocol and number; 0 and ingress ports never clash', () => {
  const ports = (publishedPort: number, protocol = 0, publishMode: number = HOST) => ({
    endpoint: { ports: [{ publishedPort, protocol, publishMode, targetPort: 80 }] },
  });
  const text = 'host-mode port already in use on 1 node';
  assert.equal(charge(ports(8080), {}), '');
  assert.equal(charge(ports(8080), {}, [there(ports(8080))]), text);
  assert.equal(charge(ports(8080), {}, [there(ports(8080, 1))]), '');
  assert.equal(charge(ports(8080), {}, [there(ports(8081))]), '');
  assert.equal(charge(ports(0), {}, [there(ports(0))]), '');
  assert.equal(charge(ports(8080), {}, [there(ports(8080, 0, 0))]), '');
});

test('max replicas: active tasks of the service on the node', () => {
  const task = { spec: { placement: { maxReplicas: 1n } } };
  assert.equal(charge(task, {}), '');
  assert.equal(charge(task, {}, [there({})]), 'max replicas per node limit exceed');
  assert.equal(charge(task, {}, [there({ desiredState: 640 })]), '');
  assert.equal(charge(task, {}, [{ ...there({}), serviceId: 'other' }]), '');
});

test('cluster volumes: no node has one', () => {
  const task: Partially<Task> = {
    spec: {
      runtime: {
        $case: 'container',
        value: { mounts: [{ type: Mount_Type.CLUSTER, source: 'vol', target: '/data' }] },
      },
    },
  };
  assert.equal(charge(task, {}), 'cannot fulfill requested CSI volume mounts on 1 node');
});

test('the explanation counts nodes by the first filter they fail, most nodes first', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b']) cluster.node(id, { status: { state: NodeStatus_State.DOWN } });
  cluster.node('c');
  const hungry = cluster.service('s', { spec: { task: reserving(5_000_000_000n).spec } });
  const [task] = cluster.pending(hungry);
  cluster.run();
  assert.equal(
    cluster.task(task ?? '').status?.err,
    'no suitable node (2 nodes not available for new tasks; insufficient resources on 1 node)',
  );
});

test('explanations for many nodes', () => {
  assert.deepEqual(
    builtInFilters.map((filter) => filter.explain(3)),
    [
      '3 nodes not available for new tasks',
      'insufficient resources on 3 nodes',
      'missing plugin on 3 nodes',
      'scheduling constraints not satisfied on 3 nodes',
      'unsupported platform on 3 nodes',
      'host-mode port already in use on 3 nodes',
      'max replicas per node limit exceed',
      'cannot fulfill requested CSI volume mounts on 3 nodes',
    ],
  );
});
