import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AssignmentChange_AssignmentAction,
  AssignmentsMessage,
  AssignmentsMessage_Type,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, TaskStatus, VolumeAssignment } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { AssignmentChain } from '../core/assignment-set.js';
import { nextBackoffMs, waitMs } from '../core/backoff.js';
import {
  chooseManager,
  type KnownManager,
  listed,
  observe,
  relist,
  sessionClosed,
} from '../core/manager-choice.js';
import { PendingReports } from '../core/pending-reports.js';

describe('back-off', () => {
  it('grows from 100 ms to 8 s', () => {
    const bounds: number[] = [];
    for (let bound = 0; bounds.length < 9; bounds.push(bound)) bound = nextBackoffMs(bound);
    assert.deepEqual(bounds, [100, 300, 700, 1500, 3100, 6300, 8000, 8000, 8000]);
  });
  it('begins anew after a session that outlived the bound', () => {
    assert.equal(nextBackoffMs(700, 701), 100);
    assert.equal(nextBackoffMs(700, 700), 1500);
    assert.equal(nextBackoffMs(0, 5), 100);
  });
  it('waits anything below the bound', () => {
    assert.equal(waitMs(300, 0), 0);
    assert.equal(waitMs(300, 0.5), 150);
    assert.equal(waitMs(300, 0.999999), 299);
  });
});

describe('choice of a manager', () => {
  const known = (nodeId: string, weight: number): KnownManager => ({
    nodeId,
    address: `${nodeId}:1`,
    weight,
  });
  const chosen = (managers: readonly KnownManager[], dice: number) =>
    chooseManager(managers, dice)?.nodeId;

  it('goes by weight', () => {
    const managers = [known('a', 10), known('b', 30)];
    assert.equal(chosen(managers, 0.24), 'a');
    assert.equal(chosen(managers, 0.26), 'b');
    assert.equal(chosen(managers, 0.9999999), 'b');
    assert.equal(chosen([], 0.5), undefined);
  });
  it('leaves even the worst a chance, and equal ones the same', () => {
    assert.equal(chosen([known('a', -256), known('b', 1)], 0.0001), 'a');
    const bad = [known('a', -1), known('b', -200)];
    assert.deepEqual([chosen(bad, 0.49), chosen(bad, 0.51)], ['a', 'b']);
  });
  it('half of a weight is what was just seen, within bounds', () => {
    const after = (weight: number, seen: number) =>
      observe([known('a', weight)], 'a:1', seen)[0]?.weight;
    assert.deepEqual(
      [after(0, listed), after(5, listed), after(10, sessionClosed), after(-9, sessionClosed)],
      [5, 8, 0, -9],
    );
    assert.deepEqual([after(256, 1000), after(-256, -1000)], [256, -256]);
    assert.deepEqual(observe([known('a', 3)], 'other:1', listed), [known('a', 3)]);
  });
  it('a list replaces what was known; weights stay with those who stay', () => {
    const before = [known('', 7), known('a', 20), known('b', 3)];
    assert.deepEqual(
      relist(before, [
        { nodeId: 'a', address: 'a:1' },
        { nodeId: 'b', address: 'elsewhere:1' },
      ]),
      [known('a', 15), { nodeId: 'b', address: 'elsewhere:1', weight: 5 }],
    );
    assert.equal(relist(before, []), before);
  });
});

