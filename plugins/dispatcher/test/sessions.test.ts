import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { durationToMs } from '@swarmkit/sdk/model/time';
import { anAttachment, aNode } from '@swarmkit/sdk/testkit/fixtures';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { AgentCalls, describing, Leader, refusal, taskOn, turns, unavailable } from './leader.js';

const hourMs = 3_600_000;

describe('registration', () => {
  let leader: Leader;
  let agent: AgentCalls;
  beforeEach(() => {
    leader = new Leader().seed('n1', 'n2');
    leader.dispatcher.start();
    agent = leader.agent('n1');
  });
  afterEach(() => {
    leader.dispatcher.stop();
    assert.deepEqual(leader.faults, []);
  });

  it('makes the node READY, with its address and its description, before it answers', async () => {
    const session = await agent.register('', describing('alpha'));
    assert.equal(leader.nodeState('n1'), 'READY');
    assert.equal(leader.node('n1').status?.addr, '192.168.7.7');
    assert.equal(leader.node('n1').description?.hostname, 'alpha');
    assert.match(session.last.sessionId, /^[0-9a-z]{25}$/);
    assert.equal(session.last.node?.id, 'n1');
    assert.equal(session.last.RootCA.toString(), 'roots');
    assert.deepEqual(
      session.last.managers.map(({ peer, weight }) => [peer?.nodeId, peer?.addr, weight]),
      [['leader', '10.0.0.1:4242', 10n]],
    );
  });

  it('on the socket takes this manager’s own address', async () => {
    leader.members[0] = { ...leader.members[0]!, nodeId: 'n1', address: '[fd00::1]:4242' };
    const local = leader.network.client({ nodeId: 'n1' }).connect('unix:/leader');
    await new AgentCalls(local).register();
    assert.equal(leader.node('n1').status?.addr, 'fd00::1');
    leader.members[0] = { ...leader.members[0]!, nodeId: 'n2', address: '0.0.0.0:4242' };
    await new AgentCalls(
      leader.network.client({ nodeId: 'n2' }).connect('unix:/leader'),
    ).register();
    assert.equal(leader.node('n2').status?.addr, '127.0.0.1');
  });

  it('is refused to a node that is not in the store', async () => {
    assert.equal(await refusal(leader.agent('stranger').register()), 'unknown: node not found');
  });

  it('fails when it cannot be written', async () => {
    leader.store.refuseNext(unavailable);
    assert.equal(await refusal(agent.register()), 'unavailable: no quorum');
    assert.equal(leader.nodeState('n1'), 'DOWN');
    await agent.register();
    assert.equal(leader.nodeState('n1'), 'READY');
  });

  it('goes on with the session that is named, and counts it for nothing', async () => {
    const { sessionId } = (await agent.register()).last;
    for (let i = 0; i < 10; i++)
      assert.equal((await agent.register(sessionId)).last.sessionId, sessionId);
    await agent.heartbeat(sessionId);
  });

  it('costs no write when nothing is new', async () => {
    const { sessionId } = (await agent.register('', describing('alpha'))).last;
    const commits = leader.store.commits.length;
    await agent.register(sessionId, describing('alpha'));
    assert.equal(leader.store.commits.length, commits);
    await agent.register(sessionId, describing('beta'));
    assert.equal(leader.store.commits.length, commits + 1);
  });

  it('replaces the session before, whose streams end', async () => {
    const first = await agent.register();
    const stream = agent.assignments(first.last.sessionId);
    await stream.next();
    const second = await agent.register('another');
    assert.notEqual(second.last.sessionId, first.last.sessionId);
    assert.equal(await refusal(first.next()), 'aborted: node must disconnect');
    assert.equal(await refusal(stream.next()), 'aborted: node must disconnect');
    assert.equal(
      await refusal(agent.heartbeat(first.last.sessionId)),
      'invalid-argument: session invalid',
    );
    await agent.heartbeat(second.last.sessionId);
  });

  it('is limited to three in eight seconds', async () => {
    const text = 'unavailable: node n1 exceeded rate limit count of registrations';
    for (let i = 0; i < 3; i++) await agent.register();
    assert.equal(await refusal(agent.register()), text);
    await leader.agent('n2').register();
    await leader.clock.advance(8_000);
    assert.equal(await refusal(agent.register()), text);
    await leader.clock.advance(1);
    await agent.register();
  });

  it('comes before everything else', async () => {
    const refusals = await Promise.all([
      refusal(agent.heartbeat('x')),
      refusal(agent.assignments('x').next()),
      refusal(agent.report('x')),
    ]);
    assert.deepEqual(refusals, Array(3).fill('not-found: node not registered'));
    await agent.register();
    assert.equal(await refusal(agent.heartbeat('')), 'invalid-argument: session invalid');
  });

  it('ends with the leader', async () => {
    const session = await agent.register();
    const stream = agent.assignments(session.last.sessionId);
    await stream.next();
    leader.dispatcher.stop();
    assert.equal(await refusal(session.next()), 'aborted: node must disconnect');
    assert.equal(await refusal(stream.next()), 'aborted: node must disconnect');
    const stopped = 'aborted: dispatcher is stopped';
    assert.equal(await refusal(agent.heartbeat(session.last.sessionId)), stopped);
    assert.equal(await refusal(agent.register()), stopped);
    await leader.clock.advance(hourMs);
    assert.equal(leader.nodeState('n1'), 'READY');
  });
});

