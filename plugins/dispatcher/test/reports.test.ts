import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import { DispatcherService } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState, TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { taskAfterReport } from '../core/status-report.js';
import { StatusQueue } from '../shell/status-queue.js';
import { type AgentCalls, Leader, refusal, taskOn, unavailable } from './leader.js';

const { ASSIGNED, PREPARING, RUNNING, FAILED, COMPLETE } = TaskState;

describe('a report', () => {
  let leader: Leader;
  let agent: AgentCalls;
  let session: string;
  beforeEach(async () => {
    leader = new Leader().seed('n1', 'n2');
    leader.put(
      taskOn('n1', { id: 'a' }),
      taskOn('n1', { id: 'b' }),
      taskOn('n2', { id: 'foreign' }),
    );
    agent = leader.agent('n1');
    session = (await agent.register()).last.sessionId;
  });
  afterEach(() => leader.dispatcher.stop());
  const state = (id: string) => TaskState[leader.task(id).status?.state ?? 0];

  it('becomes the task’s status, stamped by this leader', async () => {
    const status = TaskStatus.fromPartial({
      state: FAILED,
      message: 'started',
      err: 'task: non-zero exit (1)',
      timestamp: timestampFromMs(5),
      runtimeStatus: { $case: 'container', value: { containerId: 'c', pid: 7, exitCode: 1 } },
      appliedBy: 'somebody else',
    });
    await leader.clock.advance(1_000);
    await agent.report(session, ['a', status]);
    assert.deepEqual(leader.task('a').status, {
      ...status,
      appliedBy: 'leader',
      appliedAt: timestampFromMs(leader.clock.now()),
    });
  });

  it('is ignored when it is lower, taken when it is equal, and not written when it is the same', async () => {
    await agent.report(session, ['a', RUNNING]);
    const commits = leader.store.commits.length;
    await agent.report(session, ['a', PREPARING]);
    await agent.report(session, ['a', RUNNING]);
    assert.equal(leader.store.commits.length, commits);
    await agent.report(session, ['a', TaskStatus.create({ state: RUNNING, err: 'busy' })]);
    assert.equal(leader.task('a').status?.err, 'busy');
    assert.equal(leader.store.commits.length, commits + 1);
  });

  it('of a task of another node is refused whole', async () => {
    assert.equal(
      await refusal(agent.report(session, ['a', RUNNING], ['foreign', RUNNING])),
      'permission-denied: cannot update a task not assigned this node',
    );
    assert.deepEqual([state('a'), state('foreign')], ['ASSIGNED', 'ASSIGNED']);
  });

  it('of an unknown task, or without a status, is passed over', async () => {
    await agent.connection.unary(DispatcherService.updateTaskStatus, {
      sessionId: session,
      updates: [
        { taskId: 'never heard of', status: TaskStatus.create({ state: RUNNING }) },
        { taskId: 'a', status: undefined },
        { taskId: 'b', status: TaskStatus.create({ state: RUNNING }) },
      ],
    });
    assert.deepEqual([state('a'), state('b')], ['ASSIGNED', 'RUNNING']);
  });

  it('of a task that is deleted before it is written is passed over', async () => {
    const reported = agent.report(session, ['a', RUNNING], ['b', RUNNING]);
    leader.removeTask('a');
    await reported;
    assert.equal(state('b'), 'RUNNING');
  });

  it('that cannot be written is refused, and the next one is not', async () => {
    leader.store.refuseNext(unavailable);
    assert.equal(await refusal(agent.report(session, ['a', RUNNING])), 'unavailable: no quorum');
    assert.equal(await refusal(agent.report(session)), 'no refusal');
    await agent.report(session, ['a', RUNNING]);
    assert.equal(state('a'), 'RUNNING');
  });
});

