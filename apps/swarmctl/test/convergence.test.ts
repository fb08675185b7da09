import assert from 'node:assert/strict';
import test from 'node:test';
import { aNode, aService, aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Node, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability as Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  TaskState,
  UpdateStatus_UpdateState as Update,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { convergence } from '../progress/convergence.js';

const node = aNode({ id: 'n1' });
const nodes = [node, aNode({ id: 'n2' })];

const replicated = (replicas: bigint, rest: Partially<Service> = {}): Service =>
  aService({ ...rest, spec: { mode: { $case: 'replicated', value: { replicas } }, ...rest.spec } });

let version = 100n;
const task = (
  service: Service,
  slot: bigint,
  state: TaskState,
  rest: Partially<Task> & { readonly err?: string } = {},
): Task => {
  version += 1n;
  const { err = '', ...others } = rest;
  return aTaskOf(service, {
    slot,
    nodeId: 'n1',
    meta: { version: { index: version } },
    status: { state, err },
    ...others,
  });
};

const look = (service: Service, tasks: readonly Task[], on: readonly Node[] = nodes) =>
  convergence({ service, tasks, nodes: on });
const told = { desiredState: TaskState.SHUTDOWN };
const removed = { desiredState: TaskState.REMOVE };

test('a replicated service is done when every slot runs', () => {
  const service = replicated(2n);
  const one = task(service, 1n, TaskState.RUNNING);
  assert.deepEqual(look(service, []), {
    wanted: 2,
    running: 0,
    leaving: 0,
    abandoned: 2,
    isDone: false,
    reason: '',
  });
  const half = look(service, [one, task(service, 2n, TaskState.PREPARING)]);
  assert.deepEqual([half.running, half.abandoned, half.isDone], [1, 0, false]);
  assert.ok(look(service, [one, task(service, 2n, TaskState.RUNNING)]).isDone);
  assert.ok(
    look(service, [task(service, 5n, TaskState.RUNNING), task(service, 9n, TaskState.RUNNING)])
      .isDone,
    'the numbers of the slots do not matter',
  );
  assert.ok(look(replicated(0n), []).isDone);
});

test('two tasks in one slot are one', () => {
  const service = replicated(2n);
  const state = look(service, [
    task(service, 1n, TaskState.RUNNING),
    task(service, 1n, TaskState.RUNNING),
  ]);
  assert.deepEqual([state.running, state.isDone], [1, false]);
});

test('scaling down waits for those who leave, also before anyone told them', () => {
  const service = replicated(1n);
  const running = [1n, 2n, 3n].map((slot) => task(service, slot, TaskState.RUNNING));
  const before = look(service, running);
  assert.deepEqual([before.running, before.leaving, before.isDone], [1, 2, false]);
  const [first, second, third] = running as [Task, Task, Task];
  const leaving = look(service, [first, { ...second, ...removed }, { ...third, ...removed }]);
  assert.deepEqual([leaving.leaving, leaving.isDone], [2, false]);
  const gone = { ...third, ...removed, status: { ...third.status!, state: TaskState.SHUTDOWN } };
  assert.ok(look(service, [first, gone]).isDone);
});

test('a task on a node that is down is not waited for', () => {
  const service = replicated(1n);
  const down = aNode({ id: 'n2', status: { state: NodeStatus_State.DOWN } });
  const lost = task(service, 1n, TaskState.RUNNING, { ...told, nodeId: 'n2' });
  const fresh = task(service, 1n, TaskState.RUNNING);
  assert.ok(look(service, [lost, fresh], [node, down]).isDone);
  const gone = task(service, 1n, TaskState.RUNNING, { ...told, nodeId: 'removed' });
  assert.ok(look(service, [gone, fresh]).isDone);
  const alone = look(service, [{ ...lost, desiredState: TaskState.RUNNING }], [node, down]);
  assert.deepEqual([alone.running, alone.isDone], [0, false]);
});

test('an update is done when tasks of the new spec run and those of the old have stopped', () => {
  const old = replicated(2n);
  const service: Service = {
    ...old,
    spec: { ...old.spec!, task: { ...old.spec!.task!, forceUpdate: 1n } },
    specVersion: { index: 7n },
  };
  const first = task(old, 1n, TaskState.RUNNING);
  const second = task(old, 2n, TaskState.RUNNING);
  const start = look(service, [first, second]);
  assert.deepEqual([start.running, start.leaving, start.isDone], [0, 2, false]);
  const both = [task(service, 1n, TaskState.RUNNING), task(service, 2n, TaskState.RUNNING)];
  const stopping = look(service, [...both, { ...first, ...told }]);
  assert.deepEqual([stopping.running, stopping.leaving, stopping.isDone], [2, 1, false]);
  assert.ok(look(service, both).isDone);
});

test('an older spec version is no difference where the spec is the same', () => {
  const old = replicated(2n);
  const scaled = { ...replicated(3n), id: old.id, specVersion: { index: 9n } };
  const same = { ...scaled, spec: { ...scaled.spec!, task: old.spec!.task } };
  const tasks = [1n, 2n, 3n].map((slot) => task(old, slot, TaskState.RUNNING));
  assert.ok(look(same, tasks).isDone);
});

test('an update that is still watched is not done', () => {
  const tasks = (service: Service) => [task(service, 1n, TaskState.RUNNING)];
  const at = (state: Update): boolean => {
    const service = replicated(1n, { updateStatus: { state, message: '' } });
    return look(service, tasks(service)).isDone;
  };
  assert.equal(at(Update.UPDATING), false);
  assert.equal(at(Update.ROLLBACK_STARTED), false);
  assert.equal(at(Update.COMPLETED), true);
  assert.equal(at(Update.ROLLBACK_COMPLETED), true);
});

test('a global service wants one task on each node that may take it', () => {
  const service = aService({
    spec: {
      mode: { $case: 'global', value: {} },
      task: { placement: { constraints: ['node.labels.disk==ssd'] } },
    },
  });
  const ssd = { annotations: { labels: { disk: 'ssd' } } };
  const on = [
    aNode({ id: 'a', spec: ssd }),
    aNode({ id: 'other' }),
    aNode({ id: 'drained', spec: { ...ssd, availability: Availability.DRAIN } }),
    aNode({ id: 'paused', spec: { ...ssd, availability: Availability.PAUSE } }),
    aNode({ id: 'down', spec: ssd, status: { state: NodeStatus_State.DOWN } }),
    aNode({ id: 'unknown', spec: ssd, status: { state: NodeStatus_State.UNKNOWN } }),
  ];
  const taskOn = (nodeId: string, rest: Partially<Task> = {}): Task =>
    task(service, 0n, TaskState.RUNNING, { nodeId, ...rest });
  assert.deepEqual([look(service, [], on).wanted, look(service, [], on).isDone], [2, false]);
  assert.ok(look(service, [taskOn('a'), taskOn('unknown')], on).isDone);
  assert.ok(look(service, [taskOn('a'), taskOn('unknown'), taskOn('paused')], on).isDone);
  const drained = look(service, [taskOn('a'), taskOn('unknown'), taskOn('drained')], on);
  assert.deepEqual([drained.leaving, drained.isDone], [1, false]);
});

test('a global service that no node may take is done with nothing', () => {
  const service = aService({ spec: { mode: { $case: 'global', value: {} } } });
  const drained = aNode({ spec: { availability: Availability.DRAIN } });
  const state = look(service, [], [drained]);
  assert.deepEqual([state.wanted, state.isDone], [0, true]);
});

test('a paused node keeps its outdated task of a global service', () => {
  const old = aService({ spec: { mode: { $case: 'global', value: {} } } });
  const service = {
    ...old,
    spec: { ...old.spec!, task: { ...old.spec!.task!, forceUpdate: 1n } },
    specVersion: { index: 7n },
  };
  const paused = aNode({ id: 'n2', spec: { availability: Availability.PAUSE } });
  const state = look(
    service,
    [
      task(service, 0n, TaskState.RUNNING, { nodeId: 'n1' }),
      task(old, 0n, TaskState.RUNNING, { nodeId: 'n2' }),
    ],
    [node, paused],
  );
  assert.ok(state.isDone);
});

test('the reason is the newest of an unfilled slot, and goes when the slot is filled', () => {
  const service = replicated(2n);
  const failed = (slot: bigint, err: string) =>
    task(service, slot, TaskState.FAILED, { ...told, err });
  const first = failed(1n, 'exit 1');
  const second = failed(2n, 'exit\n2');
  const third = failed(1n, 'exit 3');
  const waiting = task(service, 2n, TaskState.READY, { desiredState: TaskState.READY });
  assert.equal(look(service, [third, first, second, waiting]).reason, 'Failed: exit 3');
  const recovered = task(service, 1n, TaskState.RUNNING);
  assert.equal(look(service, [first, second, third, waiting, recovered]).reason, 'Failed: exit 2');
  const all = [first, second, third, recovered, task(service, 2n, TaskState.RUNNING)];
  assert.equal(look(service, all).reason, '');
});

test('what went wrong under an older spec is no reason now', () => {
  const old = replicated(1n);
  const service = {
    ...old,
    spec: { ...old.spec!, task: { ...old.spec!.task!, forceUpdate: 1n } },
    specVersion: { index: 7n },
  };
  const state = look(service, [
    task(old, 1n, TaskState.REJECTED, { ...told, err: 'no such image' }),
    task(service, 1n, TaskState.PREPARING),
  ]);
  assert.equal(state.reason, '');
  const pending = task(service, 1n, TaskState.PENDING, { err: 'no suitable node', nodeId: '' });
  assert.equal(look(service, [pending]).reason, 'Pending: no suitable node');
});

test('slots that nobody works on are abandoned once nothing else is under way', () => {
  const service = replicated(2n);
  const ended = task(service, 1n, TaskState.FAILED, { err: 'exit 1' });
  const starting = task(service, 2n, TaskState.STARTING);
  assert.equal(look(service, [ended, starting]).abandoned, 0);
  const state = look(service, [ended, task(service, 2n, TaskState.RUNNING)]);
  assert.deepEqual([state.abandoned, state.reason], [1, 'Failed: exit 1']);
  const shut = look(service, [{ ...ended, ...told }, task(service, 2n, TaskState.RUNNING)]);
  assert.deepEqual([shut.abandoned, shut.reason], [1, 'Failed: exit 1']);
});

test('a job is done when enough tasks of its present run have completed', () => {
  const service = aService({
    spec: { mode: { $case: 'replicatedJob', value: { maxConcurrent: 1n, totalCompletions: 2n } } },
    jobStatus: { jobIteration: { index: 3n } },
  });
  const run = (index: bigint) => ({ jobIteration: { index }, desiredState: TaskState.COMPLETE });
  const former = [0n, 1n].map((slot) => task(service, slot, TaskState.COMPLETE, run(2n)));
  const begun = look(service, [...former, task(service, 0n, TaskState.RUNNING, run(3n))]);
  assert.deepEqual([begun.wanted, begun.running, begun.abandoned], [2, 0, 0]);
  const half = look(service, [task(service, 0n, TaskState.COMPLETE, run(3n))]);
  assert.deepEqual([half.running, half.abandoned, half.isDone], [1, 1, false]);
  const done = [0n, 1n].map((slot) => task(service, slot, TaskState.COMPLETE, run(3n)));
  assert.ok(look(service, [...former, ...done]).isDone);
  const failed = task(service, 1n, TaskState.FAILED, { ...run(3n), err: 'exit 9' });
  assert.equal(look(service, [done[0] as Task, failed]).reason, 'Failed: exit 9');
});

test('a global job completes on every node', () => {
  const service = aService({
    spec: { mode: { $case: 'globalJob', value: {} } },
    jobStatus: { jobIteration: { index: 0n } },
  });
  const on = (nodeId: string) =>
    task(service, 0n, TaskState.COMPLETE, {
      nodeId,
      jobIteration: { index: 0n },
      desiredState: TaskState.COMPLETE,
    });
  assert.equal(look(service, [on('n1')]).isDone, false);
  assert.ok(look(service, [on('n1'), on('n2')]).isDone);
});
