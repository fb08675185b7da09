import assert from 'node:assert/strict';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { describe, it } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import {
  afterVerb,
  higherDesired,
  nextStep,
  type Verb,
  withoutController,
} from '../core/task-line.js';

/** Every state, in order of progress. */
export const states = [
  'NEW',
  'PENDING',
  'ASSIGNED',
  'ACCEPTED',
  'PREPARING',
  'READY',
  'STARTING',
  'RUNNING',
  'COMPLETE',
  'SHUTDOWN',
  'FAILED',
  'REJECTED',
  'REMOVE',
  'ORPHANED',
] as const;

/**
 * Rows: observed. Columns: desired, in the same order.
 * a, p, s: moves to ACCEPTED, PREPARING, STARTING. P, S, W, X: calls prepare, start, wait, shutdown.
 */
const table = `
  NEW        ... aaaaaa XXXXX
  PENDING    ... aaaaaa XXXXX
  ASSIGNED   ... aaaaaa XXXXX
  ACCEPTED   .... ppppp XXXXX
  PREPARING  PPPPPPPPP  XXXXX
  READY      ...... sss XXXXX
  STARTING   SSSSSSSSS  XXXXX
  RUNNING    WWWWWWWWW  XXXXX
  COMPLETE   .........  .....
  SHUTDOWN   .........  .....
  FAILED     .........  .....
  REJECTED   .........  .....
  REMOVE     .........  .....
  ORPHANED   .........  .....
`;

const letters: Readonly<Record<string, string>> = {
  ACCEPTED: 'a',
  PREPARING: 'p',
  STARTING: 's',
  prepare: 'P',
  start: 'S',
  wait: 'W',
  shutdown: 'X',
};

function letterOf(desired: TaskState, observed: TaskState): string {
  const step = nextStep(desired, observed);
  if (step.kind === 'drain') return 'drain';
  if (step.kind === 'wait') return '.';
  return letters[step.kind === 'move' ? TaskState[step.to] : step.verb] ?? '?';
}

describe('next step', () => {
  for (const row of table.trim().split('\n')) {
    const [name = '', ...cells] = row.trim().split(/\s+/);
    it(`from ${name}`, () => {
      const observed = TaskState[name as keyof typeof TaskState];
      const found = states.map((desired) => letterOf(TaskState[desired], observed)).join('');
      assert.equal(found, cells.join(''));
    });
  }

  it('says what the state means, in the words of SwarmKit', () => {
    const words = (observed: TaskState) => {
      const step = nextStep(TaskState.RUNNING, observed);
      return step.kind === 'move' ? step.message : undefined;
    };
    assert.deepEqual([TaskState.ASSIGNED, TaskState.ACCEPTED, TaskState.READY].map(words), [
      'accepted',
      'preparing',
      'starting',
    ]);
  });
});

const status = (state: TaskState, err = ''): TaskStatus =>
  TaskStatus.create({ state, message: 'before', err });

