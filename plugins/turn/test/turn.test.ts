import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Reconciler } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, Writer } from '@swarmkit/sdk/contracts/store';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import { Ring } from '../core/ring.js';
import { type Seen, TurnRig, user } from './turn-rig.js';

const rigFor = (t: TestContext): TurnRig => {
  const rig = new TurnRig();
  t.after(() => rig.end());
  return rig;
};

const nothing = () => undefined;
const label = (draft: Draft, id: string, key: string): string | undefined =>
  draft.get('service', id)?.spec?.annotations?.labels[key];

function setLabel(draft: Draft, id: string, key: string, value: string): void {
  const service = draft.get('service', id);
  if (service?.spec?.annotations === undefined) return;
  const { spec } = service;
  const annotations = {
    ...service.spec.annotations,
    labels: { ...service.spec.annotations.labels, [key]: value },
  };
  draft.update('service', { ...service, spec: { ...spec, annotations } });
}

const ids = (seen: readonly Seen[]): readonly string[] =>
  seen.map(
    ({ stage, everything, services }) => `${stage}:${everything ? '*' : services.join(',')}`,
  );

const touch = (rig: TurnRig, id: string): void =>
  rig.store.updateNow(user, (draft) =>
    setLabel(draft, id, 'touched', `${rig.seen.length}${rig.env.clock.now()}`),
  );

test('the first turn shows everything to all stages in ring order, then the ring rests', async (t) => {
  const rig = rigFor(t);
  await rig.start(
    rig.stage('late', 200, nothing),
    rig.stage('b', 100, nothing),
    rig.stage('a', 100, nothing),
  );
  assert.deepEqual(ids(rig.taken()), ['a:*', 'b:*', 'late:*']);
  assert.equal(rig.turns, 1);
  await rig.advance(3_600_000 * 3);
  assert.equal(rig.turns, 1);
});

test('a later stage sees a plan in the same turn, an earlier one in the next, its maker never', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: [aService({ id: 's1' }), aService({ id: 's2' })] });
  await rig.start(
    rig.stage('first', 1, nothing),
    rig.stage('middle', 2, ({ draft, dirty }) => {
      for (const id of dirty.ids('service'))
        if (label(draft, id, 'middle') === undefined) setLabel(draft, id, 'middle', 'yes');
      return undefined;
    }),
    rig.stage('last', 3, nothing),
  );
  rig.taken();
  touch(rig, 's2');
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), ['first:s2', 'middle:s2', 'last:s2', 'first:s2']);
  assert.deepEqual(rig.store.commits.at(-1)?.by, ['middle']);
});

test('what changes while a turn is in flight is gathered into one turn', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: ['s1', 's2', 's3'].map((id) => aService({ id })) });
  await rig.start(rig.stage('only', 1, nothing));
  rig.taken();
  rig.held = true;
  touch(rig, 's1');
  await rig.rest();
  touch(rig, 's2');
  touch(rig, 's3');
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), ['only:s1']);
  await rig.open();
  assert.deepEqual(ids(rig.taken()), ['only:s2,s3']);
});

test('every instant asked for brings a turn, also when a later run asks for a later one', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: [aService({ id: 's1' })] });
  const wishes = [5000, 9000, undefined];
  await rig.start(
    rig.stage('timed', 1, ({ now }) => {
      const wish = wishes.shift();
      return { wakeAt: wish === undefined ? undefined : now + wish };
    }),
  );
  touch(rig, 's1');
  await rig.rest();
  rig.taken();
  await rig.advance(4999);
  assert.deepEqual(rig.taken(), []);
  await rig.advance(1);
  assert.deepEqual(rig.taken(), [{ stage: 'timed', at: 5000, everything: false, services: [] }]);
  await rig.advance(60_000);
  assert.deepEqual(
    rig.taken().map(({ at }) => at),
    [9000],
  );
});

test('a stage that throws is undone, named and retried with everything; the others go on', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: [aService({ id: 's1' })] });
  let broken = true;
  await rig.start(
    rig.stage('good', 1, ({ draft }) => setLabel(draft, 's1', 'good', 'yes') as undefined),
    rig.stage('bad', 2, ({ draft }) => {
      setLabel(draft, 's1', 'bad', 'yes');
      if (broken) throw new Error('out of cheese');
      return undefined;
    }),
    rig.stage('after', 3, ({ draft }) => {
      assert.equal(label(draft, 's1', 'bad'), broken ? undefined : 'yes');
      return undefined;
    }),
  );
  const labels = () => rig.store.view().get('service', 's1')?.spec?.annotations?.labels;
  assert.deepEqual(labels(), { good: 'yes' });
  assert.deepEqual(rig.faults, ['stage bad: Error: out of cheese']);
  rig.taken();
  // Not even a change brings it back before its time: 100 ms, then 200 ms.
  touch(rig, 's1');
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), ['good:s1', 'after:s1']);
  await rig.advance(100);
  assert.deepEqual(ids(rig.taken()), ['bad:*']);
  await rig.advance(199);
  assert.deepEqual(rig.taken(), []);
  broken = false;
  await rig.advance(1);
  assert.equal(ids(rig.taken())[0], 'bad:*');
  assert.equal(labels()?.bad, 'yes');
  assert.equal(rig.faults.length, 2);
});

