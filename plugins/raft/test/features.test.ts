import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  EntryType,
  MessageType,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { type Change, describeMembers } from '../core/change.js';
import { OUR_FEATURES } from '../core/features.js';
import { change, founded, Group } from './group.js';

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
    assert.equal(group.leader?.running.readIndex(Buffer.from('q')), undefined);
    propose(group, change(ConfChangeType.ConfChangeAddNode, 9n));
    assert.equal(group.leader?.running.allOurs, false);
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
