import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { Cluster } from './cluster.js';

const labels = (all: Record<string, string>) => ({ spec: { annotations: { labels: all } } });

const spreadOver = (...descriptors: string[]) => ({
  spec: {
    task: {
      placement: {
        preferences: descriptors.map((spreadDescriptor) => ({
          Preference: { $case: 'spread' as const, value: { spreadDescriptor } },
        })),
      },
    },
  },
});

test('tasks of one service land on distinct nodes, even if those are busier', () => {
  const cluster = new Cluster();
  cluster.node('busy');
  cluster.node('idle');
  const other = cluster.service('other');
  const web = cluster.service('web');
  cluster.running(other, 'busy', 10);
  const ids = cluster.pending(web, 2);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { busy: 1, idle: 1 });
});

test('where the service has as many tasks, the node with fewer tasks is preferred', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b', 'c']) cluster.node(id);
  cluster.running(cluster.service('other'), 'a', 2);
  cluster.running(cluster.service('another'), 'b', 1);
  const ids = cluster.pending(cluster.service('web'), 1);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { c: 1 });
});

test('equal nodes are taken in the order of ids', () => {
  const cluster = new Cluster();
  for (const id of ['c', 'a', 'b']) cluster.node(id);
  const ids = cluster.pending(cluster.service('web'), 1);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 1 });
});

test('new tasks fill up the nodes that have fewer', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b', 'c']) cluster.node(id);
  const web = cluster.service('web');
  cluster.running(web, 'a', 3);
  cluster.running(web, 'b', 1);
  const ids = cluster.pending(web, 5);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { b: 2, c: 3 });
});

test('a node where the service failed five times lately is avoided, for this spec version only', () => {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  const web = cluster.service('web', { specVersion: { index: 7n } });
  const failed = {
    nodeId: 'a',
    desiredState: TaskState.SHUTDOWN,
    status: { state: TaskState.FAILED, timestamp: timestampFromMs(fixtureTime - 1000) },
  };
  for (let i = 0; i < 5; i++) cluster.add(web, failed);
  cluster.running(cluster.service('other'), 'b', 3);
  const [first] = cluster.pending(web);
  const [renewed] = cluster.pending(web, 1, { specVersion: { index: 8n } });
  cluster.run();
  assert.equal(cluster.task(first ?? '').nodeId, 'b');
  assert.equal(cluster.task(renewed ?? '').nodeId, 'a');
});

test('four failures, or failures of more than five minutes ago, do not count', () => {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  const web = cluster.service('web');
  for (let i = 0; i < 9; i++) {
    const agoMs = i < 4 ? 1000 : 5 * 60_000 + 1;
    cluster.add(web, {
      nodeId: 'a',
      desiredState: TaskState.SHUTDOWN,
      status: { state: TaskState.REJECTED, timestamp: timestampFromMs(fixtureTime - agoMs) },
    });
  }
  cluster.running(cluster.service('other'), 'b', 3);
  const [task] = cluster.pending(web);
  cluster.run();
  assert.equal(cluster.task(task ?? '').nodeId, 'a');
});

// The peer's pinned examples.

test('12 tasks, two zones, one zone fits 5: the other 7 split over racks 4 and 3', () => {
  const cluster = new Cluster();
  const zone = (name: string, rack: string) => labels({ zone: name, rack });
  cluster.node('small', {
    ...zone('z1', 'r1'),
    description: { resources: { memoryBytes: 5n << 30n } },
  });
  const big = { description: { resources: { memoryBytes: 100n << 30n } } };
  for (const id of ['r1a', 'r1b']) cluster.node(id, { ...zone('z2', 'r1'), ...big });
  for (const id of ['r2a', 'r2b', 'r2c']) cluster.node(id, { ...zone('z2', 'r2'), ...big });
  const preferences = spreadOver('node.labels.zone', 'node.labels.rack').spec.task.placement;
  const web = cluster.service('web', {
    spec: {
      task: {
        placement: preferences,
        resources: { reservations: { memoryBytes: 1n << 30n } },
      },
    },
  });
  const ids = cluster.pending(web, 12);
  cluster.run();
  const on = cluster.spread(ids);
  assert.equal(on.small, 5);
  const rack1 = (on.r1a ?? 0) + (on.r1b ?? 0);
  const rack2 = (on.r2a ?? 0) + (on.r2b ?? 0) + (on.r2c ?? 0);
  assert.deepEqual([rack1, rack2].sort(), [3, 4]);
});

test('with 3, 1, 3 over dc1/r1, dc1/r2, dc2/r1 two more go to r2 or dc2, never to the first', () => {
  const cluster = new Cluster();
  cluster.node('dc1r1', labels({ dc: '1', rack: '1' }));
  cluster.node('dc1r2', labels({ dc: '1', rack: '2' }));
  cluster.node('dc2r1', labels({ dc: '2', rack: '1' }));
  const web = cluster.service('web', spreadOver('node.labels.dc', 'node.labels.rack'));
  cluster.running(web, 'dc1r1', 3);
  cluster.running(web, 'dc1r2', 1);
  cluster.running(web, 'dc2r1', 3);
  const ids = cluster.pending(web, 2);
  cluster.run();
  const on = cluster.spread(ids);
  assert.equal(on.dc1r1, undefined);
  assert.equal((on.dc1r2 ?? 0) + (on.dc2r1 ?? 0), 2);
});

test('tasks on nodes that fail the filters count for their branch', () => {
  const cluster = new Cluster();
  cluster.node('a1', labels({ zone: 'a' }));
  cluster.node('a2', { spec: { annotations: { labels: { zone: 'a' } }, availability: 1 } });
  cluster.node('b1', labels({ zone: 'b' }));
  const web = cluster.service('web', spreadOver('node.labels.zone'));
  cluster.running(web, 'a2', 2);
  const ids = cluster.pending(web, 2);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { b1: 2 });
});

test('nodes without the label share one branch', () => {
  const cluster = new Cluster();
  cluster.node('bare1');
  cluster.node('bare2');
  cluster.node('zone1', labels({ zone: '1' }));
  const web = cluster.service('web', spreadOver('node.labels.zone'));
  const ids = cluster.pending(web, 4);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { zone1: 2, bare1: 1, bare2: 1 });
});

test('descriptors: engine labels, prefixes in any case, unknown ones ignored', () => {
  const cluster = new Cluster();
  const engine = (disk: string) => ({ description: { engine: { labels: { disk } } } });
  cluster.node('a1', engine('ssd'));
  cluster.node('a2', engine('ssd'));
  cluster.node('b1', engine('hdd'));
  const web = cluster.service(
    'web',
    spreadOver('node.hostname', 'ENGINE.Labels.disk', 'node.labels.'),
  );
  const ids = cluster.pending(web, 4);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a1: 1, a2: 1, b1: 2 });
});

test('a label named like something every object has is a label like any other', () => {
  const cluster = new Cluster();
  cluster.node('a');
  const web = cluster.service('web', spreadOver('node.labels.constructor'));
  const ids = cluster.pending(web, 1);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 1 });
});
