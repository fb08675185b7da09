import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  EntryType,
  Message,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { type Change, describeMembers } from '../core/change.js';
import { OUR_FEATURES } from '../core/features.js';
import { change, entry, founded, Group } from './group.js';

const ours = (size: number): Group => Group.of(size, () => 0, OUR_FEATURES);

const isolating =
  (id: number) =>
  ({ from, to }: { readonly from: bigint; readonly to: bigint }): boolean =>
    from !== BigInt(id) && to !== BigInt(id);

const joint = (
  changes: readonly (readonly [ConfChangeType, bigint])[],
  transition = ConfChangeTransition.ConfChangeTransitionAuto,
): ConfChangeV2 => {
  const members = changes
    .filter(([type]) => type !== ConfChangeType.ConfChangeRemoveNode)
    .map(([, raftId]) => RaftMember.create({ raftId, features: OUR_FEATURES }));
  return ConfChangeV2.create({
    transition,
    changes: changes.map(([type, nodeId]) => ({ type, nodeId })),
    context: describeMembers(members),
  });
};

function propose(group: Group, made: Change): void {
  const position = group.leader?.running.proposeChange(made);
  assert.ok(typeof position === 'object', `refused: ${position}`);
  group.settle();
}

describe('what SwarmKit does not have', () => {
  it('is used only while every member has it', () => {
    let draw = 0;
    const group = Group.of(3, (below) => draw++ % below);
    assert.equal(group.raft(1).allOurs, false);
    group.elect(1);
    assert.ok(group.sent.every(({ type }) => type !== MessageType.MsgPreVote));
    const learner = change(ConfChangeType.ConfChangeAddLearnerNode, 4n, OUR_FEATURES);
    assert.equal(group.raft(1).proposeChange(learner), 'unsupported');
    assert.equal(group.raft(1).proposeChange(joint([])), 'unsupported');
    assert.equal(group.raft(2).readIndex(Buffer.from('q')), 'unsupported');
    for (const id of [1n, 2n, 3n])
      propose(group, change(ConfChangeType.ConfChangeUpdateNode, id, OUR_FEATURES));
    group.tick();
    for (const id of [1, 2, 3]) assert.ok(group.raft(id).allOurs);
    group.passes = isolating(1);
    group.tick(40);
    assert.ok(group.sent.some(({ type }) => type === MessageType.MsgPreVote));
    assert.notEqual(group.leader?.id, 1n);
    assert.ok(group.leader);
    group.read(group.leader);
    group.settle();
    assert.equal(group.reads, 1);
    propose(group, change(ConfChangeType.ConfChangeAddNode, 9n));
    assert.equal(group.leader?.running.allOurs, false);
  });

  it('is not needed to be quick where the process of an engine that led is gone', () => {
    const group = Group.of(3, (below) => below - 1);
    group.elect(3);
    for (const id of [1n, 2n])
      propose(group, change(ConfChangeType.ConfChangeUpdateNode, id, OUR_FEATURES));
    group.tick();
    group.passes = isolating(3);
    for (const id of [1, 2]) group.raft(id).leaderIsGone();
    const led: number[] = [];
    for (let ticks = 1; ticks <= 12; ticks++) {
      group.tick();
      if (group.raft(1).role === 'leader') led.push(ticks);
    }
    // As soon as an engine would hear it, and before the other one stands too.
    assert.equal(led[0], 11);
    assert.deepEqual([group.raft(1).role, group.raft(2).role], ['leader', 'follower']);
  });

  it('hears a candidate although the leader was heard just now, when that one is known to be gone', () => {
    const group = Group.of(3);
    group.elect(3);
    const ask = (from: bigint, to: number): void => {
      const { term, lastIndex: index } = group.raft(3);
      const head = { type: MessageType.MsgVote, from, to: BigInt(to), index, logTerm: term };
      group.raft(to).step(Message.create({ ...head, term: term + 1n }));
      group.member(to).pump();
    };
    const votes = (): readonly bigint[] =>
      group.sent
        .filter(({ type, to, reject }) => type === MessageType.MsgVoteResp && to === 2n && !reject)
        .map(({ from }) => from);
    ask(2n, 1);
    group.raft(1).leaderIsGone();
    // It was not, and is heard again.
    group.tick();
    ask(2n, 1);
    assert.deepEqual(votes(), []);
    group.raft(1).leaderIsGone();
    ask(2n, 1);
    assert.deepEqual(votes(), [1n]);
  });

  it('is known again after a restart and after a snapshot', () => {
    const group = ours(3);
    group.elect(1);
    group.member(3).crash();
    for (let i = 0; i < 20; i++) group.propose(`v${i}`);
    group.settle();
    group.member(1).compact(0);
    group.member(3).start();
    group.converge(20);
    assert.ok(group.sent.some(({ type }) => type === MessageType.MsgSnap));
    assert.ok(group.raft(3).allOurs);
    group.member(3).crash();
    group.member(3).start();
    assert.ok(group.raft(3).allOurs);
  });
});

