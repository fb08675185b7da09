import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { FakeExecutor, FakeRuntime } from '@swarmkit/sdk/testkit/fake-executor';
import { TaskState, VolumeAssignment } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Machine } from './agent-life.js';
import { FakeDispatcher } from './fake-dispatcher.js';

const { RUNNING, COMPLETE } = TaskState;
const refusal = (kind: SwarmError['kind'], text = 'no') => new SwarmError(kind, 'TEST', text);

describe('a session', () => {
  let machine: Machine;
  let manager: FakeDispatcher;
  beforeEach(() => {
    machine = new Machine();
    manager = machine.manager;
  });
  afterEach(async () => {
    await machine.stop();
    assert.equal(machine.server.inProgress, 0);
    assert.deepEqual(machine.faults, []);
  });
  const begin = async () => {
    await machine.start();
    await machine.until('in session', () => manager.streams === 1, 200);
  };
  const reported = (id: string, state: TaskState, limitMs = 0) =>
    machine.until(`${id} is ${TaskState[state]}`, () => manager.state(id) === state, limitMs);
  const run = async (task = machine.task()) => {
    manager.assign(task);
    await reported(task.id, RUNNING, 2_000);
    return task;
  };
  const registrations = (count: number) => () => manager.registrations.length >= count;

  it('says what the node has of its own kinds, beside what its executors say', async () => {
    machine = new Machine({ controlSocket: '/control', genericResources: 'gpu=a,gpu=b,fpga=2' });
    manager = machine.manager;
    await machine.start();
    await machine.until('registered', registrations(1), 200);
    const resources = manager.registrations[0]?.description?.resources;
    assert.equal(resources?.nanoCpus, 4_000_000_000n);
    assert.deepEqual(
      resources?.generic.map(({ resource }) => resource?.value),
      [
        { kind: 'gpu', value: 'a' },
        { kind: 'gpu', value: 'b' },
        { kind: 'fpga', value: 2n },
      ],
    );
  });

  it('describes the node: executors merged, hostname, who issued its certificate', async () => {
    machine = new Machine({ controlSocket: '/control', hostname: 'alpha' });
    manager = machine.manager;
    const second = new FakeExecutor(new FakeRuntime(machine.clock), 'second');
    second.description = {
      ...second.description,
      resources: undefined,
      engine: { engineVersion: '2', labels: { gpu: 'yes' }, plugins: [{ type: 'Log', name: 'x' }] },
    };
    await machine.start(second);
    await machine.until('registered', registrations(1), 200);
    const described = manager.registrations[0]?.description;
    assert.equal(described?.hostname, 'alpha');
    assert.equal(described?.resources?.nanoCpus, 4_000_000_000n);
    assert.equal(described?.engine?.engineVersion, 'fake');
    assert.deepEqual({ ...described?.engine?.labels }, { gpu: 'yes' });
    assert.deepEqual(
      described?.engine?.plugins.map(({ name }) => name),
      ['x'],
    );
    assert.equal(described?.tlsInfo?.trustRoot.toString(), 'roots');
    assert.deepEqual([...(described?.tlsInfo?.certIssuerSubject ?? [])], [1]);
  });

  it('sends heartbeats at the pace that the manager sets', async () => {
    manager.periodMs = 2_000;
    await begin();
    await machine.clock.advance(10_500);
    assert.equal(manager.heartbeats, 6);
    manager.periodMs = 500;
    await machine.clock.advance(2_000);
    const before = manager.heartbeats;
    await machine.clock.advance(5_000);
    assert.equal(manager.heartbeats - before, 10);
  });

  it('ends when a heartbeat fails, and begins again under its old name', async () => {
    await begin();
    manager.refuse.heartbeat = refusal('not-found', 'node not registered');
    await machine.until('again', registrations(2), 10_000);
    manager.refuse = {};
    assert.deepEqual(manager.registrations.map(({ sessionId }) => sessionId).slice(0, 2), [
      '',
      'session1',
    ]);
    await machine.until('settled', () => manager.streams >= 2, 10_000);
  });

  for (const [what, error] of [
    ['the manager stops', refusal('aborted', 'node must disconnect')],
    ['the connection breaks', undefined],
  ] as const)
    it(`begins again when ${what}, and tells everything it knows`, async () => {
      await begin();
      const [a, b] = [await run(), await run()];
      const calls = manager.calls.length;
      if (error === undefined) machine.server.cut();
      else manager.endSession(error);
      await machine.until('again', () => manager.streams === 2, 1_000);
      await machine.until('told', () => manager.calls.length > calls);
      assert.deepEqual(manager.calls[calls]?.sort(), [`${a.id} RUNNING`, `${b.id} RUNNING`].sort());
      assert.deepEqual(machine.runtime.running().length, 2);
    });

  it('is tried again ever more slowly, but at least every 8 s', async () => {
    manager.refuse.session = refusal('unavailable', 'not now');
    await machine.start();
    await machine.clock.advance(20_000);
    const early = manager.registrations.length;
    assert.ok(early >= 5 && early <= 40, `${early} tries in 20 s`);
    await machine.clock.advance(80_000);
    const later = manager.registrations.length - early;
    assert.ok(later >= 10 && later <= 60, `${later} tries in 80 s`);
    assert.equal(machine.said.filter((line) => line.includes('not now')).length, 1);
    manager.refuse = {};
    await machine.until('in session', () => manager.streams === 1, 8_100);
  });

  it('that was not to be leaves nothing behind', async (t) => {
    const uses = new Map<AbortSignal, number>();
    const any = AbortSignal.any.bind(AbortSignal);
    t.mock.method(AbortSignal, 'any', (sources: readonly AbortSignal[]) => {
      for (const source of sources) uses.set(source, (uses.get(source) ?? 0) + 1);
      return any([...sources]);
    });
    manager.refuse.session = refusal('unavailable', 'not now');
    await machine.start();
    await machine.clock.advance(60_000);
    assert.ok(manager.registrations.length >= 10);
    // A source keeps a trace of each signal that was combined from it for as long as it lives.
    assert.equal(Math.max(...uses.values()), 1);
  });

  it('is given up when nobody answers the registration', async () => {
    await machine.start();
    machine.unmount();
    let silent = 0;
    const mute = new FakeDispatcher();
    const unmount = mute.mount(machine.server);
    mute.answerRegistrations = false;
    await machine.clock.advance(12_000);
    silent = mute.registrations.length;
    assert.ok(silent >= 2, `${silent} registrations`);
    assert.ok(machine.said.some((line) => /did not answer the registration within 5 s/.test(line)));
    unmount();
  });

  it('does without a manager: tasks run on, and what ended is told later', async () => {
    await begin();
    const [a, b] = [await run(), await run()];
    machine.server.up = false;
    machine.server.cut();
    await machine.clock.advance(60_000);
    machine.runtime.exit(a.id, 0);
    await machine.clock.advance(60_000);
    assert.deepEqual(machine.runtime.running(), [b.id]);
    assert.equal(manager.state(a.id), RUNNING);
    machine.server.up = true;
    await reported(a.id, COMPLETE, 8_100);
  });

  it('asks for everything again when a message is missing', async () => {
    await begin();
    const kept = await run();
    const lost = machine.task();
    const gone = await run();
    manager.loseMessage(() => {
      manager.assign(lost);
      manager.remove(gone.id);
    });
    const next = machine.task();
    manager.assign(next);
    for (const { id } of [lost, next]) await reported(id, RUNNING, 500);
    await machine.until('removed', () => !machine.runtime.containers.has(gone.id));
    assert.equal(manager.streams, 2);
    assert.equal(manager.registrations.length, 1);
    assert.equal(machine.runtime.started.get(kept.id), 1);
  });

  it('gives back the volumes that are taken from it', async () => {
    await begin();
    const volume = VolumeAssignment.create({ id: 'volume1' });
    manager.assign({ volume });
    manager.remove({ volume });
    await machine.until('given back', () => manager.unpublished.includes('volume1'));
  });

  describe('a report', () => {
    it('is kept until it was taken', async () => {
      await begin();
      const task = await run();
      manager.refuse.report = refusal('unavailable', 'no quorum');
      machine.runtime.exit(task.id, 0);
      await machine.clock.advance(20_000);
      assert.equal(manager.state(task.id), RUNNING);
      manager.refuse = {};
      await reported(task.id, COMPLETE, 8_100);
    });

    it('waits in the same session while the manager has no room for it', async () => {
      await begin();
      manager.refuse.report = refusal('resource-exhausted', 'too many status reports are waiting');
      const task = machine.task();
      manager.assign(task);
      await machine.clock.advance(10_000);
      assert.ok(manager.calls.length <= 12, `${manager.calls.length} calls`);
      manager.refuse = {};
      await reported(task.id, RUNNING, 1_100);
      assert.equal(manager.registrations.length, 1);
    });

    it('that is refused over and over slows the sessions down', async () => {
      await begin();
      manager.refuse.report = refusal('unavailable', 'no quorum');
      manager.assign(machine.task());
      await machine.clock.advance(60_000);
      assert.ok(manager.registrations.length <= 30, `${manager.registrations.length} sessions`);
      assert.equal(machine.said.filter((line) => line.includes('no quorum')).length, 1);
    });

    it('is forgotten when nobody there knows the task', async () => {
      await begin();
      manager.refuse.report = refusal('not-found', 'task not found');
      manager.assign(machine.task());
      await machine.until('told', () => manager.calls.length > 0, 200);
      await machine.settle();
      const calls = manager.calls.length;
      await machine.clock.advance(4_000);
      assert.equal(manager.calls.length, calls);
      assert.equal(manager.registrations.length, 1);
    });

    it('of a task that is not ours does not hold up the others', async () => {
      await begin();
      const tasks = machine.tasks(9);
      const foreign = tasks[4]!.id;
      manager.foreign = foreign;
      manager.assign(...tasks);
      for (const { id } of tasks) if (id !== foreign) await reported(id, RUNNING, 500);
      assert.equal(manager.registrations.length, 1);
      assert.equal(manager.state(foreign), undefined);
    });

    it('of a step goes with the next arrival, and alone after 100 ms', async () => {
      await begin();
      machine.runtime.behave({ prepareMs: 50, startMs: 300 });
      const begun = machine.clock.monotonic();
      const task = machine.task();
      manager.assign(task);
      await reported(task.id, TaskState.STARTING, 500);
      assert.equal(machine.clock.monotonic() - begun, 100);
      await reported(task.id, RUNNING, 500);
      assert.equal(machine.clock.monotonic() - begun, 350);
      assert.equal(manager.calls.length, 2);
    });
  });

  describe('a description', () => {
    it('that changes is told within 20 s, in the same session', async () => {
      await begin();
      const executor = machine.executor!;
      executor.description = { ...executor.description, resources: undefined };
      await machine.until('told', registrations(2), 20_100);
      assert.equal(manager.registrations[1]?.sessionId, 'session1');
      assert.equal(manager.registrations[1]?.description?.resources, undefined);
      await machine.clock.advance(60_000);
      assert.equal(manager.registrations.length, 2);
    });

    it('that changes with the certificate is told at once', async () => {
      await begin();
      machine.identity$.next({ ...machine.identity$.value, issuerSubject: Uint8Array.of(9) });
      await machine.until('told', registrations(2), 10);
      assert.deepEqual([...manager.registrations[1]!.description!.tlsInfo!.certIssuerSubject], [9]);
    });

    it('stays what it was while the runtime is away', async () => {
      await begin();
      machine.runtime.available = false;
      await machine.clock.advance(60_000);
      assert.equal(manager.registrations.length, 1);
      manager.endSession(refusal('aborted'));
      await machine.until('again', registrations(2), 500);
      assert.deepEqual(
        manager.registrations[1]?.description?.resources,
        manager.registrations[0]?.description?.resources,
      );
    });

    it('is waited for at the beginning', async () => {
      machine.runtime.available = false;
      await machine.start();
      await machine.clock.advance(30_000);
      assert.equal(manager.registrations.length, 0);
      assert.deepEqual(machine.said, [
        'no session with a manager: no runtime of this node answers: the runtime is down',
      ]);
      machine.runtime.available = true;
      await machine.until('in session', () => manager.streams === 1, 8_100);
    });
  });
});

