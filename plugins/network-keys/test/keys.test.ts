import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import type { Cluster } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { rotationMs } from '../core/keys.js';
import { KeyLoop } from '../shell/key-loop.js';

const user = { id: 'user', writes: ['any'] } as const;
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} };

/** One cluster, and leaders that come and go. */
class Life {
  readonly env = new VirtualEnv('keys');
  readonly store = new FakeStore({ now: () => this.env.clock.now() });
  private stop = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private loop: KeyLoop | undefined;

  lead(): void {
    this.stop = new AbortController();
    const log = silent as never;
    this.loop = new KeyLoop({ store: this.store, env: this.env, log });
    this.running = this.loop.run(this.stop.signal);
  }

  found(cluster: Cluster = aCluster()): void {
    this.store.updateNow(user, (draft) => draft.create('cluster', cluster));
    this.loop?.look();
  }

  async lose(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  pass(ms: number): Promise<void> {
    return this.env.clock.advance(ms);
  }

  get cluster(): Cluster {
    return this.store.view().find('cluster', { by: 'all' })[0] as Cluster;
  }

  times(subsystem: string): readonly bigint[] {
    return this.cluster.networkBootstrapKeys
      .filter((key) => key.subsystem === subsystem)
      .map(({ lamportTime }) => lamportTime);
  }
}

test('a cluster gets three keys a subsystem, as engines insist, as soon as it is there', async () => {
  const life = new Life();
  life.lead();
  await life.pass(0);
  life.found();
  await life.pass(0);
  const { networkBootstrapKeys: keys, encryptionKeyLamportClock } = life.cluster;
  assert.deepEqual(
    keys.map(({ subsystem }) => subsystem),
    [...Array(3).fill('networking:gossip'), ...Array(3).fill('networking:ipsec')],
  );
  for (const { key, algorithm } of keys) assert.deepEqual([key.length, algorithm], [16, 0]);
  assert.equal(new Set(keys.map(({ key }) => key.toString('hex'))).size, 6);
  const times = keys.map(({ lamportTime }) => lamportTime);
  assert.equal(encryptionKeyLamportClock, times[5]);
  assert.deepEqual(
    times,
    times.map((_, i) => (times[0] ?? 0n) + BigInt(i)),
  );
  await life.lose();
});

test('after 12 hours the oldest of each goes and a new one comes', async () => {
  const life = new Life();
  life.found();
  life.lead();
  await life.pass(0);
  const [first = 0n, second, third] = life.times('networking:gossip');
  await life.pass(rotationMs - 1);
  assert.equal(life.times('networking:gossip')[0], first);
  await life.pass(1);
  assert.deepEqual(life.times('networking:gossip'), [second, third, first + 6n]);
  assert.deepEqual(life.times('networking:ipsec').at(-1), first + 7n);
  assert.equal(life.cluster.encryptionKeyLamportClock, first + 7n);
  await life.pass(rotationMs);
  assert.equal(life.times('networking:gossip').at(-1), first + 8n);
  await life.lose();
});

test('leaders that change more often than keys do not put it off', async () => {
  const life = new Life();
  life.found();
  for (let hours = 0; hours < 12; hours += 3) {
    life.lead();
    await life.pass(3 * 3_600_000);
    if (hours < 9) await life.lose();
  }
  const [first = 0n] = life.times('networking:gossip');
  assert.equal(life.times('networking:gossip')[2], first + 5n, 'one new key');
  await life.lose();
});

test('keys that another manager made stay, and are counted from when we began to lead', async () => {
  const key = (subsystem: string, lamportTime: bigint) => ({
    subsystem,
    lamportTime,
    key: Buffer.alloc(16, Number(lamportTime)),
  });
  const keys = [1n, 2n, 3n].flatMap((at) => [
    key('networking:gossip', at),
    key('networking:ipsec', at + 3n),
  ]);
  const life = new Life();
  life.found(aCluster({ networkBootstrapKeys: keys, encryptionKeyLamportClock: 6n }));
  await life.pass(rotationMs);
  life.lead();
  await life.pass(rotationMs - 1);
  assert.deepEqual(life.times('networking:gossip'), [1n, 2n, 3n]);
  await life.pass(1);
  assert.deepEqual(life.times('networking:gossip'), [2n, 3n, 7n]);
  await life.lose();
});

test('a leader whose clock was far ahead does not put the next keys off for as long', async () => {
  const life = new Life();
  life.found();
  life.lead();
  await life.pass(0);
  await life.lose();
  const ahead = timestampFromMs(life.env.clock.now() + 365 * 24 * 3_600_000);
  life.store.updateNow(user, (draft) => {
    const networkBootstrapKeys = life.cluster.networkBootstrapKeys.map((key) => ({
      ...key,
      madeAt: ahead,
    }));
    draft.update('cluster', { ...life.cluster, networkBootstrapKeys });
  });
  const [first = 0n] = life.times('networking:gossip');
  life.lead();
  await life.pass(rotationMs - 1);
  assert.equal(life.times('networking:gossip')[0], first);
  await life.pass(1);
  assert.equal(life.times('networking:gossip')[2], first + 6n);
  await life.pass(rotationMs);
  assert.equal(life.times('networking:gossip')[2], first + 8n);
  await life.lose();
});
