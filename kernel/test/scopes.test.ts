import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import type { PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { Subject } from 'rxjs';
import type { Host } from '../host.js';
import { A, B, lever, plugin, refused, teller, type World, world } from './kit.js';

/** A plugin a scope, gates in the hand of the test. */
function cluster(home: World, extra: readonly PluginManifest[] = []) {
  const manager = lever('ca', 'manager');
  const leader = lever('raft', 'leader', 'manager');
  const agent = lever('role', 'agent');
  const host = home.host([
    ...[manager.plugin, leader.plugin, agent.plugin],
    teller('m', home.story, { scope: 'manager', provides: [A] }),
    teller('l', home.story, { scope: 'leader', requires: [A] }),
    teller('w', home.story, { scope: 'agent' }),
    ...extra,
  ]);
  return { host, manager, leader, agent };
}

async function settle(host: Host): Promise<void> {
  await host.settled();
}

test('gates open and close scopes, inner ones first out', async () => {
  const home = world();
  const { host, manager, leader, agent } = cluster(home);
  await host.start();
  assert.deepEqual(host.openScopes(), ['node']);
  manager.say(true);
  await settle(host);
  leader.say(true);
  await settle(host);
  agent.say(true);
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'manager', 'leader', 'agent']);
  assert.deepEqual(host.get(A, 'leader'), { by: 'm' });
  home.story.length = 0;
  manager.say(false);
  await settle(host);
  assert.deepEqual(home.story, ['l stops', 'm stops']);
  assert.deepEqual(host.openScopes(), ['node', 'agent']);
  await host.stop();
  assert.deepEqual(home.story, ['l stops', 'm stops', 'w stops']);
});

test('a gate that has said open before it was heard opens at once', async () => {
  const home = world();
  const gate = lever('gate', 'agent', 'node', true);
  const host = home.host([gate.plugin, teller('w', home.story, { scope: 'agent' })]);
  await host.start();
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'agent']);
  await host.stop();
});

test('an outer scope that closes forgets what its gates said', async () => {
  const home = world();
  const { host, manager, leader } = cluster(home);
  await host.start();
  manager.say(true);
  await settle(host);
  leader.say(true);
  await settle(host);
  manager.say(false);
  manager.say(true);
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'manager'], 'the new raft has not spoken');
  await host.stop();
});

test('flapping: a scope that was told to close closes, and the last word decides', async () => {
  const home = world();
  const { host, agent } = cluster(home);
  await host.start();
  agent.say(true);
  await settle(host);
  home.story.length = 0;
  agent.say(false);
  agent.say(true);
  agent.say(false);
  agent.say(true);
  await settle(host);
  assert.deepEqual(home.story, ['w stops', 'w registers', 'w starts'], 'closed and opened once');
  home.story.length = 0;
  agent.say(true);
  await settle(host);
  assert.deepEqual(home.story, [], 'the same word again changes nothing');
  agent.say(false);
  await settle(host);
  home.story.length = 0;
  agent.say(true);
  agent.say(false);
  await settle(host);
  assert.deepEqual(home.story, []);
  await host.stop();
});

test('one change at a time: a word during an opening is heard after it', async () => {
  const home = world();
  let release: () => void = () => undefined;
  const slow = teller('slow', home.story, {
    scope: 'manager',
    start: () =>
      new Promise<void>((resolve) => {
        home.story.push('slow starts');
        release = resolve;
      }),
  });
  const { host, manager, agent } = cluster(home, [slow]);
  await host.start();
  manager.say(true);
  while (!home.story.includes('slow starts')) await new Promise(setImmediate);
  agent.say(true);
  assert.deepEqual(host.openScopes(), ['node']);
  assert.ok(!home.story.includes('w registers'));
  release();
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'manager', 'agent']);
  await host.stop();
});

test('closing during an opening: the start is told by its signal, and what was started is stopped', async () => {
  const home = world();
  const patient = teller('patient', home.story, {
    scope: 'manager',
    requires: [A],
    start: ({ signal }) =>
      new Promise<void>((_, reject) => {
        home.story.push('patient starts');
        signal.addEventListener('abort', () => reject(new Error('given up')));
      }),
  });
  const { host, manager } = cluster(home, [patient]);
  await host.start();
  manager.say(true);
  while (!home.story.includes('patient starts')) await new Promise(setImmediate);
  home.story.length = 0;
  manager.say(false);
  await settle(host);
  assert.deepEqual(home.story, ['patient stops', 'm stops']);
  await home.env.clock.advance(60_000);
  assert.deepEqual(host.openScopes(), ['node'], 'and it is not tried again');
  await host.stop();
});

