import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { anAttachment, aNetwork, aTask } from '@swarmkit/sdk/testkit/fixtures';
import {
  AssignmentChange_AssignmentAction,
  type AssignmentsMessage,
  AssignmentsMessage_Type,
  DispatcherService,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret, Volume } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import {
  ResourceType,
  TaskState,
  TaskStatus,
  VolumePublishStatus_State,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { settleMs } from '../core/settling.js';
import { type AgentCalls, anybody, Leader, OpenStream, taskOn, turns } from './leader.js';

const { PENDING, ASSIGNED, RUNNING, COMPLETE, SHUTDOWN } = TaskState;

/** `+task a`, `-secret s1`, in the message's order. */
export const changes = (message: AssignmentsMessage | undefined): string[] | undefined =>
  message?.changes.map(({ action, assignment }) => {
    const sign = action === AssignmentChange_AssignmentAction.REMOVE ? '-' : '+';
    return `${sign}${assignment?.item?.$case} ${assignment?.item?.value.id}`;
  });

/** A container that refers to these secrets and configs. */
const using = (...ids: string[]) => ({
  runtime: {
    $case: 'container' as const,
    value: {
      image: 'x',
      secrets: ids.filter((id) => id.startsWith('s')).map((secretId) => ({ secretId })),
      configs: ids.filter((id) => id.startsWith('c')).map((configId) => ({ configId })),
    },
  },
});

describe('assignments', () => {
  let leader: Leader;
  let agent: AgentCalls;
  let session: string;
  beforeEach(async () => {
    leader = new Leader().seed('n1', 'n2');
    leader.store.seed({
      secret: ['s1', 's2'].map((id) => Secret.create({ id, spec: { annotations: { name: id } } })),
      config: ['c1', 'c2'].map((id) => Config.create({ id, spec: { annotations: { name: id } } })),
    });
    agent = leader.agent('n1');
    session = (await agent.register()).last.sessionId;
  });
  afterEach(() => {
    leader.dispatcher.stop();
    assert.deepEqual(leader.faults, []);
  });

  it('begin with everything: tasks from ASSIGNED on, ended ones too, and what those up to RUNNING use', async () => {
    leader.put(
      taskOn('n1', { id: 'a', spec: using('s1', 'c1') }),
      taskOn('n1', { id: 'b', spec: using('s1'), status: { state: RUNNING } }),
      taskOn('n1', { id: 'ended', spec: using('s2', 'c2'), status: { state: COMPLETE } }),
      taskOn('n1', { id: 'pending', status: { state: PENDING } }),
      taskOn('n2', { id: 'elsewhere' }),
    );
    const message = await agent.assignments(session).next();
    assert.equal(message.type, AssignmentsMessage_Type.COMPLETE);
    assert.deepEqual([message.appliesTo, message.resultsIn], ['', '1']);
    assert.deepEqual(changes(message)?.sort(), [
      '+config c1',
      '+secret s1',
      '+task a',
      '+task b',
      '+task ended',
    ]);
  });

  it('go on in a chain of increments', async () => {
    const stream = agent.assignments(session);
    await stream.next();
    leader.put(taskOn('n1', { id: 'a' }));
    const first = await stream.next();
    leader.put(taskOn('n1', { id: 'b' }));
    const second = await stream.next();
    assert.deepEqual(
      [first, second].map(({ type, appliesTo, resultsIn }) => [type, appliesTo, resultsIn]),
      [
        [AssignmentsMessage_Type.INCREMENTAL, '1', '2'],
        [AssignmentsMessage_Type.INCREMENTAL, '2', '3'],
      ],
    );
    assert.deepEqual([changes(first), changes(second)], [['+task a'], ['+task b']]);
  });

  it('bring a container that was started by hand to its node, with its networks, and take it back', async () => {
    const stream = agent.assignments(session);
    await stream.next();
    const status = { state: PENDING };
    const network = aNetwork({ id: 'front' });
    leader.put(anAttachment('n1', ['front'], { id: 'a', status }));
    leader.put(anAttachment('n2', ['front'], { id: 'elsewhere' }));
    assert.equal(await stream.nextIfAny(), undefined);
    leader.changeTask('a', {
      status: TaskStatus.create({ state: ASSIGNED }),
      networks: [{ network, addresses: ['10.0.1.5/24'], aliases: [], driverAttachmentOpts: {} }],
    });
    const message = await stream.next();
    assert.deepEqual(changes(message), ['+task a']);
    const item = message.changes[0]?.assignment?.item;
    assert.deepEqual(
      item?.$case === 'task' && [
        item.value.spec?.runtime?.$case,
        item.value.networks[0]?.addresses,
      ],
      ['attachment', ['10.0.1.5/24']],
    );
    await agent.report(session, ['a', RUNNING]);
    assert.equal(leader.task('a').status?.state, RUNNING);
    leader.removeTask('a');
    assert.deepEqual(changes(await stream.next()), ['-task a']);
    // What its node still says of it is of no use to anybody.
    await agent.report(session, ['a', SHUTDOWN]);
  });

  it('bring it a moment after it was placed: its engine looks once for what its node has on the network', async () => {
    const placed = () => ({ state: ASSIGNED, appliedAt: timestampFromMs(leader.clock.now()) });
    const stream = agent.assignments(session);
    await stream.next();
    leader.put(anAttachment('n1', ['front'], { id: 'a', status: placed() }));
    leader.put(aTask({ id: 'other', nodeId: 'n1', status: placed() }));
    assert.deepEqual(changes(await stream.next()), ['+task other'], 'others do not wait for it');
    await leader.clock.advance(settleMs - 1);
    assert.equal(await stream.nextIfAny(), undefined);
    await leader.clock.advance(1);
    assert.deepEqual(changes(await stream.next()), ['+task a']);
    // A stream that begins waits for it: what its first message does not name is stopped.
    leader.put(anAttachment('n1', ['front'], { id: 'b', status: placed() }));
    const later = agent.assignments(session);
    assert.equal(await later.nextIfAny(), undefined);
    await leader.clock.advance(settleMs);
    assert.deepEqual(changes(await later.next())?.toSorted(), [
      '+task a',
      '+task b',
      '+task other',
    ]);
  });

  it('count for each stream by itself', async () => {
    leader.put(taskOn('n1', { id: 'a' }));
    const one = agent.assignments(session);
    await one.next();
    leader.changeTask('a', { desiredState: SHUTDOWN });
    assert.equal((await one.next()).resultsIn, '2');
    const two = agent.assignments(session);
    assert.equal((await two.next()).resultsIn, '1');
    leader.removeTask('a');
    assert.deepEqual([(await one.next()).resultsIn, (await two.next()).resultsIn], ['3', '2']);
  });

  it('say nothing of what the agent itself reports', async () => {
    leader.put(taskOn('n1', { id: 'a' }));
    const stream = agent.assignments(session);
    await stream.next();
    for (const state of [TaskState.ACCEPTED, TaskState.PREPARING, RUNNING])
      await agent.report(session, ['a', state]);
    assert.equal(await stream.nextIfAny(), undefined);
    leader.changeTask('a', { desiredState: SHUTDOWN });
    assert.deepEqual(changes(await stream.next()), ['+task a']);
  });

  it('say everything of a task that is not taken up yet', async () => {
    leader.put(taskOn('n1', { id: 'a' }));
    const stream = agent.assignments(session);
    await stream.next();
    leader.changeTask('a', { status: TaskStatus.create({ state: ASSIGNED, message: 'again' }) });
    assert.deepEqual(changes(await stream.next()), ['+task a']);
  });

  it('send a task when it reaches ASSIGNED', async () => {
    leader.put(taskOn('n1', { id: 'a', status: { state: PENDING } }));
    const stream = agent.assignments(session);
    assert.deepEqual(changes(await stream.next()), []);
    leader.changeTask('a', { status: TaskStatus.create({ state: ASSIGNED }) });
    assert.deepEqual(changes(await stream.next()), ['+task a']);
  });

  it('take back a deleted task by its id alone', async () => {
    leader.put(taskOn('n1', { id: 'a', serviceId: 'service' }));
    const stream = agent.assignments(session);
    await stream.next();
    leader.removeTask('a');
    const message = await stream.next();
    assert.deepEqual(changes(message), ['-task a']);
    const item = message.changes[0]?.assignment?.item;
    assert.ok(
      item?.$case === 'task' && item.value.serviceId === '' && item.value.spec === undefined,
    );
  });

  it('carry in one message what happens while another one is on its way', async () => {
    const sent: AssignmentsMessage[] = [];
    let arrive = (): void => undefined;
    const send = async (message: AssignmentsMessage): Promise<void> => {
      sent.push(message);
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
    };
    const end = new AbortController();
    const call = { peer: { nodeId: 'n1' }, signal: end.signal } as never;
    const streaming = leader.dispatcher.assignments(call, session, send);
    for (const id of ['a', 'b', 'c']) leader.put(taskOn('n1', { id }));
    leader.removeTask('b');
    await turns(3);
    assert.equal(sent.length, 1);
    arrive();
    await turns(3);
    assert.equal(sent.length, 2);
    assert.deepEqual(changes(sent[1]), ['+task a', '+task c']);
    arrive();
    end.abort();
    await streaming;
  });

  describe('of secrets and configs', () => {
    it('come before their task, once, and go with the last task that is not past RUNNING', async () => {
      const stream = agent.assignments(session);
      await stream.next();
      leader.put(taskOn('n1', { id: 'a', spec: using('s1', 'c1') }));
      assert.deepEqual(changes(await stream.next()), ['+secret s1', '+config c1', '+task a']);
      leader.put(taskOn('n1', { id: 'b', spec: using('s1', 's2') }));
      assert.deepEqual(changes(await stream.next()), ['+secret s2', '+task b']);
      await agent.report(session, ['a', COMPLETE]);
      assert.deepEqual(changes(await stream.next()), ['-config c1']);
      leader.removeTask('b');
      const last = await stream.next();
      assert.deepEqual(changes(last)?.sort(), ['-secret s1', '-secret s2', '-task b']);
      const secret = last.changes.find((change) => change.assignment?.item?.$case === 'secret');
      assert.deepEqual(secret?.assignment?.item, {
        $case: 'secret',
        value: Secret.create({ id: secret?.assignment?.item?.value.id ?? '' }),
      });
    });

    it('are not sent for a task that has ended', async () => {
      leader.put(taskOn('n1', { id: 'a', spec: using('s1'), status: { state: COMPLETE } }));
      const stream = agent.assignments(session);
      assert.deepEqual(changes(await stream.next()), ['+task a']);
    });

    it('may be named by generic resource references', async () => {
      const stream = agent.assignments(session);
      await stream.next();
      const resourceReferences = [
        { resourceId: 's1', resourceType: ResourceType.SECRET },
        { resourceId: 'c1', resourceType: ResourceType.CONFIG },
      ];
      leader.put(taskOn('n1', { id: 'a', spec: { ...using(), resourceReferences } }));
      assert.deepEqual(changes(await stream.next()), ['+secret s1', '+config c1', '+task a']);
    });

    it('that do not exist hold nothing back', async () => {
      const stream = agent.assignments(session);
      await stream.next();
      leader.put(taskOn('n1', { id: 'a', spec: using('s9') }));
      assert.deepEqual(changes(await stream.next()), ['+task a']);
      leader.store.seed({ secret: [Secret.create({ id: 's9' })] });
      leader.changeTask('a', { desiredState: RUNNING + 1 });
      assert.deepEqual(changes(await stream.next()), ['+secret s9', '+task a']);
    });
  });

  describe('of volumes', () => {
    const put = (state: VolumePublishStatus_State | undefined) =>
      leader.store.updateNow(anybody, (draft) => {
        const publishStatus =
          state === undefined
            ? []
            : [{ nodeId: 'n1', state, publishContext: { at: 'x' }, message: '' }];
        const before = draft.get('volume', 'v1');
        if (before === undefined)
          draft.create(
            'volume',
            Volume.fromPartial({ id: 'v1', spec: { annotations: { name: 'v1' } }, publishStatus }),
          );
        else draft.update('volume', { ...before, publishStatus });
      });
    const { PUBLISHED, PENDING_NODE_UNPUBLISH, PENDING_UNPUBLISH } = VolumePublishStatus_State;

    it('come when published and go when to be unpublished, which the agent answers', async () => {
      const stream = agent.assignments(session);
      await stream.next();
      put(PUBLISHED);
      const message = await stream.next();
      assert.deepEqual(changes(message), ['+volume v1']);
      const item = message.changes[0]?.assignment?.item;
      assert.deepEqual(item?.$case === 'volume' && { ...item.value.publishContext }, { at: 'x' });
      put(PENDING_NODE_UNPUBLISH);
      assert.deepEqual(changes(await stream.next()), ['-volume v1']);
      await agent.connection.unary(DispatcherService.updateVolumeStatus, {
        sessionId: session,
        updates: [{ id: 'v1', unpublished: true }],
      });
      const volume = leader.store.view().get('volume', 'v1');
      assert.equal(volume?.publishStatus[0]?.state, PENDING_UNPUBLISH);
    });

    it('are in the first message when they are published', async () => {
      put(PUBLISHED);
      assert.deepEqual(changes(await agent.assignments(session).next()), ['+volume v1']);
    });
  });

  it('have an older form, the whole list of tasks', async () => {
    leader.put(taskOn('n1', { id: 'a' }));
    const stream = new OpenStream((signal) =>
      agent.connection.serverStream(DispatcherService.tasks, { sessionId: session }, { signal }),
    );
    assert.deepEqual(
      (await stream.next()).tasks.map(({ id }) => id),
      ['a'],
    );
    leader.put(taskOn('n1', { id: 'b' }));
    assert.deepEqual((await stream.next()).tasks.map(({ id }) => id).sort(), ['a', 'b']);
    stream.close();
  });
});
