import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { forkEnv, idFromBytes, realEnv } from '../env.js';

test("ids follow SwarmKit's two vectors", () => {
  const zeros = new Uint8Array(17);
  assert.equal(idFromBytes(zeros), 'hvy0lj3x0b883f8e30fyp2172');
  zeros[0] = 0x80;
  assert.equal(idFromBytes(zeros), 'hvy0lj3x0b883f8e30fyp2172');
  assert.equal(idFromBytes(new Uint8Array(17).fill(0xff)), 'zrw1727u0mgg6ugs60vxe42e4');
});

test('real ids are 25 characters of base 36 and differ', () => {
  const ids = Array.from({ length: 1000 }, () => realEnv.id());
  for (const id of ids) assert.match(id, /^[0-9a-z]{25}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('real randomness stays in its bounds and uses them', () => {
  const { random } = realEnv;
  const dice = Array.from({ length: 600 }, () => random.int(6));
  assert.deepEqual([...new Set(dice)].sort(), [0, 1, 2, 3, 4, 5]);
  assert.equal(random.int(1), 0);
  assert.ok(random.int(2 ** 32) < 2 ** 32);
  for (let i = 0; i < 100; i++) {
    const next = random.next();
    assert.ok(next >= 0 && next < 1);
  }
  assert.equal(random.bytes(32).constructor, Uint8Array);
  assert.notDeepEqual(random.bytes(32), random.fork('x').bytes(32));
});

test('a real timer is not early, can be cancelled, and never fires at once', async () => {
  const { clock } = realEnv;
  const began = clock.monotonic();
  let cancelled = false;
  const cancel = clock.after(1, () => {
    cancelled = true;
  });
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    let armed = false;
    clock.after(20, () => {
      assert.ok(armed);
      resolve();
    });
    armed = true;
  });
  await new Promise<void>((resolve) => clock.after(-1, resolve));
  assert.ok(clock.monotonic() - began >= 20);
  assert.equal(cancelled, false);
  assert.ok(Math.abs(clock.now() - Date.now()) < 1000);
});

test('a span beyond the limit of setTimeout does not fire at once', async () => {
  let fired = false;
  const cancel = realEnv.clock.after(90 * 24 * 3600 * 1000, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => realEnv.clock.after(10, resolve));
  assert.equal(fired, false);
  cancel();
});

test('a fork replays with its seed and does not depend on what others draw', () => {
  const draw = (disturb: boolean): string => {
    const env = new VirtualEnv('seed');
    if (disturb) {
      env.random.next();
      forkEnv(env, 'other').id();
    }
    const fork = forkEnv(env, 'scheduler');
    return `${fork.id()} ${fork.random.int(1000)} ${fork.id()}`;
  };
  assert.equal(draw(false), draw(true));
  const env = new VirtualEnv('seed');
  assert.notEqual(forkEnv(env, 'a').id(), forkEnv(env, 'b').id());
});
