import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeDescription, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { AssignmentsMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Turns } from '../shell/turns.js';
import { type AgentCalls, anybody, Leader, refusal, taskOn, turns } from './leader.js';

describe('many nodes', () => {
  const ids = Array.from({ length: 200 }, (_, i) => `n${i}`);
  let leader: Leader;
  let agents: AgentCalls[];
  beforeEach(() => {
    leader = new Leader().seed(...ids);
    leader.dispatcher.start();
    agents = ids.map((id) => leader.agent(id));
  });
  afterEach(() => {
    leader.dispatcher.stop();
    assert.deepEqual(leader.faults, []);
  });
  const commits = async (work: () => Promise<unknown>): Promise<number> => {
    const before = leader.store.commits.length;
    await work();
    return leader.store.commits.length - before;
  };
  const slowDisk = () => {
    const update = leader.store.update.bind(leader.store);
    leader.store.update = async (writer, change) => {
      await turns(5);
      return update(writer, change);
    };
  };

  it('that register at once are written together', async () => {
    slowDisk();
    const written = await commits(() => Promise.all(agents.map((agent) => agent.register())));
    assert.ok(written <= 10, `${written} commits`);
    assert.ok(ids.every((id) => leader.nodeState(id) === 'READY'));
  });

  it('do not suffer for one among them that is not in the cluster', async () => {
    slowDisk();
    leader.store.updateNow(anybody, (draft) => draft.remove('node', 'n7'));
    const answers = await Promise.all(agents.map((agent) => refusal(agent.register())));
    assert.deepEqual(
      answers.flatMap((answer, i) => (answer === 'no refusal' ? [] : [`${i} ${answer}`])),
      ['7 unknown: node not found'],
    );
  });

  it('that fall silent together are written together, and one alarm waits for all', async () => {
    await Promise.all(agents.map((agent) => agent.register()));
    assert.ok(leader.clock.armed <= 2, `${leader.clock.armed} alarms`);
    const written = await commits(() => leader.clock.advance(15_000));
    assert.equal(written, 1);
    assert.ok(ids.every((id) => leader.nodeState(id) === 'DOWN'));
  });

  it('cost nothing in the store while they beat', async () => {
    const sessions = await Promise.all(agents.map((agent) => agent.register()));
    const written = await commits(async () => {
      for (let beat = 0; beat < 20; beat++) {
        await Promise.all(
          agents.map((agent, i) => agent.heartbeat(sessions[i]?.last.sessionId ?? '')),
        );
        await leader.clock.advance(5_000);
      }
    });
    assert.equal(written, 0);
  });

  it('are all told of a change of the managers, and of nothing when it is none', async () => {
    leader.dispatcher.onMembers([...leader.members]);
    const sessions = await Promise.all(agents.map((agent) => agent.register()));
    leader.dispatcher.onMembers(leader.members.map((one) => ({ ...one, reachable: false })));
    assert.equal(await sessions[0]?.nextIfAny(), undefined);
    leader.members.push({
      raftId: 2n,
      nodeId: 'm2',
      address: '10.0.0.2:4242',
      reachable: true,
      votes: true,
    });
    leader.dispatcher.onMembers([...leader.members]);
    for (const session of sessions)
      assert.deepEqual(
        (await session.next()).managers.map(({ peer }) => peer?.nodeId),
        ['leader', 'm2'],
      );
  });

  it('are each told of their own task of a service that runs everywhere', async () => {
    const session = await Promise.all(agents.map((agent) => agent.register()));
    const streams = agents.map((agent, i) => agent.assignments(session[i]?.last.sessionId ?? ''));
    for (const stream of streams) await stream.next();
    leader.store.seed({ secret: [Secret.create({ id: 's', spec: { data: Buffer.alloc(99) } })] });
    const value = { image: 'x', secrets: [{ secretId: 's' }] };
    leader.put(
      ...ids.map((id) =>
        taskOn(id, { id: `task-${id}`, spec: { runtime: { $case: 'container', value } } }),
      ),
    );
    for (const [i, stream] of streams.entries()) {
      const { changes } = await stream.next();
      assert.deepEqual(
        changes.map(({ assignment }) => assignment?.item?.value.id),
        ['s', `task-n${i}`],
      );
    }
  });
});

