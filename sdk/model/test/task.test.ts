import assert from 'node:assert/strict';
import test from 'node:test';
import { aCluster, aService, aTask, aTaskOf } from '../../testkit/fixtures.js';
import { TaskState } from '../../wire/gen/swarmkit/types.js';
import {
  byTaskTime,
  holdsResources,
  isInUse,
  isTerminal,
  isWantedActive,
  isWantedRunning,
  newTask,
  slotKey,
  slotOf,
  taskName,
  taskTime,
  willNeverRun,
} from '../task.js';
import { timestampFromMs } from '../time.js';

const now = 1_700_000_123_456;

test('the name of a task: its own, else service, slot (or node) and id', () => {
  const service = aService({ id: 's', spec: { annotations: { name: 'web' } } });
  assert.equal(taskName(aTaskOf(service, { id: 't', slot: 3n })), 'web.3.t');
  assert.equal(taskName(aTaskOf(service, { id: 't', slot: 0n, nodeId: 'n' })), 'web.n.t');
  assert.equal(taskName(aTaskOf(service, { id: 't', slot: 0n })), 'web..t');
  assert.equal(taskName(aTaskOf(service, { id: 't', annotations: { name: 'own' } })), 'own');
});

test('task time is the manager’s clock, else the agent’s; none comes first', () => {
  const task = (id: string, applied?: number, reported?: number) =>
    aTask({
      id,
      status: { appliedAt: timestampFromMs(applied), timestamp: timestampFromMs(reported) },
    });
  assert.deepEqual(taskTime(task('a', 5, 9)), timestampFromMs(5));
  const sorted = [task('late', 9), task('b', undefined, 5), task('a', 5), task('none')].sort(
    byTaskTime,
  );
  assert.deepEqual(
    sorted.map(({ id }) => id),
    ['none', 'a', 'b', 'late'],
  );
});

test('the tests of liveness, each by its own states', () => {
  const all = Object.values(TaskState).filter((state): state is TaskState => Number(state) >= 0);
  const passing = (of: (state: TaskState) => boolean) =>
    all.filter(of).map((state) => TaskState[state]);
  const wanted = (desiredState: TaskState) => aTask({ desiredState });
  const seen = (state: TaskState) => aTask({ status: { state }, nodeId: 'n' });
  assert.equal(passing((state) => isWantedRunning(wanted(state))).at(-1), 'RUNNING');
  assert.equal(passing((state) => isWantedActive(wanted(state))).at(-1), 'COMPLETE');
  assert.equal(passing((state) => isTerminal(seen(state)))[0], 'COMPLETE');
  const held = passing((state) => holdsResources(seen(state)));
  assert.deepEqual([held[0], held.at(-1)], ['ASSIGNED', 'RUNNING']);
  assert.equal(holdsResources(aTask()), false, 'not without a node');
  const unwanted = (state: TaskState) =>
    aTask({ status: { state }, desiredState: TaskState.SHUTDOWN });
  assert.deepEqual(
    passing((state) => willNeverRun(unwanted(state))),
    ['NEW', 'PENDING'],
  );
  assert.deepEqual([isInUse(aTask()), isInUse(unwanted(TaskState.RUNNING))], [true, false]);
});

test('a slot is a number, or a node for global services', () => {
  const replicated = aService({ id: 's' });
  const global = aService({ id: 's', spec: { mode: { $case: 'global', value: {} } } });
  const task = aTask({ serviceId: 's', slot: 2n, nodeId: 'n' });
  assert.equal(slotKey(slotOf(replicated, task)), 's#2');
  assert.equal(slotKey(slotOf(global, { ...task, slot: 0n })), 's@n');
});

test('a new task carries its service’s spec, without a copy', () => {
  const service = aService({
    spec: { endpoint: { ports: [{ targetPort: 80 }] }, annotations: { name: 'web' } },
    specVersion: { index: 7n },
  });
  const cluster = aCluster({ spec: { taskDefaults: { logDriver: { name: 'json-file' } } } });
  const task = newTask(service, { id: 't', now, slot: 4n, cluster });
  assert.equal(task.spec, service.spec?.task);
  assert.equal(task.serviceAnnotations, service.spec?.annotations);
  assert.equal(task.endpoint?.spec, service.spec?.endpoint);
  assert.deepEqual(
    [task.slot, task.specVersion?.index, task.logDriver?.name, task.desiredState, task.nodeId],
    [4n, 7n, 'json-file', TaskState.RUNNING, ''],
  );
  assert.deepEqual(
    [task.status?.state, task.status?.message, task.status?.timestamp],
    [TaskState.NEW, 'created', timestampFromMs(now)],
  );
  assert.equal(task.jobIteration, undefined);
});

test('the spec’s own log driver comes before the cluster’s; a job carries its iteration', () => {
  const service = aService({
    spec: {
      mode: { $case: 'globalJob', value: {} },
      task: { logDriver: { name: 'own' } },
    },
    jobStatus: { jobIteration: { index: 3n } },
  });
  const cluster = aCluster({ spec: { taskDefaults: { logDriver: { name: 'json-file' } } } });
  const task = newTask(service, {
    id: 't',
    now,
    nodeId: 'n',
    cluster,
    desiredState: TaskState.COMPLETE,
  });
  assert.deepEqual(
    [task.logDriver?.name, task.jobIteration?.index, task.nodeId, task.desiredState],
    ['own', 3n, 'n', TaskState.COMPLETE],
  );
});
