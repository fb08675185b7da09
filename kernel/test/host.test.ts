import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '@swarmkit/sdk/plugin/errors';
import type { LifecycleEvent } from '../supervisor.js';
import { A, B, plugin, refused, teller, world, lastError } from './kit.js';

const never = (): Promise<void> => new Promise(() => undefined);

test('every register, then every start in need-order, and stop in reverse', async () => {
  const home = world();
  const host = home.host([
    teller('user', home.story, { requires: [A] }),
    teller('base', home.story, { provides: [A] }),
    teller('extra', home.story),
  ]);
  await host.start();
  await host.stop();
  assert.deepEqual(home.story, [
    ...['base registers', 'extra registers', 'user registers'],
    ...['base starts', 'extra starts', 'user starts'],
    ...['user stops', 'extra stops', 'base stops'],
  ]);
});

test('starts and stops one by one', async () => {
  const home = world();
  const slow = (id: string): ReturnType<typeof plugin> =>
    teller(id, home.story, {
      start: async () => {
        home.story.push(`${id} starts`);
        await new Promise(setImmediate);
        home.story.push(`${id} has started`);
      },
      stop: async () => {
        home.story.push(`${id} stops`);
        await new Promise(setImmediate);
        home.story.push(`${id} has stopped`);
      },
    });
  const host = home.host([slow('a'), slow('b')]);
  await host.start();
  await host.stop();
  assert.deepEqual(home.story.slice(2), [
    ...['a starts', 'a has started', 'b starts', 'b has started'],
    ...['b stops', 'b has stopped', 'a stops', 'a has stopped'],
  ]);
});

test('a start that throws: it and all before it are stopped in reverse, and start says who and why', async () => {
  const home = world();
  const cause = new Error('the disk is full');
  const host = home.host([
    teller('a', home.story),
    teller('b', home.story, { start: () => Promise.reject(cause) }),
    teller('c', home.story),
  ]);
  const error = await refused(() => host.start());
  assert.equal(
    `${error.code}: ${error.message}`,
    'KERNEL_START: b failed in start: the disk is full',
  );
  assert.equal(error.cause, cause);
  assert.deepEqual(home.story.slice(3), ['a starts', 'b stops', 'a stops']);
  assert.deepEqual(host.openScopes(), []);
  assert.deepEqual(home.fatal, [], 'the caller of start knows already');
});

test('a register that throws: nothing is started, nothing is stopped', async () => {
  const home = world();
  const host = home.host([
    teller('a', home.story),
    teller('b', home.story, {
      register: () => {
        throw new Error('no');
      },
    }),
  ]);
  assert.equal((await refused(() => host.start())).message, 'b failed in register: no');
  assert.deepEqual(home.story, ['a registers']);
});

test('a stop past its deadline is named and left behind', async () => {
  const home = world();
  const host = home.host(
    [
      teller('a', home.story),
      teller('scheduler', home.story, { requires: [], stop: never }),
      teller('z', home.story),
    ],
    { stopMs: 3000 },
  );
  await host.start();
  let stopped = false;
  const stopping = host.stop().then(() => {
    stopped = true;
  });
  await home.env.clock.advance(2999);
  assert.equal(stopped, false);
  await home.env.clock.advance(1);
  await stopping;
  assert.deepEqual(home.story.slice(-2), ['z stops', 'a stops']);
  assert.equal(lastError(home)?.message, 'scheduler failed in stop: scheduler is still stopping');
  assert.equal(host.faults().get('scheduler'), 1);
  assert.equal(home.env.clock.armed, 0);
});

test('background work that does not end is also a stop past its deadline', async () => {
  const home = world();
  const host = home.host([plugin('a', { start: (ctx) => ctx.run('loop', never) })]);
  await host.start();
  const stopping = host.stop();
  await home.env.clock.advance(10_000);
  await stopping;
  assert.equal(lastError(home)?.message, 'a failed in stop: a is still stopping');
});

test('a stop that throws is a fault, and the others are stopped', async () => {
  const home = world();
  const host = home.host([
    teller('a', home.story),
    teller('b', home.story, { stop: () => Promise.reject(new Error('no')) }),
  ]);
  await host.start();
  await host.stop();
  assert.equal(home.story.at(-1), 'a stops');
  assert.equal(host.faults().get('b'), 1);
  assert.deepEqual(home.fatal, []);
});

