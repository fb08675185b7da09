import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { anIngressNetwork, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { runStage, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { PortConfig, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { Allocator } from '../shell/allocator.js';

const user = { id: 'user', writes: ['any'] } as const;

/** A small world, so that clashes are common: few numbers, some of them where automatic ports begin. */
const ports = fc.array(
  fc
    .record({
      protocol: fc.constantFrom(0, 1),
      targetPort: fc.integer({ min: 80, max: 83 }),
      publishedPort: fc.constantFrom(0, 0, 80, 81, 30_000, 30_001, 70_000),
      publishMode: fc.constantFrom(0, 0, 1),
    })
    .map((port) => PortConfig.fromPartial(port)),
  { maxLength: 3 },
);
/** One step of a life: service `id` now wants these ports, or goes. */
const steps = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    ports: fc.option(ports, { nil: undefined }),
  }),
  { minLength: 1, maxLength: 8 },
);

function live(
  steps_: readonly { id: string; ports: readonly PortConfig[] | undefined }[],
): FakeStore {
  const store = new FakeStore();
  store.seed({ network: [anIngressNetwork()] });
  const stage = new StageRunner(store, new Allocator(() => smallIpam(24)));
  for (const step of steps_) {
    store.updateNow(user, (draft) => {
      const old = draft.get('service', step.id);
      for (const task of draft.find('task', { by: 'service', id: step.id }))
        draft.remove('task', task.id);
      if (step.ports === undefined) {
        if (old !== undefined) draft.remove('service', step.id);
        return;
      }
      const wanted = aService({ id: step.id, spec: { endpoint: { ports: step.ports } } });
      const service: Service =
        old === undefined
          ? draft.create('service', wanted)
          : draft.update('service', { ...old, spec: wanted.spec });
      draft.create('task', aTaskOf(service, { status: { state: TaskState.NEW } }));
    });
    stage.run();
  }
  return store;
}

test('no two services hold one ingress port; every PENDING task has all its ports; a plan on its result is empty', () => {
  fc.assert(
    fc.property(steps, (life) => {
      const store = live(life);
      const held = new Map<string, string>();
      for (const service of store.view().find('service', { by: 'all' }))
        for (const port of service.endpoint?.ports ?? []) {
          if (port.publishMode !== 0) continue;
          const key = `${port.protocol}/${port.publishedPort}`;
          assert.equal(held.get(key), undefined, `${key} is held twice`);
          assert.ok(port.publishedPort >= 1 && port.publishedPort <= 65_535);
          held.set(key, service.id);
        }
      for (const task of store.view().find('task', { by: 'all' })) {
        const asked = store.view().get('service', task.serviceId)?.spec?.endpoint?.ports ?? [];
        if (task.status?.state === TaskState.PENDING)
          assert.equal(task.endpoint?.ports.length, asked.length);
        else assert.notEqual(task.status?.err, '', 'a task that waits says for what');
      }
      assert.deepEqual(runStage(store, new Allocator(() => smallIpam(24))).changes, []);
    }),
    { numRuns: 150 },
  );
});

test('the same life gives the same ports', () => {
  fc.assert(
    fc.property(steps, (life) => {
      const endpoints = () =>
        live(life)
          .view()
          .find('service', { by: 'all' })
          .map((service) => service.endpoint);
      assert.deepEqual(endpoints(), endpoints());
    }),
    { numRuns: 30 },
  );
});
