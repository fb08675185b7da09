import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  type AssignmentChange,
  AssignmentChange_AssignmentAction,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { NodeAssignments } from '../core/assignments.js';
import { taskOn } from './leader.js';

const { PENDING, ASSIGNED, RUNNING, COMPLETE } = TaskState;

/** What an agent holds after these messages. */
class Agent {
  readonly held = new Map<string, unknown>();
  take(changes: readonly AssignmentChange[]): void {
    for (const { action, assignment } of changes) {
      const item = assignment?.item;
      assert.ok(item !== undefined);
      const key = `${item.$case} ${item.value.id}`;
      if (action === AssignmentChange_AssignmentAction.REMOVE)
        assert.ok(this.held.delete(key), `${key} was taken back and never given`);
      else this.held.set(key, item.value);
    }
  }
}

const change = fc.record({
  id: fc.constantFrom('t1', 't2', 't3', 't4'),
  what: fc.oneof(
    fc.constant('remove' as const),
    fc.record({
      node: fc.constantFrom('mine', 'other'),
      uses: fc.subarray(['s1', 's2', 'c1']),
      state: fc.constantFrom(PENDING, ASSIGNED, RUNNING, COMPLETE),
      desired: fc.constantFrom(RUNNING, COMPLETE),
    }),
    fc.record({ state: fc.constantFrom(ASSIGNED, RUNNING, COMPLETE) }),
  ),
});

test('increments lead to what a complete message would say', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (commits) => {
      const store = new FakeStore().seed({
        secret: ['s1', 's2'].map((id) => Secret.create({ id })),
        config: [Config.create({ id: 'c1' })],
      });
      const assignments = new NodeAssignments('mine');
      const agent = new Agent();
      const gone = new Set<string>();
      agent.take(assignments.complete(store.view()));
      for (const commit of commits) {
        store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
          for (const { id, what } of commit) {
            const before = draft.get('task', id);
            if (what === 'remove') {
              if (before !== undefined) draft.remove('task', id);
              gone.add(id);
            } else if ('node' in what) {
              // A task's node and spec are decided once, and no id is used twice.
              if (before !== undefined || gone.has(id)) continue;
              const references = {
                secrets: what.uses.filter((use) => use !== 'c1').map((secretId) => ({ secretId })),
                configs: what.uses.filter((use) => use === 'c1').map((configId) => ({ configId })),
              };
              draft.create(
                'task',
                taskOn(what.node, {
                  id,
                  desiredState: what.desired,
                  spec: { runtime: { $case: 'container', value: { image: 'x', ...references } } },
                  status: { state: what.state },
                }),
              );
            } else if (before !== undefined && what.state >= (before.status?.state ?? 0))
              draft.update('task', { ...before, status: TaskStatus.create({ state: what.state }) });
          }
        });
        agent.take(
          assignments.increment(
            store.view(),
            commit.map(({ id }) => id),
          ),
        );
        const fresh = new Agent();
        fresh.take(new NodeAssignments('mine').complete(store.view()));
        assert.deepEqual([...agent.held.keys()].sort(), [...fresh.held.keys()].sort());
      }
    }),
  );
});