test('an object that a stage had to leave out is named, and shown again when it changes and after 10 s', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: ['s1', 's2'].map((id) => aService({ id })) });
  let broken = true;
  await rig.start(
    rig.stage('careful', 1, ({ dirty }) =>
      broken && (dirty.everything || dirty.ids('service').has('s1'))
        ? { failures: [{ object: { kind: 'service', id: 's1' }, error: new Error('no cheese') }] }
        : undefined,
    ),
  );
  assert.deepEqual(rig.faults, ['stage careful, service s1: Error: no cheese']);
  rig.taken();
  touch(rig, 's2');
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), ['careful:s2'], 'others are not held up');
  touch(rig, 's1');
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), ['careful:s1']);
  assert.equal(rig.faults.length, 2);
  broken = false;
  await rig.advance(9_999);
  assert.deepEqual(rig.taken(), []);
  await rig.advance(1);
  assert.deepEqual(ids(rig.taken()), ['careful:s1']);
  await rig.advance(60_000);
  assert.deepEqual(rig.taken(), []);
  assert.equal(rig.faults.length, 2);
});

test('a turn that was not committed is planned anew from everything, after a while', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: [aService({ id: 's1' })] });
  await rig.start(rig.stage('one', 1, nothing), rig.stage('two', 2, nothing));
  rig.taken();
  touch(rig, 's1');
  rig.store.refuseNext(new SwarmError('resource-exhausted', 'RAFT_BUSY', 'too much uncommitted'));
  await rig.rest();
  assert.deepEqual(ids(rig.taken()), []);
  assert.deepEqual(rig.warnings, ['the turn was not committed']);
  await rig.advance(100);
  assert.deepEqual(ids(rig.taken()), ['one:*', 'two:*']);
  assert.deepEqual(rig.faults, []);
});

test('stages that undo each other are slowed down and named', async (t) => {
  const rig = rigFor(t);
  rig.store.seed({ service: [aService({ id: 's1' })] });
  const flip = (name: string, order: number) =>
    rig.stage(name, order, ({ draft }) => setLabel(draft, 's1', 'owner', name) as undefined);
  await rig.start(flip('a', 1), flip('b', 2));
  assert.ok(rig.turns > 50 && rig.turns < 110, `${rig.turns} turns`);
  assert.match(rig.warnings[0] ?? '', /do not come to rest/);
  const before = rig.turns;
  await rig.advance(5000);
  assert.ok(rig.turns - before <= 6, `${rig.turns - before} turns in 5 s`);
});

test('two stages of one name or with one field are refused, and both are named', () => {
  const stage = (id: string, writes: Writer['writes']) =>
    new TurnRig().stage(id, 1, nothing, writes);
  assert.throws(
    () =>
      new Ring([stage('x', ['task.placement']), stage('y', ['task.deletion', 'task.placement'])]),
    /x and y both own task.placement/,
  );
  assert.throws(() => new Ring([stage('x', []), stage('x', [])]), /call themselves x/);
});

test('what a stage left unfinished is shown to it in the next turn, at once, and is no quarrel', async (t) => {
  const rig = rigFor(t);
  const all = ['s1', 's2', 's3'];
  rig.store.seed({ service: all.map((id) => aService({ id })) });
  let left = 150;
  const bitByBit: Reconciler = {
    writer: { id: 'slow', writes: [] },
    order: 1,
    reconcile({ draft, dirty, now }) {
      rig.seen.push({
        stage: 'slow',
        at: now,
        everything: dirty.everything,
        services: [...dirty.ids('service')],
      });
      if (left === 0) return {};
      left -= 1;
      setLabel(draft, 's1', 'left', String(left));
      return { unfinished: left === 0 ? [] : [{ kind: 'service', id: 's2' }] };
    },
  };
  await rig.start(bitByBit);
  assert.equal(rig.turns, 150, 'more in a row than two stages that quarrel are allowed');
  assert.deepEqual(rig.warnings, []);
  const [first, ...later] = ids(rig.taken());
  assert.equal(first, 'slow:*');
  assert.ok(later.every((seen) => seen === 'slow:s2'));
  await rig.advance(3_600_000);
  assert.equal(rig.turns, 150);
});
