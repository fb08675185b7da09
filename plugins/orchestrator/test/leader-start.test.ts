import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationFromMs, timestampFromMs } from '@swarmkit/sdk/model/time';
import {
  anAttachment,
  aTask,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import {
  NodeStatus_State,
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { replicas, Swarm } from './swarm.js';

/** What the first run of a new leader does with what it finds. */

const global = { mode: { $case: 'global', value: {} } } as const;

function found(
  swarm: Swarm,
  service: Service,
  ...tasks: (Partially<Task> & { readonly agoMs?: number })[]
): void {
  swarm.store.seed({
    task: tasks.map(({ agoMs = 60_000, ...overrides }) => {
      const at = timestampFromMs(fixtureTime - agoMs);
      const task = aTaskOf(service, { meta: { createdAt: at }, ...overrides });
      return { ...task, status: { ...task.status!, timestamp: at, appliedAt: at } };
    }),
  });
}

test('a rejected task that waited is stopped, and replaced by one that waits', () => {
  const swarm = new Swarm('a');
  const service = swarm.addService('web', replicas(1));
  found(swarm, service, {
    id: 'rejected',
    nodeId: 'a',
    desiredState: TaskState.READY,
    status: { state: TaskState.REJECTED },
  });
  swarm.run();
  assert.equal(swarm.task('rejected').desiredState, TaskState.SHUTDOWN);
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
});

test('a failed task is replaced, a healthy one is not touched', () => {
  const swarm = new Swarm('a');
  const service = swarm.addService('web', replicas(2));
  found(
    swarm,
    service,
    { id: 'failed', nodeId: 'a', status: { state: TaskState.FAILED } },
    { id: 'healthy', nodeId: 'a', slot: 2n },
  );
  swarm.run();
  assert.equal(swarm.inSlot('web', 2).id, 'healthy');
  assert.equal(swarm.inSlot('web', 1).desiredState, TaskState.READY);
});

test('a running task on a dead node is replaced', () => {
  const swarm = new Swarm('a');
  swarm.setNodeState('a', NodeStatus_State.DOWN);
  const service = swarm.addService('web', replicas(1));
  found(swarm, service, { id: 'lost', nodeId: 'a' });
  swarm.run();
  assert.equal(swarm.task('lost').desiredState, TaskState.SHUTDOWN);
  assert.notEqual(swarm.inSlot('web', 1).id, 'lost');
});

test('what is left of a restart delay is kept', () => {
  const swarm = new Swarm('a');
  const service = swarm.addService('web', {
    ...replicas(1),
    task: { restart: { condition: Condition.ANY, delay: durationFromMs(10_000) } },
  });
  found(
    swarm,
    service,
    { desiredState: TaskState.SHUTDOWN, status: { state: TaskState.FAILED } },
    {
      id: 'waiting',
      agoMs: 6000,
      desiredState: TaskState.READY,
      status: { state: TaskState.READY },
    },
  );
  assert.equal(swarm.run().wakeAt, swarm.now + 4000);
  assert.equal(swarm.task('waiting').desiredState, TaskState.READY);
  swarm.advance(4000);
  assert.equal(swarm.task('waiting').desiredState, TaskState.RUNNING);
});

test('tasks of a service that is gone are to be removed; tasks of no service are left alone', () => {
  const swarm = new Swarm('a');
  swarm.store.seed({
    task: [
      aTask({ id: 'orphan', serviceId: 'gone' }),
      anAttachment('a', ['front'], { id: 'attachment' }),
    ],
  });
  swarm.run();
  assert.equal(swarm.task('orphan').desiredState, TaskState.REMOVE);
  assert.equal(swarm.task('attachment').desiredState, TaskState.RUNNING);
});

test('containers that were started by hand are left alone, also where their node is drained, down or gone', () => {
  const swarm = new Swarm('drained', 'down');
  swarm.addService('everywhere', global);
  swarm.setAvailability('drained', NodeSpec_Availability.DRAIN);
  swarm.setNodeState('down', NodeStatus_State.DOWN);
  const nodes = ['drained', 'down', 'gone'];
  swarm.store.seed({ task: nodes.map((id) => anAttachment(id, ['front'], { id: `on-${id}` })) });
  swarm.run();
  swarm.removeNode('down');
  swarm.run();
  const { RUNNING, ORPHANED } = TaskState;
  for (const id of nodes) {
    const task = swarm.task(`on-${id}`);
    assert.equal(task.desiredState, RUNNING);
    assert.equal(task.status?.state, id === 'down' ? ORPHANED : RUNNING);
  }
});

test('global: of two live tasks on a node one is stopped', () => {
  const swarm = new Swarm('a', 'b');
  const service = swarm.addService('agent', global);
  found(
    swarm,
    service,
    { nodeId: 'a', status: { state: TaskState.STARTING } },
    { id: 'best', nodeId: 'a' },
    { nodeId: 'b' },
  );
  swarm.run();
  assert.deepEqual(
    swarm.onNode('agent', 'a').map((task) => task.id),
    ['best'],
  );
  assert.equal(swarm.onNode('agent', 'b').length, 1);
  assert.equal(swarm.updateState('agent'), 'none');
});

test('global: only the service that needs it is touched', () => {
  const swarm = new Swarm('a');
  const fine = swarm.addService('fine', global);
  const failed = swarm.addService('failed', global);
  found(swarm, fine, { id: 'healthy', nodeId: 'a' });
  found(swarm, failed, { nodeId: 'a', status: { state: TaskState.FAILED } });
  swarm.run();
  assert.equal(swarm.onNode('fine', 'a')[0]?.id, 'healthy');
  assert.equal(swarm.onNode('failed', 'a')[0]?.desiredState, TaskState.READY);
});

test('global: tasks on drained nodes are stopped and not replaced, those on unknown ones removed', () => {
  const swarm = new Swarm('drained');
  swarm.setAvailability('drained', NodeSpec_Availability.DRAIN);
  const service = swarm.addService('agent', global);
  found(
    swarm,
    service,
    { id: 'onDrained', nodeId: 'drained' },
    { id: 'onNothing', nodeId: 'nothing' },
    { id: 'nowhere' },
  );
  swarm.run();
  assert.deepEqual(swarm.live('agent'), []);
  assert.equal(swarm.task('onDrained').desiredState, TaskState.SHUTDOWN);
  assert.equal(swarm.task('onNothing').desiredState, TaskState.REMOVE);
  assert.equal(swarm.task('nowhere').desiredState, TaskState.SHUTDOWN);
});

for (const [name, mode, slot] of [
  ['replicated', replicas(1), 1n],
  ['global', global, 0n],
] as const)
  test(`${name}: attempts are counted from the tasks that are there`, () => {
    const swarm = new Swarm('a');
    const limited = (window?: number) => ({
      ...mode,
      task: {
        restart: {
          condition: Condition.ANY,
          maxAttempts: 2n,
          ...(window === undefined ? {} : { window: durationFromMs(window) }),
        },
      },
    });
    const ended = { slot, nodeId: 'a', desiredState: TaskState.SHUTDOWN } as const;
    const failed = { ...ended, status: { state: TaskState.FAILED } } as const;
    const last = { slot, nodeId: 'a', status: { state: TaskState.FAILED } } as const;
    const history = (id: string, window?: number, version = 1n): void => {
      const service = swarm.addService(id, limited(window));
      const of = { specVersion: { index: version } };
      found(
        swarm,
        service,
        { ...failed, ...of, agoMs: 30_000 },
        { ...failed, ...of, agoMs: 20_000 },
        { ...last, agoMs: 10_000 },
      );
      // The last one failed just now.
      const task = swarm.live(id)[0]!;
      swarm.observe(task.id, TaskState.FAILED);
    };
    history('usedUp');
    history('windowPassed', 15_000);
    history('windowNotPassed', 25_000);
    history('otherVersion', undefined, 0n);
    swarm.run();
    assert.equal(swarm.live('usedUp').length, 0);
    assert.equal(swarm.live('windowPassed').length, 1);
    assert.equal(swarm.live('windowNotPassed').length, 0);
    assert.equal(swarm.live('otherVersion').length, 1);
  });
