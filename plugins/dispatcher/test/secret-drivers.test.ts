import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type {
  SecretDriver,
  SecretRequest,
  SecretValue,
} from '@swarmkit/sdk/contracts/secret-driver';
import { secretDriverConformance, vaultOf } from '@swarmkit/sdk/testkit/secret-driver-conformance';
import type { AssignmentsMessage } from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { changes } from './assignments.test.js';
import { type AgentCalls, Leader, type OpenStream, taskOn, turns, unavailable } from './leader.js';

/** A vault in memory, which can hold back its answers. */
class Vault implements SecretDriver {
  readonly id = 'memory';
  readonly asked: SecretRequest[] = [];
  private open: Promise<void> = Promise.resolve();

  has = (name: string): Promise<boolean> => Promise.resolve(name === 'vault');

  /** Until the function that it answers is called. */
  close(): () => void {
    let go = (): void => undefined;
    this.open = new Promise((resolve) => {
      go = resolve;
    });
    return go;
  }

  async get(request: SecretRequest, signal: AbortSignal): Promise<SecretValue> {
    this.asked.push(request);
    await this.open;
    const answer = vaultOf(request.secretName, request.taskId);
    if (answer === 'silence')
      return new Promise((_, reject) => {
        if (signal.aborted) reject(new Error('aborted'));
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }
}

secretDriverConformance('the one of these tests', {
  start: () => Promise.resolve({ driver: new Vault(), name: 'vault' }),
  stop: () => Promise.resolve(),
});

const driven = (name: string, driver = 'vault'): Secret =>
  Secret.fromPartial({
    id: name,
    spec: { annotations: { name, labels: { level: '1' } }, driver: { name: driver } },
  } as never);

const using = (...names: string[]) => ({
  runtime: {
    $case: 'container' as const,
    value: { image: 'app', hostname: 'h', secrets: names.map((secretId) => ({ secretId })) },
  },
});

/** Data of the secrets in the message, by id. */
const values = (message: AssignmentsMessage): Record<string, string> =>
  Object.fromEntries(
    message.changes.flatMap(({ assignment }) =>
      assignment?.item?.$case === 'secret'
        ? [[assignment.item.value.id, assignment.item.value.spec?.data.toString() ?? '']]
        : [],
    ),
  );

describe('secrets with a driver', () => {
  let leader: Leader;
  let agent: AgentCalls;
  let vault: Vault;
  let session: string;
  let stream: OpenStream<AssignmentsMessage>;
  const put = (id: string, ...secrets: string[]) =>
    leader.put(taskOn('n1', { id, spec: using(...secrets) }));

  beforeEach(async () => {
    leader = new Leader().seed('n1', 'n2');
    vault = new Vault();
    leader.secretDrivers.push(vault);
    leader.store.seed({
      secret: [
        ...['shared', 'own', 'nothing', 'slow', 'bytes'].map((name) => driven(name)),
        driven('nobodys', 'unknown'),
        Secret.fromPartial({ id: 'plain', spec: { data: Buffer.from('p') } } as never),
      ],
    });
    agent = leader.agent('n1');
    session = (await agent.register()).last.sessionId;
  });
  afterEach(() => {
    leader.dispatcher.stop();
    assert.deepEqual(leader.faults, []);
  });
  const begin = async (): Promise<AssignmentsMessage> => {
    stream = agent.assignments(session);
    return stream.next();
  };

  it('have their values with the first message, and none of them is in the store', async (t) => {
    const combined = t.mock.method(AbortSignal, 'any');
    leader.put(
      taskOn('n1', {
        id: 'a',
        serviceId: 's',
        serviceAnnotations: { name: 'web', labels: { team: 'x' } },
        slot: 2n,
        spec: using('shared', 'own', 'plain'),
      }),
    );
    const message = await begin();
    assert.deepEqual(changes(message), [
      '+secret shared',
      '+secret own.a',
      '+secret plain',
      '+task a',
    ]);
    assert.deepEqual(values(message), { shared: 'for all', 'own.a': 'for a', plain: 'p' });
    assert.equal(leader.store.view().get('secret', 'shared')?.spec?.data.length, 0);
    assert.equal(
      combined.mock.callCount(),
      0,
      'no call leaves a trace with a signal that lives on',
    );
    assert.deepEqual(vault.asked[0], {
      driver: 'vault',
      options: {},
      secretName: 'shared',
      secretLabels: { level: '1' },
      serviceId: 's',
      serviceName: 'web',
      serviceLabels: { team: 'x' },
      serviceHostname: 'h',
      serviceEndpoint: undefined,
      taskId: 'a',
      taskName: 'web.2.a',
      taskImage: 'app',
      nodeId: 'n1',
    });
  });

  it('are waited for by the task that uses them and by no other', async () => {
    await begin();
    const open = vault.close();
    put('waits', 'shared');
    put('goes', 'plain');
    assert.deepEqual(changes(await stream.next()), ['+secret plain', '+task goes']);
    assert.equal(await stream.nextIfAny(), undefined);
    open();
    assert.deepEqual(changes(await stream.next()), ['+secret shared', '+task waits']);
  });

  it('are fetched once for all tasks of the node, and taken back with the last', async () => {
    await begin();
    put('a', 'shared');
    await stream.next();
    put('b', 'shared');
    assert.deepEqual(changes(await stream.next()), ['+task b']);
    assert.equal(vault.asked.length, 1);
    await agent.report(session, ['a', TaskState.SHUTDOWN]);
    assert.equal(await stream.nextIfAny(), undefined);
    await agent.report(session, ['b', TaskState.SHUTDOWN]);
    assert.deepEqual(changes(await stream.next()), ['-secret shared']);
    put('c', 'shared');
    assert.deepEqual(changes(await stream.next()), ['+secret shared', '+task c']);
    assert.equal(vault.asked.length, 2);
  });

  it('for one task alone come under an id of their own, each fetched', async () => {
    await begin();
    put('a', 'own');
    put('b', 'own');
    const seen: Record<string, string> = {};
    while (Object.keys(seen).length < 2) Object.assign(seen, values(await stream.next()));
    assert.deepEqual(seen, { 'own.a': 'for a', 'own.b': 'for b' });
    await agent.report(session, ['a', TaskState.SHUTDOWN]);
    assert.deepEqual(changes(await stream.next()), ['-secret own.a']);
  });

  it('that cannot be had reject their task, which was never sent, with the reason', async () => {
    await begin();
    for (const [id, secret, why] of [
      ['a', 'nothing', 'there is no nothing in the vault'],
      ['b', 'nobodys', 'plugin "unknown" not found'],
    ] as const) {
      put(id, secret);
      const message = await stream.next();
      assert.deepEqual(changes(message), [`+task ${id}`]);
      const { status } = leader.task(id);
      assert.equal(status?.state, TaskState.REJECTED);
      assert.equal(status?.err, `failed to fetch secret ${secret}: ${why}`);
    }
  });

  it('that cannot be had reject their task also when that cannot be written at first', async () => {
    await begin();
    put('a', 'nothing');
    leader.store.refuseNext(unavailable);
    assert.equal(await stream.nextIfAny(), undefined);
    assert.equal(leader.task('a').status?.state, TaskState.ASSIGNED);
    await leader.clock.advance(1_000);
    assert.deepEqual(changes(await stream.next()), ['+task a']);
    assert.equal(leader.task('a').status?.state, TaskState.REJECTED);
  });

  it('that are too large or empty reject it too', async () => {
    vault.get = () => Promise.resolve({ value: Buffer.alloc(512_000), doNotReuse: false });
    await begin();
    put('a', 'shared');
    await stream.next();
    assert.equal(
      leader.task('a').status?.err,
      'failed to fetch secret shared: secret data must be larger than 0 and less than 512000 bytes',
    );
  });

  it('of a vault that hangs reject it after ten seconds', async () => {
    await begin();
    put('a', 'slow');
    assert.equal(await stream.nextIfAny(), undefined);
    await leader.clock.advance(10_000);
    await stream.next();
    assert.equal(
      leader.task('a').status?.err,
      'failed to fetch secret slow: secret driver vault did not answer within 10 s',
    );
  });

  it('do not take from a node what it runs: after ten seconds it is sent without', async () => {
    leader.put(
      taskOn('n1', { id: 'runs', spec: using('slow'), status: { state: TaskState.RUNNING } }),
      taskOn('n1', { id: 'new', spec: using('slow') }),
    );
    stream = agent.assignments(session);
    assert.equal(await stream.nextIfAny(), undefined);
    await leader.clock.advance(10_000);
    const message = await stream.next();
    assert.deepEqual(values(message), {});
    const states = message.changes.map(({ assignment }) =>
      assignment?.item?.$case === 'task' ? assignment.item.value.status?.state : undefined,
    );
    // The other one was rejected meanwhile: nobody had it yet.
    assert.deepEqual(states.sort(), [TaskState.RUNNING, TaskState.REJECTED]);
    await turns(20);
    assert.equal(leader.task('runs').status?.state, TaskState.RUNNING);
  });

  it('are asked for a few at a time, whatever is assigned at once', async () => {
    await begin();
    const open = vault.close();
    for (let i = 0; i < 40; i++) put(`t${i}`, 'own');
    // The first tells that each task gets its own; only then are the others asked for.
    await turns(20);
    assert.equal(vault.asked.length, 1);
    open();
    const shut = vault.close();
    await turns(50);
    assert.equal(vault.asked.length, 1 + 16);
    shut();
    const told = new Set<string>();
    while (told.size < 40) for (const id of Object.keys(values(await stream.next()))) told.add(id);
    assert.equal(vault.asked.length, 40);
  });

  it('reject nothing when this manager stops to lead before they are here', async () => {
    await begin();
    const open = vault.close();
    for (let i = 0; i < 20; i++) put(`t${i}`, 'shared', 'own');
    put('slow', 'slow');
    await turns(20);
    leader.dispatcher.stop();
    open();
    await turns(50);
    for (const id of ['slow', ...Array.from({ length: 20 }, (_, i) => `t${i}`)])
      assert.equal(leader.task(id).status?.state, TaskState.ASSIGNED, id);
  });

  it('are not kept for a task that went before it was sent', async () => {
    await begin();
    const open = vault.close();
    put('a', 'shared');
    await turns(20);
    leader.removeTask('a');
    open();
    assert.equal(await stream.nextIfAny(), undefined);
    put('b', 'shared');
    assert.deepEqual(changes(await stream.next()), ['+secret shared', '+task b']);
    assert.equal(vault.asked.length, 2, 'the value is that of the tasks that are there');
  });

  it('of a task that is told to stop are not asked for', async () => {
    leader.put(taskOn('n1', { id: 'a', spec: using('shared'), desiredState: TaskState.SHUTDOWN }));
    assert.deepEqual(changes(await begin()), ['+task a']);
    assert.equal(vault.asked.length, 0);
  });
});
