import assert from 'node:assert/strict';
import test from 'node:test';
import type { Change, Pin, View } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { groupOfSlot } from '@swarmkit/sdk/model/quiet-slot';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import fc from 'fast-check';
import { ids, play, questions, type Write, write } from './random-writes.js';
import { anyone, Rig } from './rig.js';

type Step =
  | { readonly do: 'write'; readonly writes: readonly Write[]; readonly fails: boolean }
  | { readonly do: 'refused'; readonly writes: readonly Write[] }
  | { readonly do: 'commit'; readonly count: number }
  | { readonly do: 'lose'; readonly kept: number }
  | { readonly do: 'pin' }
  | { readonly do: 'release' }
  | { readonly do: 'snapshot' };

const writes = fc.array(write, { minLength: 1, maxLength: 8 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      writes,
      fails: fc.nat({ max: 9 }).map((n) => n === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refused' as const), writes }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('lose' as const), kept: fc.nat({ max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot' as const) }) },
);

/** The oracle: one naive store for what is committed, one for the head, and what lies between them. */
class Model {
  committed: FakeStore;
  head: FakeStore;
  inFlight: (readonly Change[])[] = [];
  private made: readonly Change[] | undefined;

  constructor(private readonly rig: Rig) {
    this.committed = new FakeStore({ now: () => rig.now });
    this.head = this.committed.fork();
  }

  write(steps: readonly Write[]): readonly unknown[] {
    this.head.index = this.rig.consensus.lastIndex;
    const commits = this.head.commits.length;
    const results = this.head.updateNow(anyone, (draft) => {
      const played = play(draft, steps);
      return [...played, byKey(draft.changes())];
    });
    this.made = this.head.commits.at(commits)?.changes;
    return results;
  }

  /** A name taken and given back is proposed, since it may matter in between, but comes to nothing. */
  proposed(yes: boolean): void {
    if (this.made !== undefined) assert.ok(yes);
    if (yes) this.inFlight.push(this.made ?? []);
    this.made = undefined;
  }

  commit(count: number): void {
    for (const changes of this.inFlight.splice(0, count)) this.committed.replay(changes);
  }

  lose(kept: number): void {
    this.commit(kept);
    this.inFlight = [];
    this.head = this.committed.fork();
  }
}

const key = (change: Change): string => `${change.kind}/${change.id}`;
const byKey = (changes: readonly Change[]): readonly Change[] =>
  [...changes].sort((a, b) => (key(a) < key(b) ? -1 : 1));

/** What is told in all: the first `old` and the last `object` of each id. */
function net(changes: readonly Change[]): readonly Change[] {
  const all = new Map<string, Change>();
  for (const change of changes) {
    const first = all.get(key(change));
    if (first === undefined) {
      all.set(key(change), change);
      continue;
    }
    all.delete(key(change));
    const { old } = first;
    if (change.action === 'remove' && old === undefined) continue;
    const action = change.action === 'remove' ? 'remove' : old === undefined ? 'create' : 'update';
    const object = action === 'remove' ? old : change.object;
    all.set(key(change), { ...change, action, old, object } as Change);
  }
  return byKey([...all.values()]);
}

function assertSameView(real: View, fake: View): void {
  for (const [kind, by] of questions) {
    const sorted = [...real.find(kind, by)].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(sorted, fake.find(kind, by), `${kind} by ${JSON.stringify(by, bigints)}`);
    for (const object of sorted) assert.equal(real.get(kind, object.id), object);
  }
  for (const kind of objectKinds) assert.equal(real.count(kind), fake.count(kind));
  for (const nodeId of ids)
    assert.deepEqual(tallyOf(real, nodeId), tallyOf(fake, nodeId), `tally of ${nodeId}`);
  for (const id of ids) assert.deepEqual(slotsOf(real, id), slotsOf(fake, id), `slots of ${id}`);
}

