import assert from 'node:assert/strict';
import test from 'node:test';
import type { Change, Field, ObjectKind, Objects } from '../../contracts/store.js';
import {
  aCluster,
  anAttachment,
  aNetwork,
  aNode,
  aService,
  aTask,
} from '../../testkit/fixtures.js';
import { TaskState } from '../../wire/gen/swarmkit/types.js';
import { checkOwnership, touchedFields } from '../field-ownership.js';

type AnyObject = Objects[ObjectKind];

/** Which of these single owners may do the change. */
function allowed(change: Change, ...fields: readonly Field[]): readonly Field[] {
  return fields.filter((field) => {
    try {
      checkOwnership({ id: 'writer', writes: [field] }, change);
      return true;
    } catch (error) {
      assert.match(String(error), /writer must not .* of .* belongs to/);
      return false;
    }
  });
}

const update = (kind: ObjectKind, old: AnyObject, object: AnyObject): Change =>
  ({ kind, action: 'update', id: old.id, old, object }) as Change;
const create = (kind: ObjectKind, object: AnyObject): Change =>
  ({ kind, action: 'create', id: object.id, old: undefined, object }) as Change;
const remove = (kind: ObjectKind, object: AnyObject): Change =>
  ({ kind, action: 'remove', id: object.id, old: object, object }) as Change;

const taskFields: readonly Field[] = [
  'spec',
  'task.existence',
  'task.deletion',
  'task.attachment',
  'task.desiredState',
  'task.allocation',
  'task.placement',
  'task.observed',
  'task.eviction',
];

const moved = (from: TaskState, to: TaskState, err = ''): Change => {
  const before = aTask({ id: 't', status: { state: from } });
  return update('task', before, aTask({ ...before, status: { state: to, err } }));
};

test('the state of a task has an owner for each part of its road', () => {
  const { NEW, PENDING, ASSIGNED, RUNNING, FAILED, REJECTED, ORPHANED, SHUTDOWN } = TaskState;
  const owners = (change: Change) => allowed(change, ...taskFields);
  assert.deepEqual(owners(moved(NEW, PENDING)), ['task.allocation']);
  assert.deepEqual(owners(moved(NEW, NEW, 'no port')), ['task.allocation']);
  assert.deepEqual(owners(moved(PENDING, PENDING, 'no node')), [
    'task.allocation',
    'task.placement',
  ]);
  assert.deepEqual(owners(moved(PENDING, ASSIGNED)), ['task.placement']);
  assert.deepEqual(owners(moved(PENDING, SHUTDOWN)), ['task.placement']);
  assert.deepEqual(owners(moved(ASSIGNED, RUNNING)), ['task.observed']);
  assert.deepEqual(owners(moved(RUNNING, FAILED)), ['task.observed']);
  assert.deepEqual(owners(moved(RUNNING, REJECTED)), ['task.observed', 'task.eviction']);
  assert.deepEqual(owners(moved(RUNNING, ORPHANED)), ['spec', 'task.observed']);
});

test('the other fields of a task', () => {
  const before = aTask({ id: 't' });
  const owners = (after: Partial<Objects['task']>) =>
    allowed(update('task', before, { ...before, ...after }), ...taskFields);
  assert.deepEqual(owners({ desiredState: TaskState.SHUTDOWN }), ['task.desiredState']);
  assert.deepEqual(owners({ nodeId: 'n' }), ['task.placement']);
  assert.deepEqual(owners({ endpoint: { spec: undefined, ports: [], virtualIps: [] } }), [
    'task.allocation',
  ]);
  for (const fixed of [
    { slot: 9n },
    { serviceId: 'x' },
    { spec: undefined },
    { specVersion: { index: 9n } },
  ])
    assert.deepEqual(owners(fixed), [], Object.keys(fixed)[0]);
  assert.deepEqual(allowed(create('task', before), ...taskFields), ['task.existence']);
  assert.deepEqual(allowed(remove('task', before), ...taskFields), ['spec', 'task.deletion']);
});

