import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Allocator } from '../shell/allocator.js';

const user = { id: 'user', writes: ['any'] } as const;

/** Services that publish ports and join networks, each with one task that wants to start; or the service goes. */
const publishing = fc.oneof(
  fc
    .record({
      service: fc.nat(3),
      ports: fc.array(fc.constantFrom(0, 80, 30_000, 70_000), { maxLength: 2 }),
      network: fc.constantFrom('', 'bridge', 'overlay'),
      goes: fc.constantFrom(false, false, true),
    })
    .map(({ service, ports, network, goes }) => (store: FakeStore) => {
      store.updateNow(user, (draft) => {
        const wanted = aService({
          id: `publishes${service}`,
          spec: {
            task: { networks: network === '' ? [] : [{ target: network }] },
            endpoint: { ports: ports.map((publishedPort) => ({ publishedPort, targetPort: 80 })) },
          },
        });
        for (const task of draft.find('task', { by: 'service', id: wanted.id }))
          draft.remove('task', task.id);
        const old = draft.get('service', wanted.id);
        if (goes) {
          if (old !== undefined) draft.remove('service', old.id);
          return;
        }
        const next =
          old === undefined
            ? draft.create('service', wanted)
            : draft.update('service', { ...old, spec: wanted.spec });
        draft.create(
          'task',
          aTaskOf(next, { id: `of-${next.id}`, status: { state: TaskState.NEW } }),
        );
      });
    }),
  fc.constantFrom('bridge', 'overlay').map((name) => (store: FakeStore) => {
    store.updateNow(user, (draft) => {
      if (draft.get('network', name) !== undefined) draft.remove('network', name);
      else draft.create('network', aNetwork({ id: name, spec: { driverConfig: { name } } }));
    });
  }),
);

reconcilerProperties('allocator', () => new Allocator(), { events: publishing });

test('a run changes so many tasks and no more, and the next goes on', () => {
  const store = new FakeStore();
  const service = aService();
  const task = Array.from({ length: 5 }, (_, slot) =>
    aTaskOf(service, { slot: BigInt(slot), status: { state: TaskState.NEW } }),
  );
  store.seed({ service: [service], task });
  const runner = new StageRunner(store, new Allocator(2));
  const runs = [runner.run(), runner.run(), runner.run(), runner.run()];
  assert.deepEqual(
    runs.map(({ changes }) => changes.length),
    [2, 2, 1, 0],
  );
});
