import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from './cluster.js';

const GIB = 1n << 30n;

/** A node in a zone and a rack (either may be missing) with room for so many tasks of `web`. */
function inRack(cluster: Cluster, id: string, labels: Record<string, string>, room = 100): void {
  cluster.node(id, {
    spec: { annotations: { labels } },
    description: { resources: { memoryBytes: BigInt(room) * GIB } },
  });
}

const web = (cluster: Cluster, ...descriptors: string[]) =>
  cluster.service('web', {
    spec: {
      task: {
        resources: { reservations: { memoryBytes: GIB } },
        placement: {
          preferences: descriptors.map((spreadDescriptor) => ({
            Preference: { $case: 'spread' as const, value: { spreadDescriptor } },
          })),
        },
      },
    },
  });

test('when every branch is full the rest waits, with the reason', () => {
  const cluster = new Cluster();
  inRack(cluster, 'a', { zone: '1', rack: '1' }, 2);
  inRack(cluster, 'b', { zone: '1', rack: '2' }, 1);
  inRack(cluster, 'c', { zone: '2', rack: '1' }, 1);
  const ids = cluster.pending(web(cluster, 'node.labels.zone', 'node.labels.rack'), 7);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 2, b: 1, c: 1, '': 3 });
  const waiting = ids.filter((id) => cluster.task(id).nodeId === '');
  for (const id of waiting)
    assert.equal(
      cluster.task(id).status?.err,
      'no suitable node (insufficient resources on 3 nodes)',
    );
});

test('a branch counts all tasks below it, on each of its nodes and racks', () => {
  const cluster = new Cluster();
  inRack(cluster, 'z1r1', { zone: '1', rack: '1' });
  inRack(cluster, 'z1r2a', { zone: '1', rack: '2' });
  inRack(cluster, 'z1r2b', { zone: '1', rack: '2' });
  inRack(cluster, 'z2r1', { zone: '2', rack: '1' });
  const service = web(cluster, 'node.labels.zone', 'node.labels.rack');
  cluster.running(service, 'z1r1', 1);
  cluster.running(service, 'z1r2a', 2);
  cluster.running(service, 'z1r2b', 1);
  // Zone 1 has 4 tasks, zone 2 none: it gets the first 4, then both get one by turns.
  const ids = cluster.pending(service, 6);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { z2r1: 5, z1r1: 1 });
});

test('nodes without a label are one branch on each level, and what runs there counts', () => {
  const cluster = new Cluster();
  inRack(cluster, 'bare', {});
  inRack(cluster, 'rackless', { zone: '1' });
  inRack(cluster, 'racked', { zone: '1', rack: '1' });
  const service = web(cluster, 'node.labels.zone', 'node.labels.rack');
  cluster.running(service, 'bare', 2);
  cluster.running(service, 'rackless', 1);
  const ids = cluster.pending(service, 3);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { racked: 2, bare: 1 });
});

test('tasks of other services do not count for a branch', () => {
  const cluster = new Cluster();
  inRack(cluster, 'a', { zone: '1' });
  inRack(cluster, 'b', { zone: '2' });
  cluster.running(cluster.service('other'), 'a', 9);
  const ids = cluster.pending(web(cluster, 'node.labels.zone'), 4);
  cluster.run();
  assert.deepEqual(cluster.spread(ids), { a: 2, b: 2 });
});

for (const versioned of [true, false])
  test(`services spread first and nodes level second, ${versioned ? 'with' : 'without'} spec versions`, () => {
    const cluster = new Cluster();
    for (const id of ['a', 'b', 'c', 'd', 'e']) cluster.node(id);
    const version = versioned ? { specVersion: { index: 3n } } : { specVersion: undefined };
    const place = (name: string, count: number): Readonly<Record<string, number>> => {
      const ids = cluster.pending(cluster.service(name, version), count);
      for (const id of ids)
        cluster.store.seed({ task: [{ ...cluster.task(id), specVersion: version.specVersion }] });
      cluster.run();
      return cluster.spread(ids);
    };
    // One on each node, however full the nodes are; the third service evens the load out.
    assert.deepEqual(place('one', 3), { a: 1, b: 1, c: 1 });
    assert.deepEqual(place('two', 4), { d: 1, e: 1, a: 1, b: 1 });
    assert.deepEqual(place('three', 3), { c: 1, d: 1, e: 1 });
    assert.deepEqual(place('four', 7), { a: 2, b: 2, c: 1, d: 1, e: 1 });
  });
