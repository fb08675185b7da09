import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import { type ConfChange, ConfChangeType } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftMember } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { NEVER } from 'rxjs';
import { Group, type GroupDriver } from '../shell/group.js';
import { quiet } from './single-member.js';

/** A group whose members can be reached or not, and vote unless they are named as learners. */
function group(
  reachable: readonly boolean[],
  learners: readonly number[] = [],
  driver: Partial<GroupDriver> = {},
): Group {
  const members = reachable.map((_, i) =>
    RaftMember.create({ raftId: BigInt(i + 1), nodeId: `n${i}`, addr: `n${i}:1` }),
  );
  const never = (): Promise<never> => Promise.reject(new Error('not here'));
  return new Group(
    {
      raftId: 0n,
      roster: { members, removed: [] },
      isReachable: (id) => reachable[Number(id) - 1] ?? false,
      isVoter: (id) => !learners.includes(Number(id) - 1),
      mayLearn: () => false,
      newRaftId: () => 99n,
      change: never,
      transfer: never,
      readIndex: never,
      ...driver,
    },
    { name: 'members', dropped: 0, publish: () => undefined, facts$: NEVER as never },
    quiet,
  );
}

it('a member may go when the rest that can be reached is a majority of the rest', () => {
  const may = (at: number, ...reachable: boolean[]) => group(reachable).canRemove(BigInt(at + 1));
  assert.equal(may(0, true), false);
  assert.equal(may(0, true, true), true);
  assert.equal(may(0, true, false), false);
  assert.equal(may(1, true, false), true);
  assert.equal(may(0, true, true, false), false);
  assert.equal(may(0, true, true, true, false, true), true);
});

it('a member without a vote may always go, and is nobody in the count', () => {
  assert.equal(group([true, false, false], [1, 2]).canRemove(2n), true);
  assert.equal(group([true, true, true], [2]).canRemove(1n), true);
  assert.equal(group([true, false, true], [2]).canRemove(1n), false);
});

it('says who has a vote', () => {
  const votes = group([true, false, true], [1])
    .members()
    .map((member) => member.votes);
  assert.deepEqual(votes, [true, false, true]);
});

it('what members cannot be is refused in words', async () => {
  const members: readonly Member[] = group([true]).members();
  assert.equal(members.length, 1);
  for (const address of ['', 'x', 'x:0', 'x:65536', '[::1', '[z]:1', 'a:b:1'])
    await assert.rejects(
      group([true]).add({ nodeId: 'n', address }),
      /^SwarmError: invalid address .* in raft join request$/,
    );
});

it('what is learned of a member does not undo what others changed before its turn came, and makes nobody a member', async () => {
  const record = RaftMember.create({ raftId: 1n, nodeId: 'n0', addr: 'old:1', features: 1 });
  const roster = { members: [record], removed: [] };
  const changes: ConfChange[] = [];
  const moved = group([true], [], {
    roster,
    change: async (change) => {
      changes.push(change);
      if (change.type === ConfChangeType.ConfChangeRemoveNode) roster.members = [];
      else roster.members = [RaftMember.decode(change.context)];
    },
  });
  const moving = moved.add({ nodeId: 'n0', address: 'new:1' });
  const learning = moved.refresh(1n, (old) => ({ ...old, features: 3 }));
  await Promise.all([moving, learning]);
  assert.deepEqual(roster.members, [{ ...record, addr: 'new:1', features: 3 }]);
  roster.members = [];
  await moved.refresh(1n, (old) => ({ ...old, features: 7 }));
  assert.equal(changes.length, 2);
});