describe('a session', () => {
  let leader: Leader;
  let agent: AgentCalls;
  beforeEach(() => {
    leader = new Leader().seed('n1', 'n2');
    leader.dispatcher.start();
    agent = leader.agent('n1');
  });
  afterEach(() => leader.dispatcher.stop());

  it('tells the agent what changes of its node, the root and the keys', async () => {
    const session = await agent.register();
    leader.changeNode('n1', (node) => ({ ...node, attachment: undefined, role: 1 }));
    assert.equal((await session.next()).node?.role, 1);
    leader.changeCluster((cluster) => ({
      ...cluster,
      rootCa: { ...cluster.rootCa!, caCert: Buffer.from('new roots') },
    }));
    assert.equal((await session.next()).RootCA.toString(), 'new roots');
    leader.changeCluster((cluster) => ({
      ...cluster,
      networkBootstrapKeys: [
        {
          subsystem: 'networking:gossip',
          algorithm: 0,
          key: Buffer.of(1),
          lamportTime: 1n,
          madeAt: undefined,
        },
      ],
    }));
    assert.equal((await session.next()).networkBootstrapKeys.length, 1);
  });

  it('does not echo what the dispatcher writes, nor tell of others', async () => {
    const session = await agent.register('', describing('alpha'));
    await agent.register(session.last.sessionId, describing('beta'));
    await leader.agent('n2').register();
    leader.changeNode('n2', (node) => ({ ...node, role: 1 }));
    leader.changeCluster((cluster) => ({
      ...cluster,
      spec: { ...cluster.spec!, orchestration: undefined },
    }));
    assert.equal(await session.nextIfAny(), undefined);
  });

  it('ends when the node is removed', async () => {
    const session = await agent.register();
    leader.store.updateNow({ id: 'test', writes: ['any'] }, (draft) => draft.remove('node', 'n1'));
    assert.equal(await refusal(session.next()), 'aborted: node must disconnect');
    assert.equal(await refusal(agent.register()), 'unknown: node not found');
  });
});

