import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Limiter } from '../shell/limiter.js';

/** A job that runs until told to end. */
function job() {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const state = { running: false };
  const work = async () => {
    state.running = true;
    await ended;
    state.running = false;
  };
  return { work, end, state };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('limiter', () => {
  it('runs so many at once, the others in their order', async () => {
    const limiter = new Limiter(2);
    const jobs = [job(), job(), job(), job()];
    const all = jobs.map(({ work }) => limiter.run(work));
    await settle();
    assert.deepEqual(
      jobs.map((j) => j.state.running),
      [true, true, false, false],
    );
    jobs[1]?.end();
    await settle();
    assert.deepEqual(
      jobs.map((j) => j.state.running),
      [true, false, true, false],
    );
    for (const { end } of jobs) end();
    await Promise.all(all);
  });

  it('goes on after a failure', async () => {
    const limiter = new Limiter(1);
    await assert.rejects(
      limiter.run(() => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await limiter.run(async () => 1), 1);
  });

  it('lets an abort leave the line, not the work', async () => {
    const limiter = new Limiter(1);
    const first = job();
    const running = limiter.run(first.work);
    const abort = new AbortController();
    const second = job();
    const waiting = limiter.run(second.work, abort.signal);
    const third = limiter.run(async () => 3);
    abort.abort();
    await assert.rejects(waiting, { kind: 'cancelled' });
    await assert.rejects(limiter.run(second.work, abort.signal), { kind: 'cancelled' });
    first.end();
    await running;
    assert.equal(await third, 3);
    assert.equal(second.state.running, false);
  });
});