test('stop during start: the start in progress is told, the rest is not begun', async () => {
  const home = world();
  const host = home.host([
    teller('a', home.story),
    teller('b', home.story, {
      start: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }),
    teller('c', home.story),
  ]);
  const starting = refused(() => host.start());
  while (!home.story.includes('a starts')) await new Promise(setImmediate);
  await host.stop();
  assert.equal((await starting).code, 'KERNEL_STOPPED');
  assert.deepEqual(home.story.slice(3), ['a starts', 'b stops', 'a stops']);
  assert.equal(host.faults().size, 0);
});

test('stop during a start that does not listen: it is named at the deadline and left behind', async () => {
  const home = world();
  const host = home.host([teller('a', home.story), teller('b', home.story, { start: never })]);
  const starting = refused(() => host.start());
  while (!home.story.includes('a starts')) await new Promise(setImmediate);
  const stopping = host.stop();
  await home.env.clock.advance(10_000);
  await stopping;
  await starting;
  assert.deepEqual(home.story.slice(-2), ['b stops', 'a stops']);
  assert.ok(home.lines.some(({ message }) => message === 'b failed in start: b is still starting'));
});

test('stop is safe before start, twice and at once', async () => {
  const home = world();
  const host = home.host([teller('a', home.story)]);
  await host.stop();
  await host.stop();
  assert.equal((await refused(() => host.start())).code, 'KERNEL_STARTED');
  const other = home.host([teller('b', home.story)]);
  await other.start();
  await Promise.all([other.stop(), other.stop()]);
  assert.equal(home.story.filter((line) => line === 'b stops').length, 1);
  assert.equal((await refused(() => other.start())).code, 'KERNEL_STARTED');
});

test('the lifecycle tells what happens, and ends with the host', async () => {
  const home = world();
  const host = home.host([
    teller('a', home.story, { provides: [A] }),
    plugin('b', { start: (ctx) => ctx.fault('here', new Error('x')) }),
  ]);
  const told: string[] = [];
  let completed = false;
  host.lifecycle$.subscribe({
    next: ({ change, plugin, scope, where }: LifecycleEvent) =>
      told.push([change, plugin ?? scope, where ?? ''].join(' ').trim()),
    complete: () => (completed = true),
  });
  await host.start();
  await host.stop();
  assert.deepEqual(told, [
    ...['registered a', 'registered b', 'started a', 'failed b here', 'started b', 'opened node'],
    ...['stopped b', 'stopped a', 'closed node'],
  ]);
  assert.equal(completed, true);
});

test('the front door: get, all and their refusals', async () => {
  const home = world();
  const host = home.host([teller('a', home.story, { provides: [A] })]);
  assert.equal((await refused(() => host.get(A))).code, 'KERNEL_NOT_OPEN');
  await host.start();
  assert.deepEqual(host.get(A), { by: 'a' });
  assert.deepEqual(host.get(A, 'node'), { by: 'a' });
  const absent = await refused(() => host.get(B));
  assert.equal(absent.message, 'nothing provides test.b.v1 now in any open scope');
  assert.equal(absent.kind, 'unavailable');
  assert.equal(
    (await refused(() => host.get(A, 'leader'))).message,
    'nothing provides test.a.v1 now in leader',
  );
  await host.stop();
  assert.equal((await refused(() => host.get(A))).code, 'KERNEL_NOT_OPEN');
});

test('what is wrong on paper is said by the constructor', async () => {
  const home = world();
  assert.equal(
    (await refused(() => home.host([plugin('a', { requires: [A] })]))).code,
    'KERNEL_NO_PROVIDER',
  );
  assert.equal(
    (await refused(() => home.host([plugin('a')], { config: { a: { x: 1 } } }))).message,
    'the configuration cannot be used: a: config.x is not known',
  );
});

test('an invariant that breaks in start stops the node and is what start rejects with', async () => {
  const home = world();
  const host = home.host([
    plugin('a', {
      start: () => {
        throw new InvariantError('A_PROMISE', { n: 1 });
      },
    }),
  ]);
  const { code } = await refused(() => host.start());
  assert.equal(code, 'KERNEL_FATAL');
  assert.equal(home.fatal.length, 1);
});

test('a host may have scopes of its own', async () => {
  const home = world();
  const host = home.host([teller('a', home.story, { scope: 'house' as 'node' })], {
    scopes: { house: undefined, room: 'house' },
  });
  await host.start();
  assert.deepEqual(host.openScopes(), ['house']);
  assert.match(host.graph().toString(), /^house\n {2}a 1\.0\.0\nroom$/);
  await host.stop();
});
