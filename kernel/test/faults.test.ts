import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Context, FaultPolicy, PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { A, lever, plugin, teller, type World, world, lastError } from './kit.js';

/** A plugin that tells its story and can be made to fail from outside. */
function patient(home: World, rest: Partial<PluginManifest> = {}) {
  let ctx: Context | undefined;
  const manifest = teller('patient', home.story, {
    ...rest,
    start: (context) => {
      ctx = context;
      home.story.push('patient starts');
      return rest.start?.(context);
    },
  });
  const fail = (error: unknown = new Error('boom')): void => ctx?.fault('the test', error);
  return { manifest, fail, context: () => ctx as Context };
}

const stories = (home: World, from: number): string[] => home.story.slice(from);

test('degrade: counted, logged, told, and nothing else happens', async () => {
  const home = world();
  const { manifest, fail } = patient(home, { policy: 'degrade' });
  const host = home.host([manifest, teller('other', home.story)]);
  await host.start();
  const before = home.story.length;
  fail();
  fail();
  await home.env.clock.advance(60_000);
  assert.deepEqual(stories(home, before), []);
  assert.deepEqual([...host.faults()], [['patient', 2]]);
  assert.equal(lastError(home)?.message, 'patient failed in the test: boom');
  assert.deepEqual(lastError(home)?.fields.plugin, 'patient');
  await host.stop();
});

test('stop-node: the whole node stops in order, then onFatal hears who and why', async () => {
  const home = world();
  const { manifest, fail } = patient(home, { policy: 'stop-node' });
  const host = home.host([teller('a', home.story), manifest, teller('z', home.story)]);
  await host.start();
  const before = home.story.length;
  fail();
  fail(new Error('again'));
  await host.stop();
  await Promise.resolve();
  assert.deepEqual(stories(home, before), ['z stops', 'patient stops', 'a stops']);
  assert.deepEqual(
    home.fatal.map(({ message }) => message),
    ['the node stops: patient failed in the test: boom'],
  );
});

test('without a policy, providers stop the node and the others degrade', async () => {
  for (const provides of [[], [A]]) {
    const home = world();
    const { manifest, fail } = patient(home, { provides });
    const host = home.host([manifest]);
    await host.start();
    fail();
    await host.settled();
    assert.deepEqual(host.openScopes(), provides.length > 0 ? [] : ['node']);
    await host.stop();
  }
});

test('a broken invariant stops the node whatever the policy, also when wrapped', async () => {
  const broken = new InvariantError('LOG_ORDER', { index: 7n });
  for (const error of [broken, new Error('wrapped', { cause: broken })])
    for (const policy of ['degrade', 'restart'] satisfies FaultPolicy[]) {
      const home = world();
      const { manifest, fail } = patient(home, { policy });
      const host = home.host([manifest]);
      await host.start();
      fail(error);
      await host.stop();
      await Promise.resolve();
      assert.equal(home.fatal.length, 1, `${policy} ${error.message}`);
      assert.equal((home.fatal[0] as Error).cause, error);
    }
});

test('an invariant that breaks while the plugin stops still counts as one', async () => {
  const home = world();
  const { manifest } = patient(home, {
    policy: 'degrade',
    start: (ctx) =>
      ctx.run('the loop', async () => {
        await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
        throw new InvariantError('LOG_ORDER');
      }),
  });
  const host = home.host([manifest]);
  await host.start();
  await host.stop();
  await Promise.resolve();
  assert.equal(home.fatal.length, 1);
});

test('restart: stopped at once, started again after 100 ms, 200 ms … at most 10 s', async () => {
  const home = world();
  const { manifest, fail } = patient(home, { policy: 'restart' });
  const host = home.host([manifest, teller('other', home.story)]);
  await host.start();
  for (const wait of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
    const before = home.story.length;
    fail();
    fail();
    await host.settled();
    assert.deepEqual(stories(home, before), ['patient stops']);
    await home.env.clock.advance(wait - 1);
    assert.deepEqual(stories(home, before), ['patient stops']);
    await home.env.clock.advance(1);
    assert.deepEqual(stories(home, before), ['patient stops', 'patient starts'], `${wait} ms`);
  }
  const before = home.story.length;
  await home.env.clock.advance(60_000);
  fail();
  await home.env.clock.advance(100);
  assert.deepEqual(
    stories(home, before),
    ['patient stops', 'patient starts'],
    'forgiven after 1 min',
  );
  assert.deepEqual(home.fatal, []);
  await host.stop();
  assert.equal(home.env.clock.armed, 0);
});

