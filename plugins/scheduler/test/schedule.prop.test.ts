import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meetsConstraints, parseConstraints } from '@swarmkit/sdk/model/constraint';
import { holdsResources } from '@swarmkit/sdk/model/task';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Cluster } from './cluster.js';

const nodes = fc.array(
  fc.record({
    cpus: fc.integer({ min: 0, max: 4 }),
    memory: fc.integer({ min: 0, max: 4 }),
    state: fc.constantFrom(NodeStatus_State.READY, NodeStatus_State.READY, NodeStatus_State.DOWN),
    availability: fc.constantFrom(0, 0, 0, 1, 2),
    zone: fc.constantFrom('', 'a', 'b'),
  }),
  { maxLength: 6 },
);

const services = fc.array(
  fc.record({
    pending: fc.integer({ min: 0, max: 6 }),
    /** Nodes (by position) on which it runs already. */
    running: fc.array(fc.nat(5), { maxLength: 4 }),
    cpus: fc.constantFrom(0, 0, 1, 2),
    memory: fc.constantFrom(0, 0, 1),
    constraints: fc.constantFrom<readonly string[]>([], [], ['node.labels.zone == a']),
    maxReplicas: fc.constantFrom(0, 0, 1, 2),
    hostPort: fc.constantFrom(0, 0, 80),
    preferences: fc.constantFrom<readonly string[]>([], ['node.labels.zone']),
  }),
  { minLength: 1, maxLength: 4 },
);

const worlds = fc.record({ nodes, services });
type World = typeof worlds extends fc.Arbitrary<infer W> ? W : never;

const GIB = 1n << 30n;
const CPU = 1_000_000_000n;

function build(world: World): Cluster {
  const cluster = new Cluster();
  world.nodes.forEach((node, i) => {
    cluster.node(`node${i}`, {
      spec: { annotations: { labels: { zone: node.zone } }, availability: node.availability },
      status: { state: node.state },
      description: {
        resources: { nanoCpus: BigInt(node.cpus) * CPU, memoryBytes: BigInt(node.memory) * GIB },
      },
    });
  });
  world.services.forEach((wanted, i) => {
    const service = cluster.service(`service${i}`, {
      spec: {
        task: {
          resources: {
            reservations: {
              nanoCpus: BigInt(wanted.cpus) * CPU,
              memoryBytes: BigInt(wanted.memory) * GIB,
            },
          },
          placement: {
            constraints: wanted.constraints,
            maxReplicas: BigInt(wanted.maxReplicas),
            preferences: wanted.preferences.map((spreadDescriptor) => ({
              Preference: { $case: 'spread' as const, value: { spreadDescriptor } },
            })),
          },
        },
      },
    });
    const endpoint =
      wanted.hostPort === 0
        ? undefined
        : { ports: [{ publishMode: 1, publishedPort: wanted.hostPort, targetPort: 80 }] };
    for (const at of wanted.running)
      if (at < world.nodes.length) cluster.running(service, `node${at}`, 1, { endpoint });
    cluster.pending(service, wanted.pending, { endpoint });
  });
  return cluster;
}

test('every placement is allowed, and every task that was not placed says why', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const cluster = build(world);
      const { changes } = cluster.run();
      const view = cluster.store.view();
      const placed = changes.map((change) => cluster.task(change.id)).filter((task) => task.nodeId);
      for (const task of placed) {
        const node = view.get('node', task.nodeId);
        assert.ok(node !== undefined);
        assert.equal(node.status?.state, NodeStatus_State.READY);
        assert.equal(node.spec?.availability, 0);
        assert.ok(
          meetsConstraints(node, parseConstraints(task.spec?.placement?.constraints ?? [])),
        );
        const there = view.find('task', { by: 'node', id: node.id }).filter(holdsResources);
        const reserved = there.map((each) => each.spec?.resources?.reservations);
        const sum = (field: 'nanoCpus' | 'memoryBytes') =>
          reserved.reduce((total, each) => total + (each?.[field] ?? 0n), 0n);
        const wanted = task.spec?.resources?.reservations;
        for (const field of ['nanoCpus', 'memoryBytes'] as const)
          if ((wanted?.[field] ?? 0n) > 0n)
            assert.ok(sum(field) <= (node.description?.resources?.[field] ?? 0n), `over ${field}`);
        const max = task.spec?.placement?.maxReplicas ?? 0n;
        const same = there.filter((each) => each.serviceId === task.serviceId).length;
        if (max > 0n) assert.ok(BigInt(same) <= max, 'over max replicas');
        const port = task.endpoint?.ports[0]?.publishedPort;
        if (port !== undefined)
          assert.equal(there.filter((each) => each.endpoint?.ports.length).length, 1);
      }
      for (const task of view.find('task', { by: 'taskState', state: TaskState.PENDING })) {
        assert.equal(task.nodeId, '');
        assert.match(task.status?.err ?? '', /^no suitable node/);
      }
    }),
    { numRuns: 200 },
  );
});

test('the same world gives the same plan, and a plan on its own result is empty', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const cluster = build(world);
      assert.deepEqual(build(world).run().changes, cluster.run().changes);
      assert.deepEqual(cluster.run().changes, []);
    }),
    { numRuns: 100 },
  );
});

test('without limits and preferences the service is spread within one task over the usable nodes', () => {
  fc.assert(
    fc.property(nodes, fc.integer({ min: 1, max: 20 }), (someNodes, pending) => {
      const service: Omit<World['services'][number], 'pending'> = {
        running: [],
        cpus: 0,
        memory: 0,
        constraints: [],
        maxReplicas: 0,
        hostPort: 0,
        preferences: [],
      };
      const cluster = build({ nodes: someNodes, services: [{ ...service, pending }] });
      cluster.run();
      const usable = someNodes.flatMap((node, i) =>
        node.state === NodeStatus_State.READY && node.availability === 0 ? [`node${i}`] : [],
      );
      const counts = usable.map(
        (id) => cluster.store.view().find('task', { by: 'node', id }).length,
      );
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        usable.length === 0 ? 0 : pending,
      );
      if (usable.length > 0) assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }),
    { numRuns: 100 },
  );
});

test('zones are filled evenly as far as they have room', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 12 }),
      (capacities, pending) => {
        const cluster = new Cluster();
        capacities.forEach((cpus, i) => {
          cluster.node(`node${i}`, {
            spec: { annotations: { labels: { zone: `z${i}` } } },
            description: { resources: { nanoCpus: BigInt(cpus) * CPU } },
          });
        });
        const service = cluster.service('s', {
          spec: {
            task: {
              resources: { reservations: { nanoCpus: CPU } },
              placement: {
                preferences: [
                  {
                    Preference: {
                      $case: 'spread',
                      value: { spreadDescriptor: 'node.labels.zone' },
                    },
                  },
                ],
              },
            },
          },
        });
        const on = (() => {
          const ids = cluster.pending(service, pending);
          cluster.run();
          return cluster.spread(ids);
        })();
        const counts = capacities.map((_, i) => on[`node${i}`] ?? 0);
        const room = capacities.reduce((sum, each) => sum + each, 0);
        assert.equal(
          counts.reduce((sum, each) => sum + each, 0),
          Math.min(room, pending),
        );
        const highest = Math.max(...counts);
        counts.forEach((count, i) => {
          if (count < (capacities[i] ?? 0))
            assert.ok(highest - count <= 1, 'a zone with room lags');
        });
      },
    ),
    { numRuns: 100 },
  );
});
