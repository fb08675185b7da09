import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realEnv } from '@swarmkit/kernel/env';
import { delay } from '@swarmkit/sdk/plugin/env';
import { aNode, aService } from '@swarmkit/sdk/testkit/fixtures';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { startManager, user } from '../bench/small-manager.js';
import { Cleanup } from '../harness/cleanup.js';

// A service of 100,000 tasks is made bit by bit, and everybody else is served in between. How long a turn
// takes is the machine's business; how much it does, and how many turns somebody waits, is ours.

const REPLICAS = 100_000n;
const ENOUGH = 3_000;
const MOST_CHANGES = 300;
const MOST_TURNS = 20;

test('while 100,000 tasks are being made, heartbeats are answered and users write', async (t) => {
  const cleanup = new Cleanup();
  t.after(() => cleanup.run());
  const { store, turnsMs, connect } = await startManager(cleanup, 5);
  const id = 'patient'.padEnd(25, '0');
  const node = await store.update(user, (draft) => draft.create('node', aNode({ id })));
  const connection = connect(id);
  const session = connection
    .serverStream(DispatcherService.session, { description: node.description, sessionId: '' })
    [Symbol.asyncIterator]();
  const { sessionId } = (await session.next()).value;

  const changes: number[] = [];
  const watching = store.commits$.subscribe((commit) => changes.push(commit.changes.length));
  cleanup.add('watching', async () => watching.unsubscribe());
  const mode = { $case: 'replicated' as const, value: { replicas: REPLICAS } };
  const big = aService({ id: 'big', specVersion: { index: 1n }, spec: { mode } });
  await store.update(user, (draft) => draft.create('service', big));

  let beats = 0;
  let worst = 0;
  const inTurns = async (call: () => Promise<unknown>): Promise<void> => {
    const before = turnsMs.length;
    await call();
    worst = Math.max(worst, turnsMs.length - before);
  };
  while (store.view().count('task') < ENOUGH) {
    await inTurns(() => connection.unary(DispatcherService.heartbeat, { sessionId }));
    await inTurns(() =>
      store.update(user, (draft) => {
        const before = draft.get('node', id)!;
        const annotations = { name: '', labels: { beats: String(beats) }, indices: [] };
        draft.update('node', { ...before, spec: { ...before.spec!, annotations } });
      }),
    );
    beats += 1;
    await delay(realEnv.clock, 20);
  }
  assert.ok(beats > 2, `only ${beats} heartbeats in between`);
  assert.ok(worst <= MOST_TURNS, `somebody waited for ${worst} turns`);
  assert.ok(Math.max(...changes) <= MOST_CHANGES, `${Math.max(...changes)} changes in one commit`);
});
