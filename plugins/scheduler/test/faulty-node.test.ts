import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Cluster } from './cluster.js';

/** Two nodes; on `a` this service failed so often. `b` has more to do. */
function failing(times: number, state = TaskState.FAILED): { cluster: Cluster; web: Service } {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  const web = cluster.service('web');
  for (let i = 0; i < times; i++)
    cluster.add(web, {
      nodeId: 'a',
      desiredState: TaskState.SHUTDOWN,
      status: { state, timestamp: timestampFromMs(fixtureTime - 1000) },
    });
  cluster.running(cluster.service('other'), 'b', 3);
  return { cluster, web };
}

const placeOne = (cluster: Cluster, service: Service, nodeId = ''): string => {
  const [id = ''] = cluster.pending(service, 1, { nodeId });
  cluster.run();
  return cluster.task(id).status?.state === TaskState.ASSIGNED ? cluster.task(id).nodeId : '';
};

test('the fifth failure turns a service away from a node, the fourth does not', () => {
  for (const state of [TaskState.FAILED, TaskState.REJECTED])
    for (const [times, expected] of [
      [4, 'a'],
      [5, 'b'],
    ] as const) {
      const { cluster, web } = failing(times, state);
      assert.equal(placeOne(cluster, web), expected, `${TaskState[state]} ${times} times`);
    }
});

test('what ended well, or was stopped, is no failure', () => {
  for (const state of [TaskState.COMPLETE, TaskState.SHUTDOWN, TaskState.ORPHANED]) {
    const { cluster, web } = failing(9, state);
    assert.equal(placeOne(cluster, web), 'a', TaskState[state]);
  }
});

test('failures of one service are nothing to another', () => {
  const { cluster } = failing(9);
  assert.equal(placeOne(cluster, cluster.service('another')), 'a');
});

test('a node that fails is better than none', () => {
  const { cluster, web } = failing(9);
  cluster.node('b', { spec: { availability: 1 } });
  assert.equal(placeOne(cluster, web), 'a');
});

test('of nodes that all fail, the one with fewer failures is taken', () => {
  const { cluster, web } = failing(9);
  for (let i = 0; i < 6; i++)
    cluster.add(web, {
      nodeId: 'b',
      desiredState: TaskState.SHUTDOWN,
      status: { state: TaskState.FAILED, timestamp: timestampFromMs(fixtureTime - 1000) },
    });
  assert.equal(placeOne(cluster, web), 'b');
});

test('a task that is tied to a node goes there, however often it failed', () => {
  const { cluster, web } = failing(9);
  assert.equal(placeOne(cluster, web, 'a'), 'a');
});

test('failures of tasks that are tied to nodes turn no other service away', () => {
  const cluster = new Cluster();
  cluster.node('a');
  cluster.node('b');
  const agent = cluster.service('agent', { spec: { mode: { $case: 'global', value: {} } } });
  for (let i = 0; i < 9; i++)
    cluster.add(agent, {
      nodeId: 'a',
      slot: 0n,
      desiredState: TaskState.SHUTDOWN,
      status: { state: TaskState.FAILED, timestamp: timestampFromMs(fixtureTime - 1000) },
    });
  cluster.running(cluster.service('other'), 'b', 3);
  assert.equal(placeOne(cluster, agent, 'a'), 'a');
  assert.equal(placeOne(cluster, cluster.service('web')), 'a');
});
