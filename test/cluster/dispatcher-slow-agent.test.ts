import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { realEnv } from '@swarmkit/kernel/env';
import { Host } from '@swarmkit/kernel/host';
import { createLogger } from '@swarmkit/kernel/log';
import ca from '@swarmkit/plugin-ca/plugin';
import dispatcher from '@swarmkit/plugin-dispatcher/plugin';
import rpc from '@swarmkit/plugin-rpc/plugin';
import { connectControlSocket } from '@swarmkit/sdk/client/connection';
import { Consensus } from '@swarmkit/sdk/contracts/consensus';
import { NodeIdentity } from '@swarmkit/sdk/contracts/identity';
import { ScopeGates } from '@swarmkit/sdk/contracts/scope-gate';
import { Store } from '@swarmkit/sdk/contracts/store';
import { definePlugin, type PluginManifest } from '@swarmkit/sdk/plugin/plugin';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNode, aTask } from '@swarmkit/sdk/testkit/fixtures';
import {
  type AssignmentsMessage,
  DispatcherService,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { BehaviorSubject } from 'rxjs';
import { Cleanup } from '../harness/cleanup.js';
import { until } from '../harness/until.js';

// A peer that does not read, over a real connection with real flow control: what it costs is bounded, it
// holds up nobody, and what it reads later is the sum of what it missed.

// A busy machine must not make it a test of heartbeats.
const patient = { spec: { dispatcher: { heartbeatPeriod: { seconds: 600n, nanos: 0 } } } };
const cleanup = new Cleanup();
const store = new FakeStore();
let socket = '';
let nodeId = '';

before(async () => {
  const dir = cleanup.folder();
  socket = path.join(dir, 'swarmd.sock');
  const around = definePlugin({
    id: 'around',
    version: '1.0.0',
    scope: 'node',
    requires: [NodeIdentity],
    provides: [Store, Consensus],
    contributes: [ScopeGates],
    register(ctx) {
      ctx.provide(Store, store);
      ctx.provide(Consensus, { members: () => [] } as never);
      ctx.provide(ScopeGates, { scope: 'leader', open$: new BehaviorSubject(true) });
    },
    start(ctx) {
      nodeId = ctx.get(NodeIdentity).current().nodeId;
      store.seed({ node: [aNode({ id: nodeId })], cluster: [aCluster(patient)] });
    },
  });
  const host = new Host({
    plugins: [ca, rpc, around, dispatcher] as readonly unknown[] as readonly PluginManifest[],
    config: {
      ca: { dir: path.join(dir, 'certificates'), managersFile: path.join(dir, 'state.json') },
      rpc: { controlSocket: socket },
    },
    env: realEnv,
    log: createLogger('silent'),
  });
  await host.start();
  cleanup.add('host', () => host.stop());
  await host.settled();
});
after(() => cleanup.run());

it('a peer that does not read is sent the sum of what it missed, and another one everything at once', async () => {
  const [slow, fast] = [connectControlSocket(socket), connectControlSocket(socket)];
  cleanup.add('connections', () => {
    slow.close();
    fast.close();
  });
  const request = { description: undefined, sessionId: '' };
  const session = fast.serverStream(DispatcherService.session, request)[Symbol.asyncIterator]();
  const { sessionId } = (await session.next()).value ?? { sessionId: '' };
  const unread = slow
    .serverStream(DispatcherService.assignments, { sessionId })
    [Symbol.asyncIterator]();
  const read = fast
    .serverStream(DispatcherService.assignments, { sessionId })
    [Symbol.asyncIterator]();
  await unread.next();
  await read.next();

  const seen = new Map<string, number>();
  const take = (message: AssignmentsMessage | undefined): void => {
    for (const { assignment } of message?.changes ?? [])
      if (assignment?.item?.$case === 'task')
        seen.set(assignment.item.value.id, assignment.item.value.desiredState);
  };
  // 20 tasks of 20 kB, each changed again and again: 40 MB if every change were sent.
  const image = 'x'.repeat(20_000);
  const rounds = 100;
  const taskId = (i: number): string => `task${i}`;
  for (let round = 0; round < rounds; round++) {
    store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
      for (let i = 0; i < 20; i++) {
        const task = draft.get('task', taskId(i));
        const spec = { runtime: { $case: 'container' as const, value: { image } } };
        if (task === undefined)
          draft.create(
            'task',
            aTask({ id: taskId(i), nodeId, spec, status: { state: TaskState.ASSIGNED } }),
          );
        else draft.update('task', { ...task, slot: BigInt(round + 1_000) });
      }
    });
    take((await read.next()).value);
    if (round === 0) assert.equal(seen.size, 20);
  }
  const last = BigInt(rounds - 1 + 1_000);
  let messages = 0;
  const slots = new Map<string, bigint>();
  await until(
    'the slow one has caught up',
    async () => {
      const { value } = await unread.next();
      messages++;
      for (const { assignment } of value?.changes ?? [])
        if (assignment?.item?.$case === 'task')
          slots.set(assignment.item.value.id, assignment.item.value.slot);
      return slots.size === 20 && [...slots.values()].every((slot) => slot === last);
    },
    20_000,
  );
  // What gRPC took before it said that it is full, and one for all the rest.
  assert.ok(messages <= 45, `${messages} messages for ${rounds} changes of each task`);
});
