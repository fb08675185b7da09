import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import type { Raft } from '../core/raft.js';
import { Managers } from './managers.js';

const texts = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `v${from + i}`);

describe('several managers', () => {
  it('join one after the other and have the same log', async () => {
    const group = await Managers.of(3);
    for (const text of texts(5)) await group.propose(text);
    await group.agree(texts(5));
    for (const { running } of group.all) {
      assert.deepEqual(
        running.node.members().map(({ nodeId, address }) => `${nodeId} ${address}`),
        ['node-1 10.0.0.1:4242', 'node-2 10.0.0.2:4242', 'node-3 10.0.0.3:4242'],
      );
      await group.until(() => running.node.members().every(({ reachable }) => reachable));
    }
    await group.stop();
  });

  it('lose nothing that was acknowledged when the leader is killed, and take it back', async () => {
    const group = await Managers.of(3);
    const tape: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (const text of texts(3, round * 3)) {
        await group.propose(text);
        tape.push(text);
      }
      const dead = group.leader;
      await dead.kill();
      await group.elected();
      await group.propose(`after ${round}`);
      tape.push(`after ${round}`);
      await dead.start();
      await group.agree(tape);
    }
    await group.stop();
  });

  it('take in one that is far behind by a snapshot, also one that does not fit a message', async () => {
    const group = await Managers.of(2, { snapshotInterval: 10, keepEntries: 0 });
    const large = 'x'.repeat(700_000);
    const tape = texts(30).map((text) => `${text} ${large}`);
    for (const text of tape) await group.propose(text);
    const late = group.add();
    await group.join(late);
    await group.agree(tape);
    assert.ok((late.running.machine.restoredAt ?? 0n) >= 10n);
    await group.stop();
  });

  it('bring one up to date that was away, by entries and by a snapshot', async () => {
    for (const keepEntries of [1_000, 0]) {
      const group = await Managers.of(3, { snapshotInterval: 20, keepEntries });
      const away = group.all.find(({ leads }) => !leads);
      assert.ok(away);
      await away.kill();
      for (const text of texts(100)) await group.propose(text);
      await away.start();
      await group.agree(texts(100));
      assert.equal(away.running.machine.restoredAt !== undefined, keepEntries === 0);
      await group.stop();
    }
  });

  it('take a snapshot for one that needs a newer one, also where nothing is written', async () => {
    const group = await Managers.of(3, { snapshotInterval: 10, keepEntries: 0 });
    const away = group.all.find(({ leads }) => !leads);
    assert.ok(away);
    const { raftId } = away.running.node;
    await away.kill();
    const { node } = group.leader.running;
    const { raft } = (node as unknown as { readonly running: { readonly raft: Raft } }).running;
    const tape = texts(30);
    for (const text of tape) await group.propose(text);
    // A joint change, as the shell makes none: an older snapshot would lead through it once more.
    const changes = [{ type: ConfChangeType.ConfChangeUpdateNode, nodeId: raftId }];
    const transition = ConfChangeTransition.ConfChangeTransitionJointImplicit;
    const change = ConfChangeV2.create({ transition, changes });
    assert.notEqual(typeof raft.proposeChange(change), 'string');
    node.lost(0n);
    await group.until(
      () => raft.committed === raft.lastIndex && node.appliedIndex === raft.lastIndex,
    );
    await away.start();
    await group.agree(tape);
    assert.ok((away.running.machine.restoredAt ?? 0n) > 30n);
    await group.stop();
  });

  it('know where one is that came back at another address', async () => {
    const group = await Managers.of(3);
    const moved = group.all.find(({ leads }) => !leads);
    assert.ok(moved);
    await moved.stop();
    moved.server.up = false;
    moved.address = '10.0.0.99:4242';
    moved.server = group.network.server(moved.address);
    await moved.start();
    await group.until(() =>
      group.up.every(({ running }) =>
        running.node.members().some((one) => one.address === '10.0.0.99:4242' && one.reachable),
      ),
    );
    await group.propose('a');
    await group.agree(['a']);
    await group.stop();
  });

  it('forget one that is removed, and it stops and forgets too', async () => {
    const group = await Managers.of(3);
    const gone = group.all.find(({ leads }) => !leads);
    assert.ok(gone);
    const raftId = gone.running.node.raftId;
    await group.during(group.leader.running.node.colleagues.group.remove(raftId));
    await group.until(() => gone.running.isExpelled);
    await gone.stop();
    assert.deepEqual(gone.disk.contents('raft'), []);
    await group.propose('a');
    for (const { running } of group.up) {
      assert.equal(running.node.members().length, 2);
      assert.deepEqual(running.node.colleagues.group.removed(), [raftId]);
    }
    // The same node may come again, and is another member then.
    await group.join(gone);
    await group.agree(['a']);
    assert.notEqual(gone.running.node.raftId, raftId);
    await group.stop();
  });

  it('do not let go of one without which there is no majority', async () => {
    const group = await Managers.of(3);
    const [away, stays] = group.all.filter(({ leads }) => !leads);
    assert.ok(away && stays);
    await away.kill();
    const { node } = group.leader.running;
    await group.until(() => !node.members().every(({ reachable }) => reachable));
    const refused = node.colleagues.group.remove(stays.running.node.raftId);
    await assert.rejects(
      group.during(refused),
      (error) => isSwarmError(error) && error.code === 'RAFT_MEMBER_QUORUM',
    );
    await group.stop();
  });

  it('speak as SwarmKit does with one that can no more', async () => {
    const group = await Managers.of(2);
    await group.until(() => group.leader.running.node.allOurs);
    const foreign = group.add();
    foreign.isForeign = true;
    await group.join(foreign);
    await group.propose('a');
    await group.agree(['a']);
    await group.until(() =>
      group.leader.running.node.members().every(({ reachable }) => reachable),
    );
    assert.equal(group.leader.running.node.allOurs, false);
    await group.leader.kill();
    await group.elected();
    await group.propose('b');
    await group.agree(['a', 'b']);
    await group.stop();
  });

  it('give a vote to one that joins when it has caught up, and go on without it until then', async () => {
    const group = await Managers.of(1);
    for (const text of texts(300)) void group.leader.running.propose(text);
    const second = group.add();
    const leader = group.leader.running.node;
    let votedBehind = false;
    await group.join(second);
    await group.until(() => {
      const votes = leader.isVoter(second.running.node.raftId);
      if (votes && second.tape.length < 200) votedBehind = true;
      return votes;
    });
    assert.equal(votedBehind, false);
    // One that never comes up does not take the majority away.
    await second.kill();
    await group.stop();
  });

  for (const timing of ['auto', 'swarmkit'] as const)
    it(`find a new leader within a moment when the process of the old one is gone; timing: ${timing}`, async () => {
      const group = await Managers.of(3, { timing });
      await group.until(() =>
        group.all.every(({ running }) => running.node.allOurs === (timing === 'auto')),
      );
      await group.clock.advance(3_000);
      for (let round = 0; round < 10; round++) {
        const at = group.clock.monotonic();
        const dead = group.leader;
        await dead.kill();
        await group.elected();
        const tookMs = group.clock.monotonic() - at;
        assert.ok(tookMs < 300, `${tookMs} ms in round ${round}`);
        await dead.start();
        await group.clock.advance(3_000);
      }
      await group.stop();
    });

  it('hand the leadership over, to whom is asked or to the best one', async () => {
    const group = await Managers.of(3);
    await group.propose('a');
    for (const wanted of [group.all[1], undefined, group.all[0]]) {
      const before = group.leader;
      if (before === wanted) continue;
      const to = wanted?.running.node.raftId;
      await group.during(before.running.node.colleagues.group.transferLeadership(to));
      const after = await group.elected();
      assert.notEqual(after, before);
      if (wanted !== undefined) assert.equal(after, wanted);
    }
    await group.propose('b');
    await group.agree(['a', 'b']);
    await group.stop();
  });

  it('know up to where a read must be, on every member', async () => {
    const group = await Managers.of(3);
    await group.propose('a');
    const { lastIndex } = group.leader.running.node;
    for (const { running } of group.all)
      assert.equal(await group.during(running.node.colleagues.group.readIndex()), lastIndex);
    const { leader } = group;
    for (const other of group.all) if (other !== leader) await other.kill();
    await assert.rejects(
      group.during(leader.running.node.colleagues.group.readIndex()),
      (error) => isSwarmError(error) && error.code === 'RAFT_NO_READ_INDEX',
    );
    await group.stop();
  });

  it('rebuild one whose log is damaged, as another member', async () => {
    const group = await Managers.of(3);
    for (const text of texts(10)) await group.propose(text);
    await group.agree(texts(10));
    const broken = group.all.find(({ leads }) => !leads);
    assert.ok(broken);
    const { raftId } = broken.running.node;
    await broken.stop();
    const [key, value] = broken.disk
      .contents('raft')
      .find(([one]) => Buffer.from(one).includes('entry/')) ?? [new Uint8Array(), new Uint8Array()];
    broken.disk.tamper('raft', key, Buffer.from(value).fill(0, 8, 9));
    await assert.rejects(broken.start(), /entry \d+ of the raft log is damaged/);
    await broken.disk.stop();
    // As the recipe says: the log is moved away, and the node joins with the certificate that it has.
    for (const [one] of broken.disk.contents('raft')) broken.disk.tamper('raft', one, undefined);
    await group.join(broken);
    await group.propose('after');
    await group.agree([...texts(10), 'after']);
    assert.notEqual(broken.running.node.raftId, raftId);
    assert.equal(broken.running.node.members().length, 3);
    assert.deepEqual(broken.running.node.colleagues.group.removed(), [raftId]);
    await group.stop();
  });

  it('can be gone, all but one, and that one goes on alone when it is forced to', async () => {
    for (const snapshotInterval of [0, 10]) {
      const group = await Managers.of(3, { snapshotInterval, keepEntries: 2 });
      for (const text of texts(30)) await group.propose(text);
      await group.agree(texts(30));
      const survivor = group.all.find(({ leads }) => !leads);
      assert.ok(survivor);
      const others = group.all.filter((one) => one !== survivor);
      const { raftId } = survivor.running.node;
      for (const one of group.all) await one.kill();
      await survivor.start({ forceNewCluster: true });
      await group.elected();
      assert.deepEqual(survivor.tape, texts(30));
      assert.deepEqual(
        survivor.running.node.members().map((one) => one.raftId),
        [raftId],
      );
      await group.propose('alone');
      // Once is enough: the same word again changes nothing.
      await survivor.stop();
      await survivor.start({ forceNewCluster: true });
      await group.elected();
      // Those that come back learn that they are none any more, and may join anew.
      for (const other of others) {
        await other.start();
        await group.until(() => other.running.isExpelled);
        await other.stop();
        await group.join(other);
      }
      await group.agree([...texts(30), 'alone']);
      await group.stop();
    }
  });

  /** A foreign leader has made the newcomer a voter, which hears nothing until its `weather` changes. */
  const withDeafNewcomer = async () => {
    const group = new Managers();
    const foreign = group.add();
    foreign.isForeign = true;
    await foreign.start();
    await group.until(() => foreign.leads);
    const second = group.add();
    await group.join(second);
    await group.propose('before');
    const newcomer = group.add();
    newcomer.server.weather = (path) => (path.includes('StreamRaftMessage') ? 'lost' : 'arrives');
    await group.join(newcomer);
    const { raftId } = newcomer.running.node;
    await group.until(() => second.running.node.isVoter(raftId));
    return { group, foreign, second, newcomer, raftId };
  };

  it('count on a newcomer that has no log yet, where a foreign leader made it a voter and died', async () => {
    const { group, foreign, second, newcomer } = await withDeafNewcomer();
    assert.deepEqual(newcomer.running.node.members(), []);
    await foreign.kill();
    newcomer.server.weather = undefined;
    await group.until(() => second.leads);
    await group.propose('after');
    await group.agree(['before', 'after']);
    await group.stop();
  });

  it('count on it also when it started again meanwhile', async () => {
    const { group, foreign, second, newcomer, raftId } = await withDeafNewcomer();
    await foreign.kill();
    await newcomer.kill();
    await newcomer.start();
    assert.equal(newcomer.running.node.raftId, raftId);
    newcomer.server.weather = undefined;
    await group.until(() => second.leads);
    await group.propose('after');
    await group.agree(['before', 'after']);
    await group.stop();
  });

  it('tell one that starts again without a log that it was removed meanwhile', async () => {
    const { group, foreign, newcomer, raftId } = await withDeafNewcomer();
    await newcomer.kill();
    await foreign.running.node.colleagues.group.remove(raftId);
    newcomer.server.weather = undefined;
    await newcomer.start();
    await group.until(() => newcomer.running.isExpelled);
    await group.stop();
  });

  it('do without a leader what they can, and no more', async () => {
    const group = await Managers.of(3);
    const { leader } = group;
    const others = group.all.filter((one) => one !== leader);
    for (const other of others) await other.kill();
    const lost = leader.running.propose('a');
    await assert.rejects(
      group.during(lost),
      (error) => isSwarmError(error) && error.code === 'RAFT_LOST_LEADERSHIP',
    );
    for (const other of others) await other.start();
    await group.elected();
    await group.propose('b');
    const tape = group.leader.tape;
    assert.ok(tape.includes('b'));
    await group.agree(tape);
    await group.stop();
  });
});
