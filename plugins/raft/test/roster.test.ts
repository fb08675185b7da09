import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  ConfState,
} from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { type Change, describeMembers } from '../core/change.js';
import { changed, fromConfState, toConfState } from '../core/configuration.js';
import { Roster } from '../core/roster.js';

const member = (raftId: bigint, addr = `10.0.0.${raftId}:4242`): RaftMember =>
  RaftMember.create({ raftId, nodeId: `node-${raftId}`, addr });

const single = (type: ConfChangeType, nodeId: bigint, described?: RaftMember): ConfChange =>
  ConfChange.create({
    type,
    nodeId,
    ...(described === undefined
      ? {}
      : { context: Buffer.from(RaftMember.encode(described).finish()) }),
  });

/** A roster and the configuration that goes with it. */
class Group {
  readonly roster = new Roster();
  private configuration = fromConfState(ConfState.create());

  apply(change: Change): void {
    this.configuration = changed(this.configuration, change) ?? this.configuration;
    this.roster.apply(change, toConfState(this.configuration));
  }

  get ids(): readonly bigint[] {
    return this.roster.members.map(({ raftId }) => raftId);
  }

  get removed(): readonly bigint[] {
    return this.roster.toSnapshot().removed;
  }
}

const { ConfChangeAddNode, ConfChangeRemoveNode, ConfChangeUpdateNode } = ConfChangeType;

describe('the roster', () => {
  it('knows who they are, and remembers who they were', () => {
    const group = new Group();
    for (const id of [1n, 2n, 3n]) group.apply(single(ConfChangeAddNode, id, member(id)));
    group.apply(single(ConfChangeUpdateNode, 2n, member(2n, '10.9.9.9:4242')));
    group.apply(single(ConfChangeRemoveNode, 3n));
    assert.deepEqual(group.ids, [1n, 2n]);
    assert.deepEqual(group.removed, [3n]);
    assert.equal(group.roster.members[1]?.addr, '10.9.9.9:4242');
  });

  it('believes a change only about whom it changes', () => {
    const group = new Group();
    group.apply(single(ConfChangeAddNode, 1n, member(1n)));
    group.apply(single(ConfChangeAddNode, 2n, member(1n, 'elsewhere:1')));
    group.apply(single(ConfChangeUpdateNode, 9n, member(9n)));
    group.apply(single(ConfChangeAddNode, 0n, member(0n)));
    assert.deepEqual(group.ids, [1n]);
    assert.equal(group.roster.members[0]?.addr, '10.0.0.1:4242');
    assert.deepEqual(group.removed, []);
  });

  it('keeps those who vote until a joint change is left', () => {
    const group = new Group();
    for (const id of [1n, 2n]) group.apply(single(ConfChangeAddNode, id, member(id)));
    group.apply(
      ConfChangeV2.create({
        transition: ConfChangeTransition.ConfChangeTransitionJointExplicit,
        changes: [
          { type: ConfChangeAddNode, nodeId: 3n },
          { type: ConfChangeRemoveNode, nodeId: 2n },
        ],
        context: describeMembers([member(3n)]),
      }),
    );
    assert.deepEqual(group.ids, [1n, 2n, 3n]);
    group.apply(ConfChangeV2.create());
    assert.deepEqual(group.ids, [1n, 3n]);
    assert.deepEqual(group.removed, [2n]);
  });
});
