import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Change } from '@swarmkit/sdk/contracts/store';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import { DirtySet } from '../core/dirty-set.js';

const task = (
  action: 'create' | 'remove',
  id: string,
  serviceId: string,
  nodeId: string,
): Change => {
  const object = aTask({ id, serviceId, nodeId });
  return { kind: 'task', action, id, object, old: action === 'remove' ? object : undefined };
};

test('services and nodes of tasks are told, also of removed ones, until they are taken', () => {
  const set = new DirtySet();
  assert.equal(set.take().everything, true);
  set.add([
    task('create', 'a', 'web', ''),
    task('remove', 'b', 'db', 'n1'),
    task('create', 'c', '', 'n2'),
  ]);
  set.addLeft([{ kind: 'node', id: 'n3' }]);
  const dirty = set.take();
  assert.deepEqual([...dirty.ids('task')], ['a', 'b', 'c']);
  assert.deepEqual([...dirty.ids('node')], ['n3']);
  assert.deepEqual([...dirty.servicesOfTasks()], ['web', 'db']);
  assert.deepEqual([...dirty.nodesOfTasks()], ['n1', 'n2']);
  const next = set.take();
  assert.deepEqual(
    [next.ids('task').size, next.servicesOfTasks().size, next.nodesOfTasks().size],
    [0, 0, 0],
  );
});