test('a task that attaches a container is made by who has attachments, and not by the orchestrator', () => {
  const task = anAttachment('n', ['front']);
  assert.deepEqual(allowed(create('task', task), ...taskFields), ['task.attachment']);
  assert.deepEqual(allowed(remove('task', task), ...taskFields), [
    'spec',
    'task.deletion',
    'task.attachment',
  ]);
});

test('one change may need several owners, and each is asked for', () => {
  const before = aTask({ id: 't', status: { state: TaskState.PENDING } });
  const change = update('task', before, {
    ...before,
    nodeId: 'n',
    desiredState: TaskState.SHUTDOWN,
  });
  assert.deepEqual(allowed(change, ...taskFields), []);
  checkOwnership({ id: 'both', writes: ['task.placement', 'task.desiredState'] }, change);
  checkOwnership({ id: 'anyone', writes: ['any'] }, change);
});

test('a service: its users, its updater, its ports', () => {
  const previous = aService({ spec: { annotations: { name: 'web' } } }).spec;
  const before = { ...aService({ id: 's' }), previousSpec: previous };
  const owners = (after: Partial<Objects['service']>) =>
    allowed(
      update('service', before, { ...before, ...after }),
      'spec',
      'service.updateStatus',
      'service.endpoint',
      'service.jobStatus',
    );
  assert.deepEqual(owners({ spec: aService().spec }), ['spec']);
  assert.deepEqual(owners({ spec: previous, previousSpec: undefined }), [
    'spec',
    'service.updateStatus',
  ]);
  assert.deepEqual(owners({ pendingDelete: true }), ['spec']);
  assert.deepEqual(owners({ endpoint: { spec: undefined, ports: [], virtualIps: [] } }), [
    'service.endpoint',
  ]);
});

test('nodes, networks and the cluster', () => {
  const node = aNode({ id: 'n' });
  const nodeOwners = (after: Partial<Objects['node']>) =>
    allowed(
      update('node', node, { ...node, ...after }),
      'spec',
      'node.existence',
      'node.observed',
      'node.role',
      'node.certificate',
    );
  assert.deepEqual(nodeOwners({ spec: undefined }), ['spec']);
  assert.deepEqual(nodeOwners({ status: undefined, description: undefined }), ['node.observed']);
  assert.deepEqual(nodeOwners({ role: 1 }), ['node.role']);
  assert.deepEqual(allowed(create('node', node), 'spec', 'node.existence'), ['node.existence']);
  assert.deepEqual(allowed(remove('node', node), 'spec', 'node.existence'), [
    'spec',
    'node.existence',
  ]);
  const network = aNetwork();
  const ipam = { driver: undefined, configs: [] };
  assert.deepEqual(
    allowed(update('network', network, { ...network, ipam }), 'spec', 'network.allocation'),
    ['network.allocation'],
  );
  const cluster = aCluster();
  const fields: readonly Field[] = ['spec', 'cluster.existence', 'cluster.ca', 'cluster.keys'];
  const clusterOwners = (after: Partial<Objects['cluster']>) =>
    allowed(update('cluster', cluster, { ...cluster, ...after }), ...fields);
  assert.deepEqual(clusterOwners({ encryptionKeyLamportClock: 2n }), ['cluster.keys']);
  assert.deepEqual(
    clusterOwners({
      unlockKeys: [
        { subsystem: 'x', algorithm: 0, key: Buffer.from('k'), lamportTime: 0n, madeAt: undefined },
      ],
    }),
    ['spec', 'cluster.ca'],
  );
  assert.deepEqual(clusterOwners({ fips: true }), ['cluster.existence']);
});

test('what a decoder made differently, but says the same, is not touched', () => {
  const task = aTask({ id: 't', networks: [{ addresses: ['10.0.0.1'] }] });
  const { logDriver: _absent, ...rest } = task;
  const same = {
    ...rest,
    networks: [...task.networks],
    _unknownFields: {},
  } as unknown as Objects['task'];
  assert.deepEqual(touchedFields(task, same), []);
  assert.deepEqual(
    touchedFields(task, { ...same, meta: undefined }),
    [],
    'meta is the store’s own',
  );
  assert.deepEqual(touchedFields(task, { ...same, _unknownFields: { 9: [Buffer.from('x')] } }), [
    '_unknownFields',
  ]);
});