test('restart: dependents keep the same objects and stay subscribed', async () => {
  const home = world();
  let channel: Channel<number> | undefined;
  let life = 0;
  const { manifest, fail, context } = patient(home, {
    policy: 'restart',
    provides: [A],
    register: (ctx) => {
      channel = ctx.channel<number>('facts');
      ctx.provide(A, { by: 'patient' });
    },
    start: (ctx) => {
      assert.equal(ctx.channel('facts'), channel);
      channel?.publish(++life);
    },
  });
  const seen: number[] = [];
  const reader = plugin('reader', {
    requires: [A],
    start: (ctx) => channel && ctx.consume('facts', channel.facts$, (n) => void seen.push(n)),
  });
  const host = home.host([manifest, reader]);
  await host.start();
  const service = host.get(A);
  const first = context();
  const { signal } = first;
  fail();
  await home.env.clock.advance(100);
  assert.equal(context(), first);
  assert.equal(signal.aborted, true);
  assert.equal(first.signal.aborted, false, 'a new life has a new signal');
  assert.equal(host.get(A), service);
  assert.deepEqual(seen, [2]);
  await host.stop();
});

test('restart: a start that fails is a fault and is tried again later', async () => {
  const home = world();
  let failures = 0;
  const { manifest, fail } = patient(home, {
    policy: 'restart',
    start: () => {
      if (failures-- > 0) throw new Error('not yet');
    },
  });
  const host = home.host([manifest]);
  await host.start();
  failures = 2;
  fail();
  await home.env.clock.advance(100);
  await home.env.clock.advance(200);
  await home.env.clock.advance(400);
  assert.deepEqual(stories(home, 1), [
    ...['patient starts', 'patient stops', 'patient starts', 'patient stops'],
    ...['patient starts', 'patient stops', 'patient starts'],
  ]);
  assert.equal(host.faults().get('patient'), 3);
  await host.stop();
});

test('restart: a scope that closes meanwhile ends it', async () => {
  const home = world();
  const gate = lever('gate', 'agent', 'node', true);
  const { manifest, fail } = patient(home, { policy: 'restart', scope: 'agent' });
  const host = home.host([gate.plugin, manifest]);
  await host.start();
  await host.settled();
  fail();
  await host.settled();
  gate.say(false);
  await host.settled();
  const before = home.story.length;
  await home.env.clock.advance(60_000);
  assert.deepEqual(stories(home, before), []);
  gate.say(true);
  await host.settled();
  fail();
  gate.say(false);
  await home.env.clock.advance(60_000);
  assert.deepEqual(stories(home, before), ['patient registers', 'patient starts', 'patient stops']);
  await host.stop();
  assert.equal(home.env.clock.armed, 0);
});

test('faults of a plugin that is down are counted, and that is all', async () => {
  const home = world();
  const { manifest, fail } = patient(home, { policy: 'stop-node' });
  const host = home.host([manifest]);
  await host.start();
  await host.stop();
  fail();
  await Promise.resolve();
  assert.equal(host.faults().get('patient'), 1);
  assert.deepEqual(home.fatal, []);
});

test('a fault with stop-node while the node starts: start rejects with it', async () => {
  const home = world();
  const { manifest } = patient(home, {
    policy: 'stop-node',
    start: (ctx) => ctx.fault('the start', new Error('boom')),
  });
  const host = home.host([manifest, teller('z', home.story)]);
  await assert.rejects(host.start(), /the node stops: patient failed in the start: boom/);
  assert.ok(!home.story.includes('z starts'));
  assert.equal(home.fatal.length, 1);
});
