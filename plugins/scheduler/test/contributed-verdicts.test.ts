import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { Scheduler } from '../shell/scheduler.js';
import { Cluster } from './cluster.js';

const filter = (id: string, order: number, more: Partial<SchedulerFilter>): SchedulerFilter => ({
  id,
  order,
  applies: () => true,
  passes: () => true,
  explain: (nodes) => `${id} on ${nodes} node`,
  ...more,
});

const ssd = filter('needs an SSD', 900, {
  passes: (_task, { node }) => node.spec?.annotations?.labels.disk === 'ssd',
});
const quiet = filter('wants company', 800, { passes: (_task, node) => node.activeTasks > 0 });

function explain(cluster: Cluster, taskId: string, ...filters: readonly SchedulerFilter[]) {
  const faults: string[] = [];
  const scheduler = new Scheduler({
    filters: () => filters,
    fault: (where) => faults.push(where),
  });
  const told = scheduler.explain(cluster.store.view(), 0, taskId);
  return { told: told.map(({ nodeId, against }) => [nodeId, ...against]), faults };
}

function threeNodes(): { readonly cluster: Cluster; readonly task: string } {
  const cluster = new Cluster();
  cluster.node('a', { spec: { annotations: { labels: { disk: 'ssd' } } } });
  cluster.node('b');
  cluster.node('c');
  const service = cluster.service('web');
  cluster.running(service, 'a');
  cluster.running(service, 'c');
  const [task = ''] = cluster.pending(service);
  return { cluster, task };
}

test('each contributed filter that a node fails is named, in their order', () => {
  const { cluster, task } = threeNodes();
  assert.deepEqual(explain(cluster, task, ssd, quiet).told, [
    ['b', 'wants company on 1 node', 'needs an SSD on 1 node'],
    ['c', 'needs an SSD on 1 node'],
  ]);
});

test('the built-in ones, and those that do not apply, say nothing here', () => {
  const { cluster, task } = threeNodes();
  cluster.node('d', { spec: { availability: 2 } });
  assert.deepEqual(explain(cluster, task).told, []);
  assert.deepEqual(explain(cluster, task, { ...ssd, applies: () => false }).told, []);
});

test('a task that is bound to a node has that one alone', () => {
  const { cluster } = threeNodes();
  const service = cluster.service('other');
  const [task = ''] = cluster.pending(service, 1, { nodeId: 'c' });
  assert.deepEqual(explain(cluster, task, ssd).told, [['c', 'needs an SSD on 1 node']]);
});

test('a filter that throws lets no node pass, and says so', () => {
  const { cluster, task } = threeNodes();
  const broken = filter('broken', 1, {
    passes: () => {
      throw new Error('bug');
    },
  });
  const { told, faults } = explain(cluster, task, broken);
  assert.equal(told.length, 3);
  assert.deepEqual(faults, ['filter broken']);
});

test('a task that is gone is not found', () => {
  assert.throws(
    () => explain(new Cluster(), 'x'),
    (error) => isSwarmError(error) && error.kind === 'not-found',
  );
});
