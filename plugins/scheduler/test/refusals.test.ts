import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { PortConfig_PublishMode } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cluster } from './cluster.js';

/** What a user reads on a task that waits, word for word: on a queued one, and on one tied to its node. */

const port = {
  publishedPort: 8080,
  targetPort: 80,
  protocol: 0,
  publishMode: PortConfig_PublishMode.HOST,
};

const cases: readonly (readonly [why: string, task: Partially<Task>, err: string])[] = [
  [
    'a host port that is taken',
    { endpoint: { ports: [port] } },
    'host-mode port already in use on 1 node',
  ],
  [
    'enough replicas on the node',
    { spec: { placement: { maxReplicas: 1n } } },
    'max replicas per node limit exceed',
  ],
  [
    'another platform',
    { spec: { placement: { platforms: [{ os: 'windows', architecture: 'amd64' }] } } },
    'unsupported platform on 1 node',
  ],
  [
    'a constraint',
    { spec: { placement: { constraints: ['node.labels.disk==ssd'] } } },
    'scheduling constraints not satisfied on 1 node',
  ],
  [
    'a network plugin',
    { networks: [{ network: { driverState: { name: 'weave' } } }] },
    'missing plugin on 1 node',
  ],
  [
    'memory',
    { spec: { resources: { reservations: { memoryBytes: 1n << 50n } } } },
    'insufficient resources on 1 node',
  ],
];

for (const [why, task, err] of cases)
  test(`refused for ${why}: ${err}`, () => {
    const cluster = new Cluster();
    cluster.node('a');
    const web = cluster.service('web');
    cluster.running(web, 'a', 1, task);
    const [queued = ''] = cluster.pending(web, 1, task);
    const [tied = ''] = cluster.pending(web, 1, { ...task, nodeId: 'a' });
    cluster.run();
    assert.equal(cluster.task(queued).status?.err, `no suitable node (${err})`);
    assert.equal(cluster.task(queued).nodeId, '');
    assert.equal(cluster.task(tied).status?.err, err);
  });

test('a limit of replicas is filled on each node, and what is more waits', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b']) cluster.node(id);
  const web = cluster.service('web', { spec: { task: { placement: { maxReplicas: 2n } } } });
  const ids = cluster.pending(web, 6);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 2, b: 2, '': 2 });
});

test('a host port is taken once on each node, also by tasks of one run', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b']) cluster.node(id);
  const ids = cluster.pending(cluster.service('web'), 3, { endpoint: { ports: [port] } });
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 1, b: 1, '': 1 });
});