describe('a worker', () => {
  const config = { controlSocket: '/control', managers: ['10.0.0.1:4242'] };

  it('comes by the configured address and goes by the managers’ own list from then on', async () => {
    const machine = new Machine(config);
    machine.identity$.next(machine.identity('worker'));
    const second = new FakeDispatcher();
    second.mount(machine.network.server('10.0.0.2:4242'));
    machine.manager.managers = [{ nodeId: 'm2', addr: '10.0.0.2:4242' }];
    second.managers = machine.manager.managers;
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
    machine.server.up = false;
    machine.server.cut();
    await machine.until('with the other', () => second.streams === 1, 1_000);
    // Also after a restart, when the first one is not heard of any more.
    await machine.stop();
    await machine.start();
    await machine.until('with the other', () => second.streams === 2, 30_000);
    await machine.stop();
    assert.deepEqual(machine.faults, []);
  });

  it('that knows no manager says so', async () => {
    const machine = new Machine({ controlSocket: '/control' });
    machine.identity$.next(machine.identity('worker'));
    await machine.start();
    await machine.clock.advance(60_000);
    assert.deepEqual(machine.said, [
      'no session with a manager: no manager is known: name the address of one',
    ]);
    await machine.stop();
  });

  it('that becomes a manager uses its own control socket from then on', async () => {
    const machine = new Machine({ controlSocket: '/own', managers: ['10.0.0.1:4242'] });
    const own = new FakeDispatcher();
    own.mount(machine.network.server('unix:/own'));
    machine.identity$.next(machine.identity('worker'));
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
    machine.identity$.next(machine.identity('manager'));
    await machine.until('with itself', () => own.streams === 1, 1_000);
    await machine.stop();
  });
});