describe('chain of assignments', () => {
  const { UPDATE, REMOVE } = AssignmentChange_AssignmentAction;
  const message = (type: 'COMPLETE' | 'INCREMENTAL', appliesTo: string, resultsIn: string) =>
    AssignmentsMessage.create({ type: AssignmentsMessage_Type[type], appliesTo, resultsIn });

  it('is followed', () => {
    const chain = new AssignmentChain();
    assert.notEqual(chain.accept(message('COMPLETE', '', '1')), 'gap');
    assert.notEqual(chain.accept(message('INCREMENTAL', '1', '2')), 'gap');
    assert.notEqual(chain.accept(message('INCREMENTAL', '2', '3')), 'gap');
    assert.notEqual(chain.accept(message('COMPLETE', '', '1')), 'gap');
    assert.notEqual(chain.accept(message('INCREMENTAL', '1', '2')), 'gap');
  });
  it('a gap is noticed, and stays one until everything was sent again', () => {
    const chain = new AssignmentChain();
    assert.equal(chain.accept(message('INCREMENTAL', '', '1')), 'gap');
    chain.accept(message('COMPLETE', '', '1'));
    assert.equal(chain.accept(message('INCREMENTAL', '2', '3')), 'gap');
    assert.equal(chain.accept(message('INCREMENTAL', '1', '2')), 'gap');
    assert.notEqual(chain.accept(message('COMPLETE', '', '1')), 'gap');
  });
  it('becomes a plan by kind', () => {
    const change = (action: number, item: NonNullable<unknown>) =>
      ({ action, assignment: { item } }) as never;
    const plan = new AssignmentChain().accept({
      ...message('COMPLETE', '', '1'),
      changes: [
        change(UPDATE, { $case: 'task', value: Task.create({ id: 't1' }) }),
        change(REMOVE, { $case: 'task', value: Task.create({ id: 't2' }) }),
        change(UPDATE, { $case: 'secret', value: Secret.create({ id: 's1' }) }),
        change(REMOVE, { $case: 'secret', value: Secret.create({ id: 's2' }) }),
        change(UPDATE, { $case: 'config', value: Config.create({ id: 'c1' }) }),
        change(REMOVE, { $case: 'config', value: Config.create({ id: 'c2' }) }),
        change(UPDATE, { $case: 'volume', value: VolumeAssignment.create({ id: 'v1' }) }),
        change(REMOVE, { $case: 'volume', value: VolumeAssignment.create({ id: 'v2' }) }),
        { action: UPDATE, assignment: undefined },
      ],
    });
    assert.ok(plan !== 'gap');
    const ids = ({
      put,
      remove,
    }: {
      put: readonly { id: string }[];
      remove: readonly string[];
    }) => [put.map(({ id }) => id), remove];
    assert.equal(plan.complete, true);
    assert.deepEqual(ids(plan.tasks), [['t1'], ['t2']]);
    assert.deepEqual(ids(plan.secrets), [['s1'], ['s2']]);
    assert.deepEqual(ids(plan.configs), [['c1'], ['c2']]);
    assert.deepEqual(ids(plan.volumes), [['v1'], ['v2']]);
  });
});

describe('pending reports', () => {
  const status = (state: TaskState, message = '') => TaskStatus.create({ state, message });
  const { READY, RUNNING, FAILED } = TaskState;

  it('keep the latest of a task and never a lower state', () => {
    const pending = new PendingReports();
    pending.add('a', status(READY));
    pending.add('b', status(READY));
    pending.add('a', status(RUNNING, 'first'));
    pending.add('a', status(READY));
    pending.add('a', status(RUNNING, 'second'));
    assert.deepEqual(pending.take(10), [
      ['a', status(RUNNING, 'second')],
      ['b', status(READY)],
    ]);
    assert.equal(pending.size, 0);
  });
  it('hand out the oldest first', () => {
    const pending = new PendingReports();
    for (const id of ['a', 'b', 'c']) pending.add(id, status(READY));
    assert.deepEqual(
      pending.take(2).map(([id]) => id),
      ['a', 'b'],
    );
    pending.forget('c');
    assert.deepEqual(pending.take(2), []);
  });
  it('take back what was not delivered, unless there is newer', () => {
    const pending = new PendingReports();
    pending.add('a', status(RUNNING, 'newer'));
    pending.add('b', status(FAILED));
    pending.giveBack([
      ['a', status(RUNNING, 'older')],
      ['b', status(RUNNING)],
      ['c', status(RUNNING)],
    ]);
    assert.deepEqual(
      new Map(pending.take(10)),
      new Map([
        ['a', status(RUNNING, 'newer')],
        ['b', status(FAILED)],
        ['c', status(RUNNING)],
      ]),
    );
  });
  it('deliver every last state, whatever is refused on the way', () => {
    const event = fc.oneof(
      fc.record({
        task: fc.constantFrom('a', 'b'),
        state: fc.constantFrom(READY, RUNNING, FAILED),
      }),
      fc.record({ take: fc.nat(3), fails: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const pending = new PendingReports();
        const highest = new Map<string, TaskState>();
        const delivered = new Map<string, TaskState>();
        const deliver = (reports: ReturnType<PendingReports['take']>) => {
          for (const [id, { state }] of reports) delivered.set(id, state);
        };
        for (const event of events)
          if ('task' in event) {
            pending.add(event.task, status(event.state));
            highest.set(event.task, Math.max(event.state, highest.get(event.task) ?? 0));
          } else {
            const taken = pending.take(event.take);
            if (event.fails) pending.giveBack(taken);
            else deliver(taken);
          }
        deliver(pending.take(10));
        for (const [id, state] of highest) assert.ok((delivered.get(id) ?? 0) <= state);
        for (const id of highest.keys()) assert.ok(delivered.has(id));
      }),
    );
  });
});
