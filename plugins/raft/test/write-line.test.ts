import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import fc from 'fast-check';
import type { Ready, Write } from '../core/raft.js';
import { joinWrites, WriteLine } from '../shell/write-line.js';

const entry = (index: number, term = 1, bytes = 1): Entry => ({
  Type: 0,
  Index: BigInt(index),
  Term: BigInt(term),
  Data: Buffer.alloc(bytes),
});
const writeOf = (entries: readonly Entry[], term = 1): Write => ({
  hardState: { term: BigInt(term), vote: 0n, commit: 0n },
  snapshot: undefined,
  entries,
});
const readyOf = (write: Write | undefined): Ready => ({
  write,
  committed: [],
  messages: [],
  promises: [],
  reads: [],
});

/** A disk that finishes a write when it is told to. */
function rig() {
  const written: Write[] = [];
  const finish: (() => void)[] = [];
  const done: Ready[] = [];
  const failures: unknown[] = [];
  const line = new WriteLine({
    write: (write) => {
      written.push(write);
      return new Promise((resolve) => finish.push(resolve));
    },
    done: (ready) => done.push(ready),
    failed: (error) => failures.push(error),
  });
  return { line, written, finish, done, failures };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the line of writes', () => {
  it('has one on its way, and all that came meanwhile in the next one', async () => {
    const { line, written, finish, done } = rig();
    const readys = [1, 2, 3].map((index) => readyOf(writeOf([entry(index)])));
    for (const ready of readys) line.push(ready);
    assert.deepEqual(
      written.map(({ entries }) => entries.length),
      [1],
    );
    finish.shift()?.();
    await turn();
    assert.deepEqual(
      written.map(({ entries }) => entries.length),
      [1, 2],
    );
    assert.deepEqual(done, readys.slice(0, 1), 'nothing is promised before it is on disk');
    finish.shift()?.();
    await line.idle();
    assert.deepEqual(done, readys);
  });

  it('lets nothing overtake a write, not even what writes nothing', async () => {
    const { line, finish, done } = rig();
    const nothing = readyOf(undefined);
    line.push(nothing);
    assert.deepEqual(done, [nothing], 'at once, when nothing is on its way');
    const first = readyOf(writeOf([entry(1)]));
    const second = readyOf(undefined);
    line.push(first);
    line.push(second);
    await turn();
    assert.equal(done.length, 1);
    finish.shift()?.();
    await line.idle();
    assert.deepEqual(done, [nothing, first, second]);
  });

  it('keeps a batch small enough for one stop of the event loop', async () => {
    const { line, written, finish } = rig();
    for (const index of [1, 2, 3]) line.push(readyOf(writeOf([entry(index, 1, 600 * 1024)])));
    for (let i = 0; i < 3; i++) {
      finish.shift()?.();
      await turn();
    }
    assert.deepEqual(
      written.map(({ entries }) => entries.length),
      [1, 1, 1],
    );
  });

  it('does nothing more after a failure', async () => {
    const failures: unknown[] = [];
    const done: Ready[] = [];
    const line = new WriteLine({
      write: () => Promise.reject(new Error('broken')),
      done: (ready) => done.push(ready),
      failed: (error) => failures.push(error),
    });
    line.push(readyOf(writeOf([entry(1)])));
    line.push(readyOf(writeOf([entry(2)])));
    await line.idle();
    assert.equal(failures.length, 1);
    assert.deepEqual(done, []);
  });

  it('joins writes as if they were made one after the other', () => {
    // Each write begins at or before the end of the log so far, as those of a log do.
    const plan = fc.array(fc.record({ back: fc.nat(4), count: fc.integer({ min: 1, max: 5 }) }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(plan, (steps) => {
        const oneByOne = new Map<bigint, bigint>();
        const writes: Write[] = [];
        let end = 10;
        steps.forEach(({ back, count }, term) => {
          const from = Math.max(end - back, 5) + 1;
          const entries = Array.from({ length: count }, (_, i) => entry(from + i, term));
          for (const { Index, Term } of entries) oneByOne.set(Index, Term);
          end = from + count - 1;
          for (const index of oneByOne.keys()) if (index > BigInt(end)) oneByOne.delete(index);
          writes.push(writeOf(entries, term));
        });
        const joined = joinWrites(writes);
        const all = new Map(joined?.entries.map(({ Index, Term }) => [Index, Term]));
        const first = joined?.entries[0]?.Index ?? 0n;
        for (const [index, term] of oneByOne)
          if (index >= first) assert.equal(all.get(index), term);
        assert.equal(joined?.entries.at(-1)?.Index, BigInt(end));
        const { entries = [] } = joined ?? {};
        for (const [i, { Index }] of entries.entries()) assert.equal(Index, first + BigInt(i));
        assert.equal(joined?.hardState.term, BigInt(steps.length - 1));
      }),
    );
  });
});
