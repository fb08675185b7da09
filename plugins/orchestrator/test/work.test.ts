import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { dirtyOf, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { orchestrate } from '../core/orchestrate.js';
import { Orchestrator } from '../shell/orchestrator.js';
import { anyone, replicas, Swarm } from './swarm.js';

/** How much is read for a change depends on what changed, not on the size of the cluster. */

/** How many tasks one run, shown these commits, is handed by the store. */
function tasksRead(swarm: Swarm, act: () => void): number {
  const before = swarm.store.commits.length;
  act();
  const dirty = dirtyOf(swarm.store.commits.slice(before));
  let read = 0;
  swarm.store.updateNow(anyone, (draft) => {
    const counting: Draft = Object.assign(Object.create(draft) as Draft, {
      get: (kind: ObjectKind, id: string) => draft.get(kind, id),
      find: (kind: ObjectKind, by: Parameters<Draft['find']>[1]) => {
        const found = draft.find(kind, by);
        if (kind === 'task') read += found.length;
        return found;
      },
    });
    orchestrate({ draft: counting, now: swarm.now, id: () => `new${read}`, dirty }, 500);
  });
  return read;
}

const SERVICES = 50;
const TASKS = 5;

function crowded(): Swarm {
  const swarm = new Swarm('a', 'b', 'c');
  for (let i = 0; i < SERVICES; i += 1) {
    const service = swarm.addService(`service${i}`, replicas(TASKS));
    swarm.store.seed({
      task: Array.from({ length: TASKS }, (_, slot) =>
        aTaskOf(service, { slot: BigInt(slot + 1), nodeId: slot % 2 === 0 ? 'a' : 'b' }),
      ),
    });
  }
  swarm.run();
  return swarm;
}

test('a failed task costs a look at its service', () => {
  const swarm = crowded();
  const read = tasksRead(swarm, () => swarm.fail(swarm.inSlot('service7', 1)));
  assert.equal(read, TASKS);
});

test('a node that changes without consequence costs a look at its tasks', () => {
  const swarm = crowded();
  const onA = swarm.store.view().find('task', { by: 'node', id: 'a' }).length;
  assert.equal(
    tasksRead(swarm, () => swarm.setLabel('a', 'disk', 'ssd')),
    onA,
  );
  assert.equal(
    tasksRead(swarm, () => swarm.setLabel('c', 'disk', 'ssd')),
    0,
  );
});

test('time alone costs a look at what waits', () => {
  const swarm = crowded();
  swarm.fail(swarm.inSlot('service7', 1));
  swarm.run();
  assert.equal(
    tasksRead(swarm, () => undefined),
    1,
  );
  swarm.now += 5000;
  assert.equal(
    tasksRead(swarm, () => undefined),
    1 + TASKS + 1,
  );
});

/** New tasks by service in each run until nothing is left. */
function bitByBit(store: FakeStore, limit: number): readonly Readonly<Record<string, number>>[] {
  const runner = new StageRunner(store, new Orchestrator(limit));
  const runs: Record<string, number>[] = [];
  for (;;) {
    const { changes, unfinished } = runner.run();
    const counts: Record<string, number> = {};
    for (const { kind, object } of changes)
      if (kind === 'task') counts[object.serviceId] = (counts[object.serviceId] ?? 0) + 1;
    runs.push(counts);
    if (unfinished.length === 0) return runs;
  }
}

test('a run makes so many changes and no more, the same for each service, and the next goes on', () => {
  const service = (id: string, count: number) => aService({ id, spec: replicas(count) });
  const store = new FakeStore();
  store.seed({ service: [service('big', 70), service('other', 40), service('small', 3)] });
  assert.deepEqual(bitByBit(store, 60), [
    { big: 20, other: 20, small: 3 },
    { big: 30, other: 20 },
    { big: 20 },
  ]);
  store.updateNow(anyone, (draft) => draft.remove('service', 'big'));
  assert.deepEqual(bitByBit(store, 60).slice(0, 2), [{ big: 20 }, { big: 50 }]);
});
