import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { runStage, StageRunner, type StageRun } from '@swarmkit/sdk/testkit/run-stage';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Cluster } from './cluster.js';
import { Scheduler } from '../shell/scheduler.js';

const user = { id: 'user', writes: ['any'] } as const;
const CPU = 1_000_000_000n;

/** Room comes and goes: nodes of few CPUs, and tasks that reserve some, hold a port, or want to be alone. */
const room = fc.oneof(
  fc.record({ node: fc.nat(2), cpus: fc.nat(3) }).map(({ node, cpus }) => (store: FakeStore) => {
    store.updateNow(user, (draft) => {
      const resources = { nanoCpus: BigInt(cpus) * CPU };
      const next = aNode({ id: `small${node}`, description: { resources } });
      const old = draft.get('node', next.id);
      if (old === undefined) draft.create('node', next);
      else draft.update('node', { ...next, meta: old.meta });
    });
  }),
  fc
    .record({
      task: fc.nat(9),
      cpus: fc.nat(2),
      maxReplicas: fc.nat(2),
      hostPort: fc.constantFrom(0, 80),
      constraint: fc.constantFrom<readonly string[]>([], ['node.id == small0']),
    })
    .map(({ task, cpus, maxReplicas, hostPort, constraint }) => (store: FakeStore) => {
      store.updateNow(user, (draft) => {
        const name = `needy${task}-`;
        const old = draft.find('task', { by: 'all' }).find(({ id }) => id.startsWith(name));
        if (old !== undefined) {
          draft.remove('task', old.id);
          return;
        }
        // As in life, no task has the id of an earlier one.
        const id = `${name}${draft.index}`;
        const service = aService({
          id: `needs-${cpus}-${maxReplicas}-${hostPort}-${constraint.length}`,
          spec: {
            task: {
              resources: { reservations: { nanoCpus: BigInt(cpus) * CPU } },
              placement: { maxReplicas: BigInt(maxReplicas), constraints: constraint },
            },
          },
        });
        if (draft.get('service', service.id) === undefined) draft.create('service', service);
        const ports = [{ publishMode: 1, publishedPort: hostPort, targetPort: 80 }];
        const status = { state: TaskState.PENDING };
        draft.create('task', aTaskOf(service, { id, status, endpoint: { ports } }));
      });
    }),
);

reconcilerProperties('scheduler', () => new Scheduler());

/** Who was given which node. */
const placements = ({ changes }: StageRun): readonly string[] =>
  changes
    .flatMap((change) => (change.kind === 'task' ? [change.object] : []))
    .filter((task) => task.status?.state === TaskState.ASSIGNED)
    .map((task) => `${task.id} on ${task.nodeId}`)
    .sort();

// Reasons may lag: what another task takes can change why this one does not fit, but never whether.
test('scheduler: precise dirt places what everything would place', () => {
  fc.assert(
    fc.property(fc.array(fc.array(room, { maxLength: 5 }), { maxLength: 12 }), (turns) => {
      const store = new FakeStore();
      const stage = new StageRunner(store, new Scheduler());
      for (const events of turns) {
        for (const event of events) event(store);
        const all = runStage(store.fork(), new Scheduler());
        assert.deepEqual(placements(stage.run()), placements(all));
      }
    }),
    { numRuns: 100 },
  );
});

test('a run places so many tasks and no more, of each group its share, and the next goes on', () => {
  const cluster = new Cluster();
  for (const id of ['a', 'b', 'c']) cluster.node(id);
  const many = cluster.pending(cluster.service('many', { specVersion: { index: 1n } }), 50);
  const few = cluster.pending(cluster.service('few', { specVersion: { index: 1n } }), 12);
  const nowhere = cluster.service('nowhere', {
    specVersion: { index: 1n },
    spec: { task: { placement: { constraints: ['node.id==gone'] } } },
  });
  const [lost] = cluster.pending(nowhere);
  const runner = new StageRunner(cluster.store, new Scheduler({ limit: 20 }));
  const isPlaced = (id: string): boolean => cluster.task(id).nodeId !== '';
  const placed: (readonly number[])[] = [];
  let result: StageRun;
  do {
    result = runner.run();
    placed.push([many.filter(isPlaced).length, few.filter(isPlaced).length]);
  } while (result.unfinished.length > 0);
  assert.deepEqual(placed, [
    [8, 12],
    [28, 12],
    [48, 12],
    [50, 12],
  ]);
  assert.match(cluster.task(lost!).status!.err, /constraints not satisfied on 3 nodes/);
  assert.deepEqual(cluster.spread([...many, ...few]), { a: 21, b: 21, c: 20 });
});

test('a run tells so many tasks why not and no more, and the next goes on', () => {
  const cluster = new Cluster();
  const service = cluster.service('nowhere', { specVersion: { index: 1n } });
  const tasks = cluster.pending(service, 7);
  const runner = new StageRunner(cluster.store, new Scheduler({ limit: 3 }));
  const told = (): number => tasks.filter((id) => cluster.task(id).status?.err !== '').length;
  const counts: number[] = [];
  let result: StageRun;
  do {
    result = runner.run();
    counts.push(told());
  } while (result.unfinished.length > 0);
  assert.deepEqual(counts, [3, 6, 7]);
});
