import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Deadlines } from '../core/deadlines.js';

const step = fc.oneof(
  fc.record({
    what: fc.constant('set' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    inMs: fc.nat(9),
  }),
  fc.record({ what: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ what: fc.constant('pass' as const), ms: fc.nat(6) }),
);

test('everybody is due once, at the latest instant that was set', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const deadlines = new Deadlines();
      const model = new Map<string, number>();
      let now = 0;
      for (const one of steps) {
        if (one.what === 'set') {
          deadlines.set(one.key, now + one.inMs);
          model.set(one.key, now + one.inMs);
        } else if (one.what === 'delete') {
          deadlines.delete(one.key);
          model.delete(one.key);
        } else {
          now += one.ms;
          const due = [...model].filter(([, at]) => at <= now);
          const taken = deadlines.take(now);
          assert.deepEqual([...taken].sort(), due.map(([key]) => key).sort());
          for (const [key] of due) model.delete(key);
        }
        const earliest = Math.min(...model.values());
        // It may come too early, never too late.
        if (model.size > 0) assert.ok((deadlines.nextAt() ?? Number.POSITIVE_INFINITY) <= earliest);
        assert.equal(deadlines.size, model.size);
      }
    }),
  );
});

test('putting off costs no place', () => {
  const deadlines = new Deadlines();
  for (let beat = 0; beat < 1_000; beat++)
    for (const key of ['a', 'b']) deadlines.set(key, beat + 15);
  assert.equal(deadlines.nextAt(), 15);
  assert.deepEqual(deadlines.take(15), []);
  assert.equal(deadlines.nextAt(), 1_014);
  assert.deepEqual(deadlines.take(1_014), ['a', 'b']);
  assert.equal(deadlines.nextAt(), undefined);
});
