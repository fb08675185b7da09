import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '@swarmkit/sdk/contracts/consensus';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { planRoles, type RoleState } from '../core/plan.js';

const { MANAGER, WORKER } = NodeRole;
const node = (id: string, desiredRole: NodeRole, role: NodeRole) =>
  aNode({ id, role, spec: { desiredRole } });
const member = (nodeId: string, raftId: bigint, reachable = true): Member => ({
  nodeId,
  raftId,
  address: `${nodeId}:4242`,
  reachable,
  votes: true,
});
const plan = (state: Partial<RoleState>) =>
  planRoles({ nodes: [], members: [], ownRaftId: 1n, canRemove: () => true, ...state });

describe('the plan of roles', () => {
  it('gives a node that is to be a manager the role at once', () => {
    const { roles, remove, handOver } = plan({
      nodes: [node('a', MANAGER, MANAGER), node('b', MANAGER, WORKER)],
      members: [member('a', 1n)],
    });
    assert.deepEqual(roles, [{ nodeId: 'b', role: MANAGER }]);
    assert.equal(remove, undefined);
    assert.equal(handOver, false);
  });

  it('takes a manager out of the group before it becomes a worker', () => {
    const nodes = [node('a', MANAGER, MANAGER), node('b', WORKER, MANAGER)];
    const before = plan({ nodes, members: [member('a', 1n), member('b', 2n)] });
    assert.deepEqual(before.roles, []);
    assert.equal(before.remove?.nodeId, 'b');
    const after = plan({ nodes, members: [member('a', 1n)] });
    assert.deepEqual(after.roles, [{ nodeId: 'b', role: WORKER }]);
    assert.equal(after.remove, undefined);
  });

  it('removes members whose node is gone, and lets none go without which there is no majority', () => {
    const nodes = [node('a', MANAGER, MANAGER)];
    const members = [member('a', 1n), member('gone', 2n)];
    assert.equal(plan({ nodes, members }).remove?.nodeId, 'gone');
    const held = plan({ nodes, members, canRemove: () => false });
    assert.equal(held.remove, undefined);
    assert.deepEqual(
      held.held.map(({ nodeId }) => nodeId),
      ['gone'],
    );
  });

  it('hands over when this manager itself is to go, after all others, and not when it is alone', () => {
    const nodes = [node('a', WORKER, MANAGER), node('b', MANAGER, MANAGER)];
    assert.equal(plan({ nodes, members: [member('a', 1n), member('b', 2n)] }).handOver, true);
    assert.equal(plan({ nodes, members: [member('a', 1n)] }).handOver, false);
    const both = [
      node('a', WORKER, MANAGER),
      node('b', WORKER, MANAGER),
      node('c', MANAGER, MANAGER),
    ];
    const members = [member('a', 1n), member('b', 2n), member('c', 3n)];
    const first = plan({ nodes: both, members });
    assert.equal(first.remove?.nodeId, 'b');
    assert.equal(first.handOver, false);
  });

  it('comes to an end, and then has nothing to do: property', () => {
    const role = fc.constantFrom(MANAGER, WORKER);
    fc.assert(
      fc.property(fc.array(fc.tuple(role, role, fc.boolean()), { maxLength: 6 }), (picks) => {
        // The first one leads and stays.
        let nodes = [
          node('n0', MANAGER, MANAGER),
          ...picks.map(([desired, now], i) => node(`n${i + 1}`, desired, now)),
        ];
        let members = [
          member('n0', 1n),
          ...picks.flatMap(([, , isMember], i) =>
            isMember ? [member(`n${i + 1}`, BigInt(i + 2))] : [],
          ),
        ];
        for (let steps = 0; ; steps++) {
          assert.ok(steps < 20, 'the plans do not come to an end');
          const { roles, remove, held, handOver } = plan({ nodes, members });
          assert.equal(handOver, false);
          assert.deepEqual(held, []);
          if (roles.length === 0 && remove === undefined) break;
          nodes = nodes.map((one) => {
            const to = roles.find(({ nodeId }) => nodeId === one.id);
            // Nobody is a worker that is still a member.
            if (to?.role === WORKER) assert.ok(!members.some(({ nodeId }) => nodeId === one.id));
            return to === undefined ? one : { ...one, role: to.role };
          });
          members = members.filter(({ raftId }) => raftId !== remove?.raftId);
        }
        for (const one of nodes) assert.equal(one.role, one.spec?.desiredRole);
        for (const { nodeId } of members)
          assert.equal(nodes.find(({ id }) => id === nodeId)?.spec?.desiredRole, MANAGER);
      }),
    );
  });
});
