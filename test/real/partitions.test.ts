/**
 * Three managers, each on a host of its own, and cuts between them by nftables. Whoever is on the smaller
 * side steps down and acknowledges nothing; the larger side elects and goes on; healed, all have the
 * same, and nothing that was acknowledged is missing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { ConfigWriter } from '../harness/config-writer.js';
import { Firewall } from '../harness/firewall.js';
import { Lan, type LanHost } from '../harness/lan.js';
import { ManagerGroup, type ManagerProcess } from '../harness/manager-group.js';
import { knowsLeader, sameStores } from '../harness/stores.js';
import { defined } from '../harness/swarm.js';
import { until } from '../harness/until.js';

const cleanup = new Cleanup();
after(() => cleanup.run());

const hosts = (managers: readonly ManagerProcess[]): readonly LanHost[] =>
  managers.map(({ host }) => defined(host));

describe('managers between which the network is cut', { skip: Firewall.missing ?? false }, () => {
  let group: ManagerGroup;
  const firewall = new Firewall();
  /** Of all cases together. */
  let writer: ConfigWriter;
  let passed = 0;

  before(async () => {
    group = await ManagerGroup.start(3, cleanup, {}, new Lan(cleanup));
    writer = new ConfigWriter(group);
  });
  after(() => {
    if (passed < 5) process.stderr.write(group.lastWords());
  });

  /** Who leads now, and the others. */
  const sides = async (): Promise<readonly [ManagerProcess, readonly ManagerProcess[]]> => {
    const leader = await group.leader();
    return [leader, group.managers.filter((one) => one !== leader)];
  };

  const healed = async (): Promise<void> => {
    firewall.heal();
    await group.complete();
    await writer.acknowledges(5);
  };

  /** The larger side goes on and the smaller does not, for as long as that takes and until it has noticed. */
  const endures = async (
    t: TestContext,
    one: ManagerProcess,
    others: readonly ManagerProcess[],
  ): Promise<void> => {
    const from = performance.now();
    const larger = new ConfigWriter(group.part(others));
    const smaller = new ConfigWriter(group.part([one]), 1_000);
    // What begins after the cut can have no majority there.
    const writing = [smaller.run(2), larger.run(2)];
    try {
      await larger.acknowledges(1);
      t.diagnostic(`${Math.round(performance.now() - from)} ms from the cut to the next write`);
      await larger.acknowledges(20);
      await until('it has noticed that nobody leads', async () => !(await knowsLeader(one.swarm)));
      const { unanswered } = smaller;
      await until('it refuses writes', () => smaller.unanswered > unanswered + 1);
      await larger.acknowledges(5);
      assert.equal(smaller.acknowledged, 0, 'acknowledged by the smaller side');
    } finally {
      larger.stop();
      smaller.stop();
      await Promise.all(writing);
    }
    assert.equal(smaller.acknowledged, 0, 'acknowledged by the smaller side');
    await healed();
    assert.deepEqual(await larger.missing(), []);
  };

  /** With clients that write all the time, to whoever takes it. */
  const underLoad = async (work: () => Promise<void>): Promise<void> => {
    const writing = writer.run(2);
    try {
      await writer.acknowledges(10);
      await work();
    } finally {
      firewall.heal();
      writer.stop();
      await writing;
    }
    assert.deepEqual(await writer.missing(), []);
    assert.ok((await sameStores(group)) > writer.acknowledged);
    passed++;
  };

  it('go on without a leader that is cut off from both others', (t) =>
    underLoad(async () => {
      const [leader, others] = await sides();
      firewall.cut(hosts([leader]), hosts(others));
      await endures(t, leader, others);
      assert.ok(others.includes(await group.leader()), 'the new leader leads still');
    }));

  it('go on without a leader that is heard and hears nobody', (t) =>
    underLoad(async () => {
      const [leader, others] = await sides();
      firewall.cutOneWay(hosts(others), hosts([leader]));
      await endures(t, leader, others);
    }));

  it('go on without a leader that hears and is not heard', (t) =>
    underLoad(async () => {
      const [leader, others] = await sides();
      firewall.cutOneWay(hosts([leader]), hosts(others));
      await endures(t, leader, others);
    }));

  it('do not notice a follower that is alone, and keep their leader when it is back', (t) =>
    underLoad(async () => {
      const [leader, [alone, other]] = await sides();
      assert.ok(alone && other);
      firewall.cut(hosts([alone]), hosts([leader, other]));
      await endures(t, alone, [leader, other]);
      assert.equal(await group.leader(), leader);
    }));

  it('keep their leader when it and one follower reach each other only by way of the third', () =>
    underLoad(async () => {
      const [leader, [far, near]] = await sides();
      assert.ok(far && near);
      firewall.cut(hosts([leader]), hosts([far]));
      await until('the far one has noticed', async () => !(await knowsLeader(far.swarm)));
      const there = new ConfigWriter(group.part([leader, near]));
      const writing = there.run(2);
      // Long enough for the far one to ask for votes more than once.
      const end = performance.now() + 5_000;
      await until('time has passed', () => performance.now() > end);
      await there.acknowledges(20);
      there.stop();
      await writing;
      assert.equal(await group.part([leader, near]).leader(), leader);
      await healed();
      assert.equal(await group.leader(), leader);
      assert.deepEqual(await there.missing(), []);
    }));
});
