import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { Leaving } from '../shell/leaving.js';

const nothing = (): void => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** `left`: what happened, in order. */
function node(role: 'manager' | 'worker', tasksGo: boolean) {
  const left: string[] = [];
  const given: AbortSignal[] = [];
  const leaving = new Leaving({
    identity: { current: () => ({ nodeId: 'n', role }) } as unknown as NodeIdentity,
    tasks: {
      end: async (patience) => {
        given.push(patience);
        left.push('tasks');
        return tasksGo;
      },
    },
    departure: { leave: () => left.push('erased') },
    // What is due later is due at once.
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: (ms, run) => {
        if (ms < 1_000) setImmediate(run);
        return nothing;
      },
    },
    log,
  });
  const { signal } = new AbortController();
  return { left, given, leave: (force: boolean) => leaving.leave(force, signal) };
}
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a worker ends its tasks, answers, and is erased', async () => {
  const { left, leave } = node('worker', true);
  await leave(false);
  assert.deepEqual(left, ['tasks']);
  await later();
  assert.deepEqual(left, ['tasks', 'erased']);
});

test('a manager stays unless it is forced, and nothing has happened to it', async () => {
  const { left, leave } = node('manager', true);
  await assert.rejects(leave(false), { code: 'DEPARTURE_MANAGER' });
  assert.deepEqual(left, []);
  await leave(true);
  await later();
  assert.deepEqual(left, ['tasks', 'erased']);
});

test('tasks that do not go keep a node, unless it is forced', async () => {
  const { left, given, leave } = node('worker', false);
  await assert.rejects(leave(false), { code: 'DEPARTURE_TASKS' });
  assert.deepEqual(
    given.map(({ aborted }) => aborted),
    [true],
    'nothing is held of the attempt',
  );
  await later();
  assert.deepEqual(left, ['tasks']);
  await leave(true);
  await later();
  assert.equal(left.at(-1), 'erased');
});
