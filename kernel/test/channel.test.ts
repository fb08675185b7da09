import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { config, map, take } from 'rxjs';
import { FactChannel } from '../channel.js';

test('every reader sees the same order, although one publishes while it reads', () => {
  const channel = new FactChannel<number>('c');
  const first: number[] = [];
  const second: number[] = [];
  channel.facts$.subscribe((n) => {
    first.push(n);
    if (n === 1) {
      channel.publish(2);
      channel.publish(3);
    }
  });
  channel.facts$.subscribe((n) => second.push(n));
  channel.publish(1);
  channel.publish(4);
  assert.deepEqual(first, [1, 2, 3, 4]);
  assert.deepEqual(second, [1, 2, 3, 4]);
});

test('undefined is a fact like any other', () => {
  const channel = new FactChannel<undefined>('c');
  let seen = 0;
  channel.facts$.subscribe(() => seen++);
  channel.publish(undefined);
  channel.publish(undefined);
  assert.equal(seen, 2);
});

test('who unsubscribes during a delivery is not served any more', () => {
  const channel = new FactChannel<number>('c');
  const seen: number[] = [];
  channel.facts$.subscribe(() => later.unsubscribe());
  const later = channel.facts$.subscribe((n) => seen.push(n));
  channel.publish(1);
  assert.deepEqual(seen, []);
});

test('who subscribes during a delivery begins with the next fact', () => {
  const channel = new FactChannel<number>('c');
  const seen: number[] = [];
  channel.facts$.pipe(take(1)).subscribe(() => {
    channel.publish(2);
    channel.facts$.subscribe((n) => seen.push(n));
  });
  channel.publish(1);
  assert.deepEqual(seen, [2]);
});

test('replayLast hands a new reader the latest fact once, also during its delivery', () => {
  const channel = new FactChannel<number>('c', { replayLast: true });
  const early: number[] = [];
  const inside: number[] = [];
  const late: number[] = [];
  channel.facts$.subscribe((n) => early.push(n));
  channel.facts$.pipe(take(1)).subscribe(() => {
    channel.publish(2);
    channel.facts$.subscribe((n) => inside.push(n));
  });
  channel.publish(1);
  channel.facts$.subscribe((n) => late.push(n));
  assert.deepEqual([early, inside, late], [[1, 2], [1, 2], [2]]);
});

test('a publish while the latest fact is replayed waits until it was handled', () => {
  const channel = new FactChannel<number>('c', { replayLast: true });
  channel.publish(1);
  const seen: string[] = [];
  channel.facts$.subscribe((n) => {
    seen.push(`begin ${n}`);
    if (n === 1) channel.publish(2);
    seen.push(`end ${n}`);
  });
  assert.deepEqual(seen, ['begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('a reader that throws harms neither the others nor the writer', async () => {
  const channel = new FactChannel<number>('c');
  const seen: number[] = [];
  const reported = new Promise<void>((resolve) => {
    let left = 2;
    config.onUnhandledError = () => --left === 0 && resolve();
  });
  channel.facts$.subscribe(() => {
    throw new Error('boom');
  });
  channel.facts$.subscribe((n) => seen.push(n));
  channel.publish(1);
  channel.publish(2);
  assert.deepEqual(seen, [1, 2]);
  await reported;
  config.onUnhandledError = null;
});

test('past the bound, `drop` loses the newest and counts', () => {
  const channel = new FactChannel<number>('c', { bound: 2, overflow: 'drop' });
  const seen: number[] = [];
  channel.facts$.subscribe((n) => {
    seen.push(n);
    if (n === 0) for (const next of [1, 2, 3, 4]) channel.publish(next);
  });
  channel.publish(0);
  assert.deepEqual(seen, [0, 1, 2]);
  assert.equal(channel.dropped, 2);
});

test('past the bound, `coalesce` keeps the newest', () => {
  const channel = new FactChannel<number>('c', { bound: 1, overflow: 'coalesce' });
  const seen: number[] = [];
  channel.facts$.subscribe((n) => {
    seen.push(n);
    if (n === 0) for (const next of [1, 2, 3, 4]) channel.publish(next);
  });
  channel.publish(0);
  assert.deepEqual(seen, [0, 4]);
  assert.equal(channel.dropped, 3);
});

test('past the bound, `disconnect` ends the reader whose handler runs, and nobody else loses a fact', () => {
  const channel = new FactChannel<number>('store.commits', { bound: 2 });
  const greedy: number[] = [];
  const other: number[] = [];
  let end: unknown;
  channel.facts$.pipe(map((n) => n * 10)).subscribe({
    next: (n) => {
      greedy.push(n);
      if (n === 0) for (const next of [1, 2, 3, 4]) channel.publish(next);
    },
    error: (error) => {
      end = error;
    },
  });
  channel.facts$.subscribe((n) => other.push(n));
  channel.publish(0);
  assert.deepEqual(greedy, [0]);
  assert.deepEqual(other, [0, 1, 2, 3, 4]);
  assert.ok(isSwarmError(end));
  assert.equal(end.code, 'KERNEL_READER_BEHIND');
  assert.equal(end.message, 'a reader of store.commits kept 2 facts waiting and was disconnected');
});

test('closing completes all readers, and those who come later', () => {
  const channel = new FactChannel<number>('c', { replayLast: true });
  const told: string[] = [];
  channel.publish(1);
  channel.facts$.subscribe({ complete: () => told.push('early') });
  channel.close();
  channel.close();
  channel.publish(2);
  channel.facts$.subscribe({ next: () => told.push('fact'), complete: () => told.push('late') });
  assert.deepEqual(told, ['early', 'late']);
});

test('closing during a delivery drops what waits', () => {
  const channel = new FactChannel<number>('c');
  const seen: number[] = [];
  channel.facts$.subscribe((n) => {
    seen.push(n);
    channel.publish(2);
    channel.close();
  });
  channel.publish(1);
  assert.deepEqual(seen, [1]);
});