function slotsOf(view: View, serviceId: string): unknown {
  const { quiet, restless, groups, nodes } = view.slots(serviceId);
  const free = [1n, 2n, 3n].map((slot) => view.slots(serviceId).freeFrom(slot));
  return {
    quiet,
    free,
    restless: [...restless].sort(),
    groups: groups
      .map((group) => [
        groupOfSlot(group),
        group.count,
        group.starting(9, (slot) => slot === 2n),
        group.running(9, (slot) => slot === 2n),
        [1n, 2n, 3n].map((slot) => group.has(slot)),
        [...group.seconds].sort().map((second) => [second, group.inSecond(second)]),
      ])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    nodes: [...nodes].sort(),
  };
}

function tallyOf(view: View, nodeId: string): unknown {
  const tally = view.tally(nodeId);
  const { active, nanoCpus, memoryBytes } = tally;
  const services = ids.map((id) => tally.activeOf(id));
  return { active, nanoCpus, memoryBytes, services };
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

test('the store does what a naive one does, whatever is in flight, refused or lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const rig = new Rig();
      const model = new Model(rig);
      const pins: [Pin, Pin][] = [];
      const outcomes: Promise<unknown>[] = [];
      for (const action of steps) {
        rig.now += 1000;
        if (action.do === 'write') {
          const before = rig.consensus.lastIndex;
          const expected = action.fails ? undefined : model.write(action.writes);
          const done = rig.store.update(anyone, (draft) => {
            const results = [...play(draft, action.writes), byKey(draft.changes())];
            if (action.fails) throw new Error('on purpose');
            return results;
          });
          model.proposed(rig.consensus.lastIndex > before);
          outcomes.push(
            done.then(
              (results) => assert.deepEqual(results, expected),
              (error) => assert.match(String(error), /on purpose|lost leader/),
            ),
          );
        } else if (action.do === 'refused') {
          rig.consensus.refuseNext(new SwarmError('resource-exhausted', 'RAFT_BUSY', 'busy'));
          const done = rig.store.update(anyone, (draft) => play(draft, action.writes));
          outcomes.push(done.catch(() => undefined));
          rig.consensus.refuseNext(undefined);
        } else if (action.do === 'commit') {
          rig.consensus.commit(action.count);
          model.commit(action.count);
        } else if (action.do === 'lose') {
          const kept = Math.min(action.kept, rig.consensus.uncommitted);
          rig.store.dropInFlight();
          rig.consensus.loseLeadership(kept);
          model.lose(kept);
          assertSameView(rig.store.head(), model.head.view());
          rig.consensus.regainLeadership();
        } else if (action.do === 'pin') {
          pins.push([rig.store.pin(), model.committed.pin()]);
        } else if (action.do === 'release') {
          pins.shift()?.[0].release();
        } else {
          const bytes = await rig.store.snapshot();
          const before = model.committed.pin();
          await rig.replica.restore(bytes, rig.consensus.committed.at(-1)?.index ?? 0n);
          assertSameView(rig.replica.view(), before);
        }
        assertSameView(rig.store.view(), model.committed.view());
        assertSameView(rig.store.head(), model.head.view());
        for (const [real, fake] of pins) assertSameView(real, fake);
      }
      rig.consensus.commit();
      model.commit(model.inFlight.length);
      assertSameView(rig.store.view(), model.committed.view());
      assertSameView(rig.replica.view(), model.committed.view());
      assert.equal(rig.store.skippedEntries + rig.replica.skippedEntries, 0);
      await Promise.all(outcomes);
      // What was told adds up to what there is.
      const told = new FakeStore();
      for (const commit of rig.commits) told.replay(commit.changes);
      assertSameView(rig.store.view(), told.view());
      assert.deepEqual(
        net(rig.commits.flatMap((commit) => commit.changes))
          .map((change) => change.id)
          .sort(),
        objectKinds
          .flatMap((kind) => told.view().find(kind, { by: 'all' }))
          .map(({ id }) => id)
          .sort(),
      );
    }),
    { numRuns: 80, includeErrorInReport: true },
  );
});