describe('after a verb', () => {
  const done = (verb: Verb, state: TaskState) => afterVerb(verb, status(state), { kind: 'done' });

  it('has got there', () => {
    const { PREPARING, READY, STARTING, RUNNING, SHUTDOWN } = TaskState;
    const reached = (state: TaskState, message: string) => ({
      state,
      message,
      err: '',
      retry: false,
    });
    assert.deepEqual(done('prepare', PREPARING), reached(READY, 'prepared'));
    assert.deepEqual(done('start', STARTING), reached(RUNNING, 'started'));
    for (const state of [PREPARING, READY, STARTING, RUNNING])
      assert.deepEqual(done('shutdown', state), reached(SHUTDOWN, 'shutdown'));
  });

  it('is complete with code 0 and failed with any other, or with a reason', () => {
    const ended = (code: number, reason?: string) => {
      const exit = reason === undefined ? { code } : { code, reason };
      const verdict = afterVerb('wait', status(TaskState.RUNNING), { kind: 'done', exit });
      return [TaskState[verdict.state], verdict.message, verdict.err, verdict.exitCode];
    };
    assert.deepEqual(ended(0), ['COMPLETE', 'finished', '', 0]);
    assert.deepEqual(ended(3), ['FAILED', 'before', 'task: non-zero exit (3)', 3]);
    assert.deepEqual(ended(137, 'out of memory'), [
      'FAILED',
      'before',
      'task: non-zero exit (137): out of memory',
      137,
    ]);
    assert.deepEqual(ended(0, 'unhealthy container'), [
      'FAILED',
      'before',
      'unhealthy container',
      0,
    ]);
  });

  const failed = (verb: Verb, state: TaskState, error: unknown, err = '') => {
    const verdict = afterVerb(verb, status(state, err), { kind: 'failed', error });
    return [TaskState[verdict.state], verdict.message, verdict.err, verdict.retry];
  };
  const verbs = [
    ['prepare', 'PREPARING', 'REJECTED'],
    ['start', 'STARTING', 'FAILED'],
    ['wait', 'RUNNING', 'FAILED'],
    ['shutdown', 'READY', 'REJECTED'],
    ['shutdown', 'RUNNING', 'FAILED'],
  ] as const;

  for (const [verb, from, to] of verbs) {
    const error = (kind: SwarmError['kind']) => new SwarmError(kind, 'TEST', 'the reason');
    const at = TaskState[from];

    it(`is ${to} when ${verb} fails at ${from}`, () => {
      for (const kind of [
        'unknown',
        'invalid-argument',
        'not-found',
        'already-exists',
        'permission-denied',
        'failed-precondition',
        'out-of-range',
        'unimplemented',
        'internal',
        'data-loss',
        'unauthenticated',
      ] as const)
        assert.deepEqual(failed(verb, at, error(kind)), [to, 'before', 'the reason', false], kind);
      assert.deepEqual(failed(verb, at, new Error('a bug')), [to, 'before', 'a bug', false]);
      assert.deepEqual(failed(verb, at, 'a word'), [to, 'before', 'a word', false]);
    });

    it(`tries ${verb} again at ${from} after a temporary failure, and says why`, () => {
      for (const kind of ['unavailable', 'aborted', 'resource-exhausted'] as const)
        assert.deepEqual(failed(verb, at, error(kind)), [from, 'before', 'the reason', true], kind);
    });

    it(`tries ${verb} again at ${from} when it was given up, and keeps what was said`, () => {
      for (const kind of ['cancelled', 'deadline-exceeded'] as const)
        assert.deepEqual(failed(verb, at, error(kind), 'old'), [from, 'before', 'old', true], kind);
    });
  }
});

it('without a controller a task is REJECTED before STARTING, FAILED up to RUNNING, and stays where it ended', () => {
  const verdicts = states.map((name) => {
    const { state, message, err } = withoutController(status(TaskState[name]), new Error('why'));
    assert.deepEqual([message, err], ['resolving controller failed', 'why']);
    return TaskState[state];
  });
  assert.deepEqual(verdicts, [
    ...Array.from({ length: 6 }, () => 'REJECTED'),
    'FAILED',
    'FAILED',
    ...states.slice(8),
  ]);
});

it('desired only goes up', () => {
  for (const a of states)
    for (const b of states)
      assert.equal(higherDesired(TaskState[a], TaskState[b]), Math.max(TaskState[a], TaskState[b]));
});

it('a running task that is to stop is drained first, where its service asks for that', () => {
  const { RUNNING, SHUTDOWN, REMOVE, STARTING, COMPLETE } = TaskState;
  assert.deepEqual(nextStep(SHUTDOWN, RUNNING, 300), { kind: 'drain', forMs: 300 });
  assert.deepEqual(nextStep(REMOVE, RUNNING, 1), { kind: 'drain', forMs: 1 });
  assert.deepEqual(nextStep(SHUTDOWN, RUNNING, 0), { kind: 'call', verb: 'shutdown' });
  assert.deepEqual(nextStep(SHUTDOWN, STARTING, 300), { kind: 'call', verb: 'shutdown' });
  assert.deepEqual(nextStep(RUNNING, RUNNING, 300), { kind: 'call', verb: 'wait' });
  assert.deepEqual(nextStep(SHUTDOWN, COMPLETE, 300), { kind: 'wait' });
});

it('a prepared task in a crash loop says when it starts', () => {
  const message = (failures: number, ms: number | undefined) =>
    afterVerb(
      'prepare',
      status(TaskState.PREPARING),
      { kind: 'done' },
      {
        failures,
        startAfter: timestampFromMs(ms),
      },
    ).message;
  assert.equal(message(1, undefined), 'prepared');
  assert.equal(
    message(3, 1_700_000_000_000),
    'prepared; after 3 failures in a row it starts at 2023-11-14T22:13:20.000Z',
  );
});