describe('several readys at a time', () => {
  it('go on sending while the own disk is slow, and count it only when it has written', () => {
    const group = ours(3);
    group.elect(1);
    const leader = group.member(1);
    leader.depth = 3;
    group.passes = isolating(3);
    const committed = leader.running.committed;
    const others = (): void => {
      for (const message of group.network.splice(0)) group.deliver(message);
      group.member(2).pump();
      for (const message of group.network.splice(0)) group.deliver(message);
    };
    group.propose('a');
    leader.begin();
    others();
    group.propose('b');
    assert.ok(leader.begin(), 'the second write begins before the first one is done');
    others();
    assert.equal(leader.running.committed, committed);
    leader.finish();
    assert.equal(leader.running.committed, committed + 1n);
    leader.finish();
    assert.equal(leader.running.committed, committed + 2n);
  });

  it('do not take an entry for written that came back under its name', () => {
    const group = ours(3);
    const member = group.member(3);
    member.depth = 3;
    const append = (from: bigint, term: bigint, terms: readonly number[], commit = 3n): void => {
      const entries = terms.map((one, i) => entry(4 + i, one));
      const head = { type: MessageType.MsgApp, to: 3n, index: 3n, logTerm: 1n };
      member.running.step(Message.create({ ...head, from, term, entries, commit }));
      assert.ok(member.begin());
    };
    append(1n, 2n, [2, 2]);
    append(2n, 3n, [3]);
    append(1n, 4n, [2, 2], 5n);
    member.finish();
    // On the disk now; but the second write is still to take it away.
    assert.equal(member.running.status().stable, 3n);
    assert.equal(member.tape.length, 3);
    member.finish();
    assert.equal(member.tape.length, 3);
    member.pump();
    assert.equal(member.running.status().stable, 5n);
    assert.equal(member.tape.length, 5);
  });
});

describe('proposals', () => {
  it('are refused when too much waits for a majority, but never the first one', () => {
    const group = ours(3);
    group.maxUncommittedBytes = 10;
    for (const id of [1, 2, 3]) {
      group.member(id).crash();
      group.member(id).start();
    }
    group.elect(1);
    group.passes = () => false;
    const { running } = group.member(1);
    assert.equal(typeof running.propose(Buffer.alloc(50)), 'object');
    assert.equal(running.propose(Buffer.alloc(1)), 'busy');
    assert.equal(running.proposeAll([Buffer.alloc(1), Buffer.alloc(1)]), 'busy');
    assert.equal(running.status().uncommittedBytes, 50);
    group.passes = () => true;
    group.tick(3);
    assert.equal(running.status().uncommittedBytes, 0);
    assert.deepEqual(running.proposeAll([Buffer.alloc(4), Buffer.alloc(6)]), {
      index: 6n,
      term: 2n,
    });
    assert.equal(running.propose(Buffer.alloc(1)), 'busy');
  });

  it('go to a member as far as its window of bytes allows', () => {
    const group = ours(2);
    group.elect(1);
    group.passes = ({ from }) => from !== 2n;
    for (let i = 0; i < 3; i++) {
      group.propose('x'.repeat(600));
      group.settle();
    }
    const view = group.raft(1).progress(2n);
    assert.equal(view?.inflight, 2);
    assert.equal(view?.inflightBytes, 1_200);
    assert.equal(view?.paused, true);
  });
});

describe('joint changes', () => {
  it('replace two members at once and leave by themselves', () => {
    const group = ours(3);
    group.elect(1);
    for (const id of [4n, 5n]) group.add(id, founded([])).start();
    const { ConfChangeAddNode, ConfChangeRemoveNode } = ConfChangeType;
    propose(
      group,
      joint([
        [ConfChangeAddNode, 4n],
        [ConfChangeAddNode, 5n],
        [ConfChangeRemoveNode, 2n],
        [ConfChangeRemoveNode, 3n],
      ]),
    );
    group.tick(4);
    assert.deepEqual(group.raft(1).confState.voters, [1n, 4n, 5n]);
    assert.deepEqual(group.raft(1).confState.votersOutgoing, []);
    const entries = group
      .member(1)
      .disk.entries.filter(({ Type }) => Type === EntryType.EntryConfChangeV2);
    assert.equal(entries.length, 2);
  });
});