describe('heartbeats', () => {
  let leader: Leader;
  let agent: AgentCalls;
  beforeEach(() => {
    leader = new Leader().seed('n1');
    leader.dispatcher.start();
    agent = leader.agent('n1');
  });
  afterEach(() => {
    leader.dispatcher.stop();
    assert.deepEqual(leader.faults, []);
  });
  const period = async (sessionId: string) =>
    durationToMs((await agent.heartbeat(sessionId)).period) ?? 0;

  it('are asked for every 5 s, give or take half a second', async () => {
    const { sessionId } = (await agent.register()).last;
    const periods: number[] = [];
    for (let i = 0; i < 200; i++) periods.push(await period(sessionId));
    assert.ok(Math.min(...periods) >= 4_500 && Math.min(...periods) < 4_600);
    assert.ok(Math.max(...periods) <= 5_500 && Math.max(...periods) > 5_400);
  });

  it('are asked for as the cluster says, from the next one on', async () => {
    const { sessionId } = (await agent.register()).last;
    leader.changeCluster((cluster) => ({
      ...cluster,
      spec: { ...cluster.spec!, dispatcher: { heartbeatPeriod: { seconds: 60n, nanos: 0 } } },
    }));
    assert.ok((await period(sessionId)) >= 59_500);
  });

  it('that stay away for three periods mean DOWN, at that instant and not before', async () => {
    const session = await agent.register();
    const stream = agent.assignments(session.last.sessionId);
    await stream.next();
    await leader.clock.advance(7_000);
    const due = 3 * (await period(session.last.sessionId));
    await leader.clock.advance(due - 1);
    assert.equal(leader.nodeState('n1'), 'READY');
    await leader.clock.advance(1);
    assert.equal(leader.nodeState('n1'), 'DOWN');
    assert.equal(leader.node('n1').status?.message, 'heartbeat failure');
    assert.equal(leader.node('n1').status?.addr, '192.168.7.7');
    assert.equal(await refusal(session.next()), 'aborted: node must disconnect');
    assert.equal(await refusal(stream.next()), 'aborted: node must disconnect');
    assert.equal(
      await refusal(agent.heartbeat(session.last.sessionId)),
      'not-found: node not registered',
    );
    await agent.register(session.last.sessionId);
    assert.equal(leader.nodeState('n1'), 'READY');
    assert.equal(leader.node('n1').status?.message, '');
  });

  it('are waited for from the registration on', async () => {
    await agent.register();
    await leader.clock.advance(14_999);
    assert.equal(leader.nodeState('n1'), 'READY');
    await leader.clock.advance(1);
    assert.equal(leader.nodeState('n1'), 'DOWN');
  });

  it('keep a node READY, whatever becomes of its session stream', async () => {
    const session = await agent.register();
    session.close();
    for (let i = 0; i < 20; i++) {
      await leader.clock.advance(5_000);
      await agent.heartbeat(session.last.sessionId);
    }
    assert.equal(leader.nodeState('n1'), 'READY');
  });

  it('whose absence cannot be written down at first is written later', async () => {
    await agent.register();
    await leader.clock.advance(14_999);
    leader.store.refuseNext(unavailable);
    await leader.clock.advance(1);
    assert.equal(leader.nodeState('n1'), 'READY');
    await leader.clock.advance(1_000);
    assert.equal(leader.nodeState('n1'), 'DOWN');
  });

  it('and is not written at all when the node is back by then', async () => {
    const session = await agent.register();
    await leader.clock.advance(14_999);
    leader.store.refuseNext(unavailable);
    await leader.clock.advance(500);
    await agent.register(session.last.sessionId);
    await leader.clock.advance(5_000);
    assert.equal(leader.nodeState('n1'), 'READY');
  });
});

describe('a new leader', () => {
  const lead = (states: Record<string, NodeStatus_State>) => {
    const leader = new Leader().seed();
    leader.store.seed({
      node: Object.entries(states).map(([id, state]) => aNode({ id, status: { state } })),
    });
    return leader;
  };
  const { READY, DOWN, UNKNOWN } = NodeStatus_State;

  it('knows nobody, and waits six periods', async () => {
    const leader = lead({ a: READY, b: READY, c: DOWN, d: UNKNOWN });
    const commits = leader.store.commits.length;
    leader.dispatcher.start();
    await turns(5);
    assert.equal(leader.store.commits.length, commits + 1);
    const states = () => ['a', 'b', 'c', 'd'].map((id) => leader.nodeState(id));
    assert.deepEqual(states(), ['UNKNOWN', 'UNKNOWN', 'DOWN', 'UNKNOWN']);
    assert.equal(
      leader.node('a').status?.message,
      'Node moved to "unknown" state due to leadership change in cluster',
    );
    const session = await leader.agent('a').register('the old leader’s session');
    await leader.clock.advance(10_000);
    await leader.agent('a').heartbeat(session.last.sessionId);
    await leader.clock.advance(10_000);
    await leader.agent('a').heartbeat(session.last.sessionId);
    await leader.clock.advance(9_999);
    await leader.agent('a').heartbeat(session.last.sessionId);
    assert.deepEqual(states(), ['READY', 'UNKNOWN', 'DOWN', 'UNKNOWN']);
    await leader.clock.advance(1);
    assert.deepEqual(states(), ['READY', 'DOWN', 'DOWN', 'DOWN']);
    assert.equal(leader.node('b').status?.message, 'heartbeat failure for node in "unknown" state');
    leader.dispatcher.stop();
  });

  it('tells an agent of the time before that its session is not valid', async () => {
    const leader = lead({ a: READY });
    leader.dispatcher.start();
    await turns(5);
    assert.equal(
      await refusal(leader.agent('a').heartbeat('the old one')),
      'invalid-argument: session invalid',
    );
    leader.dispatcher.stop();
  });

  it('does not overwrite who came while it could not write', async () => {
    const leader = lead({ a: READY, b: READY });
    leader.store.refuseNext(unavailable);
    leader.dispatcher.start();
    await leader.agent('a').register();
    await leader.clock.advance(1_000);
    assert.deepEqual([leader.nodeState('a'), leader.nodeState('b')], ['READY', 'UNKNOWN']);
    leader.dispatcher.stop();
  });
});

