import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { live, type Story } from './life.js';

/** More by command: RAFT_SEEDS=5000 node --test plugins/raft/dist/test/group.prop.test.js */
const LIVES = Number(process.env.RAFT_SEEDS ?? 80);

describe('any disorder', () => {
  it('breaks no promise of Raft, and ends when it ends', () => {
    const sum = { committed: 0, terms: 0, reads: 0, changes: 0, snapshots: 0 };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const story = live(seed);
        for (const key of Object.keys(sum) as (keyof Story)[]) sum[key] += story[key];
      }),
      { numRuns: LIVES, endOnFailure: true },
    );
    // The disorder must not be so large that nothing happens in it.
    const each = (count: number): number => count / LIVES;
    assert.ok(each(sum.committed) > 25, JSON.stringify(sum));
    assert.ok(each(sum.terms) > 3, JSON.stringify(sum));
    assert.ok(each(sum.reads) > 1, JSON.stringify(sum));
    assert.ok(each(sum.changes) > 0.5, JSON.stringify(sum));
  });
});
