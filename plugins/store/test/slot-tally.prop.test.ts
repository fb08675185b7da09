import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { groupOfSlot } from '@swarmkit/sdk/model/quiet-slot';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { anyone, Rig } from './rig.js';

/** The lives of a few tasks in a few slots: counted as they go, the slots are what a fresh look finds. */

interface Move {
  readonly id: string;
  readonly change: 'come' | 'go' | 'status' | 'desired' | 'node' | 'ports';
  readonly pick: number;
  readonly slot: number;
}

const move: fc.Arbitrary<Move> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  change: fc.constantFrom<Move['change']>(
    'come',
    'come',
    'go',
    'status',
    'desired',
    'node',
    'ports',
  ),
  pick: fc.nat({ max: 11 }),
  slot: fc.constantFrom(1, 2, 300),
});

const states = [
  TaskState.ASSIGNED,
  TaskState.STARTING,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.FAILED,
];
const desired = [
  TaskState.READY,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.SHUTDOWN,
  TaskState.REMOVE,
];
const of = <T>(list: readonly T[], pick: number): T => list[pick % list.length] as T;

function play(draft: Draft, { id, change, pick, slot }: Move): void {
  const task = draft.get('task', id);
  if (task === undefined) {
    if (change === 'come') draft.create('task', fresh(id, pick, slot));
    return;
  }
  const runningSince = timestampFromMs(of([0, 400, 999, 1000, 2500], pick >> 1));
  switch (change) {
    case 'come':
      return;
    case 'go':
      draft.remove('task', id);
      return;
    case 'status':
      draft.update('task', {
        ...task,
        status: { ...task.status!, state: of(states, pick), runningSince },
      });
      return;
    case 'desired':
      draft.update('task', { ...task, desiredState: of(desired, pick) });
      return;
    case 'node':
      draft.update('task', { ...task, nodeId: of(['', 'n1', 'n2'], pick) });
      return;
    case 'ports':
      draft.update('task', {
        ...task,
        endpoint: { ...aTask({ endpoint: { spec: { mode: pick % 2 } } }).endpoint! },
      });
  }
}

const fresh = (id: string, pick: number, slot: number): Task =>
  aTask({
    id,
    serviceId: 's',
    slot: BigInt(slot),
    specVersion: { index: BigInt(pick % 2) },
    desiredState: of([TaskState.RUNNING, TaskState.COMPLETE, TaskState.SHUTDOWN], pick),
    jobIteration: pick % 3 === 0 ? { index: BigInt(pick % 2) } : undefined,
    status: { state: of(states, pick >> 1) },
  });

function slotsOf(view: View): unknown {
  const {
    quiet,
    restless,
    groups,
    nodes,
    largest,
    freeFrom: _,
    ...none
  } = {
    ...pickAll(view.slots('s')),
  };
  assert.deepEqual(none, {});
  return {
    quiet,
    largest,
    free: [1n, 2n, 300n].map((slot) => view.slots('s').freeFrom(slot)),
    restless: [...restless].sort(),
    nodes: [...nodes].sort(),
    groups: groups
      .map((group) => [
        groupOfSlot(group),
        group.count,
        group.starting(9, (slot) => slot === 2n),
        group.running(1, () => false),
        [...group.seconds].sort().map((second) => [second, group.inSecond(second)]),
        [1n, 2n, 300n].map((slot) => group.has(slot)),
      ])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  };
}

const pickAll = (slots: ReturnType<View['slots']>) => ({
  quiet: slots.quiet,
  restless: slots.restless,
  groups: slots.groups,
  nodes: slots.nodes,
  largest: slots.largest,
  freeFrom: slots.freeFrom,
});

test('slots as they were counted are slots as they are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(move, { minLength: 1, maxLength: 4 }), { maxLength: 30, size: 'max' }),
      async (writes) => {
        const rig = new Rig();
        const fake = new FakeStore({ now: () => rig.now });
        for (const moves of writes) {
          rig.now += 300;
          const expected = fake.updateNow(anyone, (draft) => {
            for (const each of moves) play(draft, each);
            return slotsOf(draft);
          });
          const done = rig.store.update(anyone, (draft) => {
            for (const each of moves) play(draft, each);
            assert.deepEqual(slotsOf(draft), expected, 'in the draft');
          });
          rig.consensus.commit();
          await done;
          assert.deepEqual(slotsOf(rig.store.view()), expected, 'committed');
        }
      },
    ),
    { numRuns: 60 },
  );
});
