import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reconciler, TurnInput } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Orchestrator } from '../shell/orchestrator.js';
import { anyone, replicas } from './swarm.js';

/** When a leader begins it looks at everything, and then all nodes change at once: in slices, however many. */

const NODES = 300;
const TASKS_ON_A_NODE = 10;
const LIMIT = 20;
/** Reads a run: 12 a change, and the node that is being looked at to its end. */
const READS = LIMIT * 12 + TASKS_ON_A_NODE;

const nodeIds = Array.from({ length: NODES }, (_, n) => `node${n}`);

function settled(): FakeStore {
  const store = new FakeStore();
  const services = Array.from({ length: TASKS_ON_A_NODE }, (_, n) =>
    aService({ id: `service${n}`, spec: replicas(NODES) }),
  );
  store.seed({
    node: nodeIds.map((id) => aNode({ id })),
    service: services,
    task: services.flatMap((service) =>
      nodeIds.map((nodeId, n) => aTaskOf(service, { slot: BigInt(n + 1), nodeId })),
    ),
  });
  return store;
}

/** The orchestrator, and how many tasks each of its runs was handed by the store. */
function counted(reads: number[]): Reconciler {
  const stage = new Orchestrator(LIMIT);
  return {
    writer: stage.writer,
    order: stage.order,
    reconcile(input: TurnInput) {
      const { draft } = input;
      let read = 0;
      const counting: Draft = Object.assign(Object.create(draft) as Draft, {
        // Look-ups; this store finds their answers by reading.
        slots: (serviceId: string) => draft.slots(serviceId),
        servicesWithTasks: () => draft.servicesWithTasks(),
        find: (kind: ObjectKind, by: Parameters<Draft['find']>[1]) => {
          const found = draft.find(kind, by);
          if (kind === 'task') read += found.length;
          return found;
        },
      });
      const result = stage.reconcile({ ...input, draft: counting });
      reads.push(read);
      return result;
    },
  };
}

const setStates = (store: FakeStore, state: (id: string) => NodeStatus_State): void => {
  store.updateNow(anyone, (draft) => {
    for (const id of nodeIds) {
      const node = draft.get('node', id)!;
      draft.update('node', { ...node, status: { ...node.status!, state: state(id) } });
    }
  });
};

test('the first look at a cluster in which nothing is to be done reads no task', () => {
  const reads: number[] = [];
  const runner = new StageRunner(settled(), counted(reads));
  assert.deepEqual(runner.run().unfinished, []);
  assert.deepEqual(reads, [0]);
});

test('when all nodes change at once, each run looks at a part of them, and all are looked at once', () => {
  const store = settled();
  const reads: number[] = [];
  const runner = new StageRunner(store, counted(reads));
  runner.run();
  reads.length = 0;
  setStates(store, () => NodeStatus_State.UNKNOWN);
  for (;;) {
    const { changes, unfinished } = runner.run();
    assert.deepEqual(changes, []);
    if (unfinished.length === 0) break;
  }
  assert.ok(Math.max(...reads) <= READS, `${Math.max(...reads)} tasks were read in one run`);
  assert.equal(
    reads.reduce((sum, read) => sum + read, 0),
    NODES * TASKS_ON_A_NODE,
  );
});

test('and one that is down among them loses its tasks, whichever it is', () => {
  for (const down of ['node0', `node${NODES - 1}`]) {
    const store = settled();
    const runner = new StageRunner(store, new Orchestrator(LIMIT));
    runner.run();
    setStates(store, (id) => (id === down ? NodeStatus_State.DOWN : NodeStatus_State.UNKNOWN));
    while (runner.run().unfinished.length > 0);
    const left = store
      .view()
      .find('task', { by: 'node', id: down })
      .filter(({ desiredState }) => desiredState <= TaskState.RUNNING);
    assert.deepEqual(left, []);
  }
});