test('an inner scope that fails to open is a fault, is closed again and retried with back-off', async () => {
  const home = world();
  let failures = 3;
  const shaky = teller('shaky', home.story, {
    scope: 'agent',
    provides: [B],
    start: () => {
      if (failures-- > 0) throw new Error('not yet');
    },
  });
  const { host, agent } = cluster(home, [shaky]);
  await host.start();
  agent.say(true);
  await settle(host);
  assert.equal(host.faults().get('shaky'), 1);
  assert.deepEqual(home.story, ['shaky registers', 'w registers', 'shaky stops']);
  for (const wait of [100, 200, 400]) {
    assert.deepEqual(host.openScopes(), ['node']);
    await home.env.clock.advance(wait - 1);
    const before = host.faults().get('shaky');
    assert.deepEqual(host.openScopes(), ['node']);
    assert.equal(host.faults().get('shaky'), before);
    await home.env.clock.advance(1);
  }
  assert.deepEqual(host.openScopes(), ['node', 'agent']);
  assert.equal(host.faults().get('shaky'), 3);
  assert.deepEqual(home.fatal, [], 'although it provides a token');
  await host.stop();
  assert.equal(home.env.clock.armed, 0);
});

test('the retry is forgotten when the gate closes, and a new word opens at once', async () => {
  const home = world();
  let broken = true;
  const shaky = teller('shaky', home.story, {
    scope: 'agent',
    start: () => {
      if (broken) throw new Error('no');
    },
  });
  const { host, agent } = cluster(home, [shaky]);
  await host.start();
  agent.say(true);
  await settle(host);
  agent.say(false);
  broken = false;
  await home.env.clock.advance(1000);
  assert.deepEqual(host.openScopes(), ['node']);
  agent.say(true);
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'agent']);
  await host.stop();
  assert.equal(home.env.clock.armed, 0);
});

test('a host that stops while a retry waits leaves no timer', async () => {
  const home = world();
  const shaky = plugin('shaky', {
    scope: 'agent',
    start: () => {
      throw new Error('no');
    },
  });
  const { host, agent } = cluster(home, [shaky]);
  await host.start();
  agent.say(true);
  await settle(host);
  assert.equal(home.env.clock.armed, 1);
  await host.stop();
  assert.equal(home.env.clock.armed, 0);
});

test('a gate must stand around its scope, alone', async () => {
  const home = world();
  const twins = [lever('a', 'agent').plugin, lever('b', 'agent').plugin];
  assert.equal(
    (await refused(() => home.host(twins).start())).message,
    'a failed in register: a and b both gate agent',
  );
  const upward = lever('a', 'node').plugin;
  assert.equal(
    (await refused(() => home.host([upward]).start())).message,
    'a failed in register: a gates node, which is not inside node',
  );
  const unknown = lever('a', 'moon' as 'node').plugin;
  assert.match(
    (await refused(() => home.host([unknown]).start())).message,
    /gates moon, which is not inside node$/,
  );
});

test('a gate whose stream breaks closes its scope and is a fault of its plugin', async () => {
  const home = world();
  const open$ = new Subject<boolean>();
  const gate = plugin('gate', {
    contributes: [ScopeGates],
    register: (ctx) => ctx.provide(ScopeGates, { scope: 'agent', open$ }),
  });
  const host = home.host([gate, teller('w', home.story, { scope: 'agent' })]);
  await host.start();
  open$.next(true);
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node', 'agent']);
  open$.error(new Error('boom'));
  await settle(host);
  assert.deepEqual(host.openScopes(), ['node']);
  assert.equal(host.faults().get('gate'), 1);
  await host.stop();
});

test('a second life of a scope is a new one: other objects, other ids', async () => {
  const home = world();
  const seen: unknown[] = [];
  const maker = plugin('maker', {
    scope: 'agent',
    provides: [B],
    register: (ctx) => ctx.provide(B, { by: ctx.env.id() }),
    start: (ctx) => void seen.push(ctx.signal.aborted),
  });
  const { host, agent } = cluster(home, [maker]);
  await host.start();
  agent.say(true);
  await settle(host);
  const first = host.get(B);
  agent.say(false);
  agent.say(true);
  await settle(host);
  assert.notEqual(host.get(B), first);
  assert.notEqual(host.get(B).by, first.by, 'ids are not drawn twice');
  assert.deepEqual(seen, [false, false]);
  await host.stop();
});

test('a scope without a gate never opens', async () => {
  const home = world();
  const host = home.host([teller('l', home.story, { scope: 'leader' })]);
  await host.start();
  await home.env.clock.advance(60_000);
  assert.deepEqual(host.openScopes(), ['node']);
  assert.deepEqual(home.story, []);
  await host.stop();
});
