import assert from 'node:assert/strict';
import test from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { afterVerb, higherDesired, nextStep, type Outcome } from '../core/task-line.js';

const { ASSIGNED, READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE } = TaskState;

type Event =
  | { readonly want: TaskState }
  | { readonly outcome: 'ok' | 'exit' | 'temporary' | 'given up' | 'final' };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      want: fc.constantFrom(ASSIGNED, READY, RUNNING, COMPLETE, SHUTDOWN, REMOVE),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      outcome: fc.constantFrom('ok', 'ok', 'ok', 'exit', 'temporary', 'given up', 'final' as const),
    }),
  },
);

function outcomeOf(word: 'ok' | 'exit' | 'temporary' | 'given up' | 'final'): Outcome {
  switch (word) {
    case 'ok':
      return { kind: 'done', exit: { code: 0 } };
    case 'exit':
      return { kind: 'done', exit: { code: 1 } };
    case 'temporary':
      return { kind: 'failed', error: new SwarmError('unavailable', 'T', 'later') };
    case 'given up':
      return { kind: 'failed', error: new SwarmError('cancelled', 'T', 'stop') };
    case 'final':
      return { kind: 'failed', error: new SwarmError('internal', 'T', 'broken') };
  }
}

/** A task that lives through these events. Returns every status it had. */
function live(events: readonly Event[]): {
  statuses: TaskStatus[];
  desired: TaskState;
  calls: number;
} {
  let status = TaskStatus.create({ state: ASSIGNED });
  let desired = READY as TaskState;
  let calls = 0;
  const statuses = [status];
  for (const event of events) {
    if ('want' in event) desired = higherDesired(desired, event.want);
    else {
      const step = nextStep(desired, status.state);
      if (step.kind === 'wait' || step.kind === 'drain') continue;
      if (step.kind === 'move') status = { ...status, state: step.to, message: step.message };
      else {
        calls++;
        const { state, message, err } = afterVerb(step.verb, status, outcomeOf(event.outcome));
        status = { ...status, state, message, err };
      }
      statuses.push(status);
    }
  }
  return { statuses, desired, calls };
}

test('observed never goes back, and nothing is called after the end', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { statuses } = live(events);
      for (const [i, status] of statuses.entries())
        assert.ok(i === 0 || status.state >= (statuses[i - 1]?.state ?? 0));
      const ends = statuses.filter(({ state }) => state >= COMPLETE);
      assert.ok(ends.length <= 1, 'an ended task ended again');
    }),
  );
});

test('a task that is wanted ends within seven steps when nothing fails for a while', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const smooth: Event[] = Array.from({ length: 7 }, () => ({ outcome: 'ok' as const }));
      const { statuses } = live([...events, { want: RUNNING }, ...smooth]);
      assert.ok((statuses.at(-1)?.state ?? 0) >= COMPLETE);
    }),
  );
});

test('a task that is not wanted ends with the first call that does not fail', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const { statuses } = live([...events, { want: SHUTDOWN }, { outcome: 'ok' }]);
      assert.ok((statuses.at(-1)?.state ?? 0) >= COMPLETE);
    }),
  );
});

test('an ended task gives a reason exactly when it did not end as wanted', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const end = live(events).statuses.at(-1);
      if (end === undefined || end.state < COMPLETE) return;
      const unwanted = end.state === TaskState.FAILED || end.state === TaskState.REJECTED;
      assert.equal(end.err !== '', unwanted);
    }),
  );
});
