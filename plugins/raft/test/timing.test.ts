import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Pace } from '../shell/timing.js';

it('ticks are quick among ours, and it is said when that changes', () => {
  const said: string[] = [];
  const log = { info: (...words: readonly unknown[]) => said.push(String(words.at(-1))) };
  const pace = new Pace('auto', log);
  const known = [undefined, true, true, false, false, true] as const;
  assert.deepEqual(
    known.map((areAllOurs) => pace.spanMs(areAllOurs)),
    [...[1_000, 100, 100, 1_000, 1_000, 100]],
  );
  assert.deepEqual(
    said.map((text) => text.split(' ')[0]),
    ['all', 'some', 'all'],
  );
  assert.equal(new Pace('swarmkit', log).spanMs(true), 1_000);
  assert.equal(new Pace('fast', log).spanMs(false), 100);
});