describe('a slow agent', () => {
  let leader: Leader;
  let session: string;
  beforeEach(async () => {
    leader = new Leader().seed('n1', 'n2');
    leader.dispatcher.start();
    session = (await leader.agent('n1').register()).last.sessionId;
  });
  afterEach(() => leader.dispatcher.stop());
  /** A peer that takes a message and no more until `read` is called. */
  const stuck = () => {
    const sent: AssignmentsMessage[] = [];
    let read = (): void => undefined;
    const end = new AbortController();
    const done = leader.dispatcher.assignments(
      { peer: { nodeId: 'n1' }, signal: end.signal } as never,
      session,
      (message) => {
        sent.push(message);
        return new Promise<void>((resolve) => {
          read = resolve;
        });
      },
    );
    done.catch(() => undefined);
    return { sent, done, read: () => read(), end: () => end.abort() };
  };

  it('is sent what became of a thousand changes, and holds up nobody', async () => {
    const slow = stuck();
    const other = leader.agent('n2');
    const stream = other.assignments((await other.register()).last.sessionId);
    await stream.next();
    for (let i = 0; i < 1_000; i++) {
      leader.put(taskOn('n1', { id: `t${i % 50}`, desiredState: TaskState.RUNNING }));
      if (i % 50 === 49 && i < 900) for (let t = 0; t < 50; t++) leader.removeTask(`t${t}`);
    }
    leader.put(taskOn('n2', { id: 'theirs' }));
    await stream.next();
    assert.equal(slow.sent.length, 1);
    slow.read();
    await turns(3);
    assert.equal(slow.sent.length, 2);
    assert.equal(slow.sent[1]?.changes.length, 50);
    slow.end();
    slow.read();
    await slow.done;
  });

  it('that reads nothing at all is let go of when its session ends', async () => {
    const slow = stuck();
    await turns(2);
    await leader.clock.advance(15_000);
    assert.equal(leader.nodeState('n1'), 'DOWN');
    assert.equal(await refusal(slow.done), 'aborted: node must disconnect');
  });

  it('that opens streams without end holds four', async () => {
    const streams = Array.from({ length: 10 }, stuck);
    await turns(3);
    for (const { done } of streams.slice(0, 6))
      assert.equal(await refusal(done), 'aborted: node must disconnect');
    for (const { end, done, read } of streams.slice(6)) {
      end();
      read();
      await done;
    }
  });
});

describe('a node', () => {
  it('is the same one at another address, under another name and with another engine', async () => {
    const leader = new Leader().seed('n1');
    leader.dispatcher.start();
    const describe = (hostname: string, engineVersion: string) =>
      NodeDescription.create({ hostname, engine: { engineVersion } });
    const first = await leader.agent('n1').register('', describe('alpha', '1'));
    leader.put(taskOn('n1', { id: 'a', status: { state: TaskState.RUNNING } }));
    const moved = leader.agentAt('n1', '172.16.0.9:1');
    const second = await moved.register(first.last.sessionId, describe('beta', '2'));
    assert.equal(second.last.sessionId, first.last.sessionId);
    const { status, description } = leader.node('n1');
    assert.deepEqual(
      [status?.addr, description?.hostname, description?.engine?.engineVersion],
      ['172.16.0.9', 'beta', '2'],
    );
    const whole = await moved.assignments(second.last.sessionId).next();
    assert.equal(whole.changes.length, 1);
    assert.equal(leader.store.view().count('node'), 1);
    leader.dispatcher.stop();
  });
});

describe('turns', () => {
  it('do the first at once, the rest in slices, each once', async () => {
    const done: number[] = [];
    const work = new Turns<number>((item) => done.push(item), 3);
    for (let i = 0; i < 8; i++) work.add(i);
    work.add(7);
    work.delete(6);
    assert.deepEqual(done, [0, 1, 2]);
    await turns(1);
    assert.ok(done.length <= 6);
    await turns(4);
    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 7]);
    work.add(9);
    assert.equal(done.at(-1), 9);
  });
});