describe('tasks of a node that is DOWN', () => {
  const { ASSIGNED, RUNNING, COMPLETE, PENDING, ORPHANED } = TaskState;
  const lead = () => {
    const leader = new Leader().seed('n1', 'n2');
    leader.put(
      taskOn('n1', { id: 'assigned', status: { state: ASSIGNED } }),
      taskOn('n1', { id: 'running', status: { state: RUNNING, message: 'started' } }),
      taskOn('n1', { id: 'ended', status: { state: COMPLETE } }),
      taskOn('n1', { id: 'pending', status: { state: PENDING } }),
      taskOn('n2', { id: 'elsewhere', status: { state: RUNNING } }),
      anAttachment('n1', ['front'], { id: 'by-hand' }),
    );
    return leader;
  };
  const stateOf = (leader: Leader, id: string) => TaskState[leader.task(id).status?.state ?? 0];

  it('are given up after 24 hours, at that instant', async () => {
    const leader = lead();
    leader.dispatcher.start();
    await leader.agent('n1').register();
    await leader.clock.advance(hourMs);
    // This one is lost an hour later.
    await leader.agent('n2').register();
    await leader.clock.advance(23 * hourMs + 15_000 - 1);
    assert.equal(stateOf(leader, 'running'), 'RUNNING');
    await leader.clock.advance(1);
    assert.equal(stateOf(leader, 'running'), 'ORPHANED');
    assert.equal(stateOf(leader, 'assigned'), 'ORPHANED');
    assert.equal(stateOf(leader, 'by-hand'), 'ORPHANED');
    assert.equal(stateOf(leader, 'ended'), 'COMPLETE');
    assert.equal(stateOf(leader, 'pending'), 'PENDING');
    assert.equal(stateOf(leader, 'elsewhere'), 'RUNNING');
    const { status } = leader.task('running');
    assert.equal(status?.message, 'started');
    assert.equal(status?.appliedBy, 'leader');
    assert.equal(ORPHANED, status?.state);
    leader.dispatcher.stop();
  });

  it('are kept when it comes back in time', async () => {
    const leader = lead();
    leader.dispatcher.start();
    const agent = leader.agent('n1');
    let { sessionId } = (await agent.register()).last;
    await leader.clock.advance(23 * hourMs);
    sessionId = (await agent.register()).last.sessionId;
    for (let i = 0; i < 360; i++) {
      await leader.clock.advance(10_000);
      await agent.heartbeat(sessionId);
    }
    await leader.clock.advance(10_000);
    assert.equal(stateOf(leader, 'running'), 'RUNNING');
    leader.dispatcher.stop();
  });

  it('are given up at the same instant by the next leader', async () => {
    const before = lead();
    before.dispatcher.start();
    await before.agent('n1').register();
    await before.clock.advance(15_000 + 10 * hourMs);
    before.dispatcher.stop();

    const after = new Leader(before.store.fork());
    await after.clock.advance(before.clock.monotonic());
    after.dispatcher.start();
    await after.clock.advance(14 * hourMs - 1);
    assert.equal(stateOf(after, 'running'), 'RUNNING');
    await after.clock.advance(1);
    assert.equal(stateOf(after, 'running'), 'ORPHANED');
    after.dispatcher.stop();
  });
});
