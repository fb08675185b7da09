import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ConfChangeType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { change, Group } from './group.js';

it('who stays behind alone knows it after a crash, though who left can tell nobody', () => {
  const group = Group.of(2);
  group.elect(1);
  group.raft(1).proposeChange(change(ConfChangeType.ConfChangeRemoveNode, 2n));
  group.settle();
  group.member(2).crash();
  group.member(1).crash();
  group.member(1).start();
  group.tick(40);
  assert.deepEqual(group.raft(1).confState.voters, [1n]);
  assert.equal(group.leader?.id, 1n);
});
