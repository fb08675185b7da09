import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import type { Held } from '../shell/held-identity.js';
import { Renewer } from '../shell/renewer.js';

const HOUR_MS = 3_600_000;
const LIFE_MS = 100 * HOUR_MS;

const heldFrom = (notBefore: number): Held =>
  ({ notBefore, identity: { notAfter: notBefore + LIFE_MS } }) as Held;

function renewerFor(env: VirtualEnv, renew: () => Promise<Held>) {
  const warnings: { readonly at: number; readonly pauseMs: number }[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    error: () => undefined,
    warn: (fields: object | string) => {
      warnings.push({ at: env.clock.now(), ...(fields as { pauseMs: number }) });
    },
  };
  const { clock, random } = env;
  return { warnings, renewer: new Renewer({ clock, random, log, renew }) };
}

test('each certificate is renewed once, between 50 and 80 % of its life', async () => {
  const env = new VirtualEnv('often');
  const times: number[] = [];
  let current = heldFrom(env.clock.now());
  const { renewer } = renewerFor(env, async () => {
    const part = (env.clock.now() - current.notBefore) / LIFE_MS;
    assert.ok(part >= 0.5 && part < 0.81, `renewed at ${part} of the life`);
    times.push(part);
    current = heldFrom(env.clock.now());
    return current;
  });
  renewer.watch(current);
  await env.clock.until(() => times.length === 50, 50 * LIFE_MS);
  assert.ok(new Set(times.map((part) => part.toFixed(2))).size > 10, 'always at the same point');
  assert.equal(env.clock.armed, 1);
  renewer.stop();
  assert.equal(env.clock.armed, 0);
});

test('failures are tried again with growing pauses, and forgotten after a success', async () => {
  const env = new VirtualEnv('failing');
  let attempts = 0;
  const { renewer, warnings } = renewerFor(env, async () => {
    attempts++;
    if (attempts !== 13) throw new Error('no room');
    return heldFrom(env.clock.now());
  });
  renewer.watch(heldFrom(env.clock.now()));
  await env.clock.until(() => attempts === 14, 10 * LIFE_MS);
  for (const [at, { pauseMs }] of warnings.entries()) {
    const failures = at < 12 ? at + 1 : 1;
    assert.ok(pauseMs <= Math.min(5_000 + 5_000 * 2 ** (failures - 1), HOUR_MS));
  }
  assert.ok(
    warnings.slice(8, 12).some(({ pauseMs }) => pauseMs > 600_000),
    'pauses do not grow',
  );
  renewer.stop();
});

test('a clock that jumps past the moment is noticed within the hour', async () => {
  const env = new VirtualEnv('jump');
  let ahead = 0;
  const clock = {
    now: () => env.clock.now() + ahead,
    monotonic: () => env.clock.monotonic(),
    after: (ms: number, run: () => void) => env.clock.after(ms, run),
  };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  let renewed = false;
  const renew = async () => {
    renewed = true;
    return heldFrom(clock.now());
  };
  const renewer = new Renewer({ clock, random: env.random, log, renew });
  renewer.watch(heldFrom(clock.now()));
  ahead = LIFE_MS;
  await env.clock.advance(HOUR_MS);
  assert.ok(renewed);
  renewer.stop();
});

const asManager = (held: Held): Held => ({
  ...held,
  identity: { ...held.identity, role: 'manager' },
});

test('a rotation is obeyed once, however often and late it is told', async () => {
  const env = new VirtualEnv('rotate');
  let renewals = 0;
  const { renewer } = renewerFor(env, async () => {
    renewals++;
    return heldFrom(env.clock.now());
  });
  renewer.watch(heldFrom(env.clock.now()));
  const rotate = { role: undefined, rotate: 'csr 1' };
  renewer.want(rotate);
  assert.equal(renewals, 0);
  await env.clock.advance(499);
  renewer.want(rotate);
  assert.equal(renewals, 0);
  await env.clock.advance(600);
  assert.equal(renewals, 1);
  renewer.want(rotate);
  renewer.want({ role: undefined, rotate: undefined });
  renewer.want(rotate);
  await env.clock.advance(HOUR_MS);
  assert.equal(renewals, 1);
  renewer.want({ role: undefined, rotate: 'csr 2' });
  await env.clock.advance(600);
  assert.equal(renewals, 2);
  renewer.stop();
});

test('another role is asked for until the certificate has it', async () => {
  const env = new VirtualEnv('role');
  let renewals = 0;
  const { renewer, warnings } = renewerFor(env, async () => {
    renewals++;
    const held = heldFrom(env.clock.now());
    return renewals < 4 ? held : asManager(held);
  });
  renewer.want({ role: 'manager', rotate: undefined });
  renewer.watch(heldFrom(env.clock.now()));
  await env.clock.until(() => renewals === 4, HOUR_MS);
  assert.equal(warnings.length, 3);
  await env.clock.advance(HOUR_MS);
  assert.equal(renewals, 4);
  renewer.stop();
});