describe('the queue of reports', () => {
  const status = (state: TaskState) => TaskStatus.create({ state });
  const open = () => {
    const leader = new Leader().seed();
    leader.put(...['a', 'b', 'c'].map((id) => taskOn('n1', { id })));
    const writes: (() => void)[] = [];
    const { store } = leader;
    // A store whose writes commit when told to.
    const slow = {
      update: async (...args: Parameters<typeof store.update>) => {
        await new Promise<void>((resolve) => writes.push(resolve));
        return store.update(...args);
      },
    };
    const writer = { id: 'dispatcher', writes: ['task.observed'] } as const;
    const queue = new StatusQueue(slow as never, leader.env, writer, 'leader');
    return { leader, queue, writes };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('answers when the write is committed, and writes once for all that came meanwhile', async () => {
    const { leader, queue, writes } = open();
    const answered: string[] = [];
    const add = (name: string, ...reports: [string, TaskStatus][]) =>
      void queue.add(reports).then(() => answered.push(name));
    add('first', ['a', status(PREPARING)]);
    await turn();
    assert.equal(writes.length, 1);
    add('second', ['a', status(RUNNING)], ['b', status(RUNNING)]);
    add('third', ['b', status(COMPLETE)], ['c', status(RUNNING)]);
    await turn();
    assert.deepEqual([writes.length, answered], [1, []]);
    writes[0]?.();
    await turn();
    assert.deepEqual([writes.length, answered], [2, ['first']]);
    writes[1]?.();
    await turn();
    assert.deepEqual(answered, ['first', 'second', 'third']);
    assert.deepEqual(
      ['a', 'b', 'c'].map((id) => TaskState[leader.task(id).status?.state ?? 0]),
      ['RUNNING', 'COMPLETE', 'RUNNING'],
    );
    assert.equal(leader.store.commits.length, 3);
  });

  it('does not let a report that was overtaken take the place of the end of a task', async () => {
    const { leader, queue, writes } = open();
    void queue.add([['b', status(RUNNING)]]);
    await turn();
    const end = queue.add([['a', status(FAILED)]]);
    const late = queue.add([['a', status(RUNNING)]]);
    writes[0]?.();
    await turn();
    writes[1]?.();
    await Promise.all([end, late]);
    assert.equal(leader.task('a').status?.state, FAILED);
  });

  it('is bounded', async () => {
    const { queue } = open();
    const many = Array.from({ length: StatusQueue.bound }, (_, i): [string, TaskStatus] => [
      `t${i}`,
      status(RUNNING),
    ]);
    void queue.add([['a', status(RUNNING)]]);
    await turn();
    void queue.add(many);
    assert.throws(() => queue.add([['one more', status(RUNNING)]]), /too many status reports/);
  });
});

it('a status never goes back, and ASSIGNED may be said again', () => {
  const task = taskOn('n1', { status: { state: RUNNING } });
  const after = (state: TaskState) =>
    taskAfterReport(task, TaskStatus.create({ state, message: 'x' }), 'me', timestampFromMs(1))
      ?.status?.state;
  assert.equal(after(ASSIGNED), undefined);
  assert.equal(after(RUNNING), RUNNING);
  assert.equal(after(FAILED), FAILED);
});

it('the end of a task is final, and may be told in more detail', () => {
  const task = taskOn('n1', { status: { state: COMPLETE } });
  const after = (state: TaskState) =>
    taskAfterReport(task, TaskStatus.create({ state, message: 'x' }), 'me', timestampFromMs(1))
      ?.status?.message;
  assert.equal(after(COMPLETE), 'x');
  assert.equal(after(TaskState.SHUTDOWN), undefined);
  assert.equal(after(FAILED), undefined);
});

it('since when a task runs is stamped by the leader, once, and outlives the run', () => {
  const at = (ms: number) => timestampFromMs(ms);
  const report = (task: Task, state: TaskState, ms: number) =>
    taskAfterReport(task, TaskStatus.create({ state, runningSince: at(7) }), 'me', at(ms));
  const starting = aTask({ status: { state: TaskState.STARTING } });
  const running = report(starting, TaskState.RUNNING, 100)!;
  assert.deepEqual(running.status?.runningSince, at(100));
  assert.equal(report(running, TaskState.RUNNING, 200), undefined, 'nothing new');
  const failed = report(running, TaskState.FAILED, 300)!;
  assert.deepEqual(failed.status?.runningSince, at(100));
  assert.deepEqual(failed.status?.appliedAt, at(300));
  assert.equal(report(starting, TaskState.FAILED, 300)?.status?.runningSince, undefined);
});
