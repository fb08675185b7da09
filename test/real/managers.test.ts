/**
 * Three managers as processes of their own, which join by token, and what they survive: kill -9 of the
 * leader, a leader that stands still, restarts one after the other, a member that was away for long.
 * MANAGERS_ROUNDS says how often the leader is killed (3), MANAGERS_STILL_MS for how long it stands still
 * (6000), MANAGERS_AWAY how many writes one is away for (700). `npm run test:managers` says 50, 30000, 50000.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { ManagerGroup } from '../harness/manager-group.js';
import { sameStores } from '../harness/stores.js';
import { until } from '../harness/until.js';

const rounds = Number(process.env.MANAGERS_ROUNDS ?? 3);
const stillMs = Number(process.env.MANAGERS_STILL_MS ?? 6_000);
const missed = Number(process.env.MANAGERS_AWAY ?? 700);

const cleanup = new Cleanup();
after(() => cleanup.run());

describe('three managers', () => {
  let group: ManagerGroup;
  let writer: ConfigWriter;
  let failed = true;

  before(async () => {
    group = await ManagerGroup.start(3, cleanup, {
      // So that what one misses is behind several snapshots, however much it is.
      raft: { snapshotInterval: Math.ceil(missed * 0.4), keepEntries: 30 },
    });
    writer = new ConfigWriter(group);
  });
  after(() => {
    if (failed) process.stderr.write(group.lastWords());
  });

  it(`lose no acknowledged write when the leader is killed, ${rounds} times`, async (t) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const writing = writer.run();
      await writer.acknowledges(20);
      const dead = await group.leader();
      const from = performance.now();
      await dead.daemon.kill();
      await writer.acknowledges(1);
      times.push(performance.now() - from);
      await writer.acknowledges(20);
      writer.stop();
      await writing;
      assert.deepEqual(await writer.missing(), [], 'acknowledged writes');
      await dead.daemon.start();
      await group.complete();
    }
    times.sort((a, b) => a - b);
    t.diagnostic(
      `${writer.acknowledged} writes acknowledged, ${writer.unanswered} without an answer; ms from kill to the next ` +
        `acknowledged write: median ${Math.round(times[times.length >> 1] ?? 0)}, most ${Math.round(times.at(-1) ?? 0)}`,
    );
  });

  it('go on when the leader stands still, and it follows when it goes on', async () => {
    const still = await group.leader();
    const writing = writer.run();
    await writer.acknowledges(5);
    process.kill(still.daemon.pid, 'SIGSTOP');
    try {
      await writer.acknowledges(20);
      await new Promise((resolve) => setTimeout(resolve, stillMs));
      await writer.acknowledges(5);
    } finally {
      process.kill(still.daemon.pid, 'SIGCONT');
    }
    await group.complete();
    writer.stop();
    await writing;
    assert.deepEqual(await writer.missing(), []);
  });

  it('are restarted one after the other while clients write', async () => {
    const writing = writer.run();
    for (const { daemon } of group.managers) {
      await writer.acknowledges(5);
      assert.equal(await daemon.stop(), 0);
      await writer.acknowledges(5);
      await daemon.start();
      await group.complete();
    }
    writer.stop();
    await writing;
    assert.deepEqual(await writer.missing(), []);
  });

  it(`bring one up to date by a snapshot that was away for ${missed} writes`, async (t) => {
    const leader = await group.leader();
    const away = group.managers.find((one) => one !== leader);
    assert.ok(away);
    await away.daemon.kill();
    const before = writer.acknowledged;
    const writing = writer.run(32);
    while (writer.acknowledged < before + missed) await writer.acknowledges(100);
    writer.stop();
    await writing;
    const from = away.daemon.output.length;
    const begun = performance.now();
    await away.daemon.start();
    await group.complete();
    await until('the snapshot is there', () =>
      away.daemon.said(from).some((line) => line.startsWith('took the state of the leader')),
    );
    assert.ok((await sameStores(group)) > missed);
    t.diagnostic(`equal to the others after ${Math.round(performance.now() - begun)} ms`);
    assert.deepEqual(await writer.missing(), []);
    failed = false;
  });
});
