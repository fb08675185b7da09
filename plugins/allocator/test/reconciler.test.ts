import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aNode, aService, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
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
      networks: fc.subarray(['bridge', 'overlay', 'overlay'], { maxLength: 2 }),
      mode: fc.constantFrom(0, 0, 1),
      goes: fc.constantFrom(false, false, true),
      // Of a global service: it has its node from birth.
      nodeId: fc.constantFrom('', '', 'docker0'),
    })
    .map(({ service, ports, networks, mode, goes, nodeId }) => (store: FakeStore) => {
      store.updateNow(user, (draft) => {
        const targets = networks.flatMap(
          (name) =>
            draft
              .find('network', { by: 'all' })
              .filter(({ id, spec }) => spec?.driverConfig?.name === name && id !== 'ingress')[0] ??
            [],
        );
        const wanted = aService({
          id: `publishes${service}`,
          spec: {
            task: { networks: targets.map(({ id }) => ({ target: id })) },
            endpoint: {
              mode,
              ports: ports.map((publishedPort) => ({
                publishedPort,
                targetPort: 80,
                publishMode: mode,
              })),
            },
          },
        });
        const old = draft.get('service', wanted.id);
        for (const task of draft.find('task', { by: 'service', id: wanted.id }))
          if (task.networks.length === 0) draft.remove('task', task.id);
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
          aTaskOf(next, {
            id: `of-${next.id}-${draft.index}`,
            nodeId,
            status: { state: TaskState.NEW },
          }),
        );
      });
    }),
  // Networks come and go, never twice under one id.
  fc.constantFrom('bridge', 'overlay', 'ingress').map((name) => (store: FakeStore) => {
    store.updateNow(user, (draft) => {
      const [old] = draft
        .find('network', { by: 'all' })
        .filter(({ spec }) => spec?.annotations?.name === name);
      if (old !== undefined) draft.remove('network', old.id);
      else
        draft.create(
          'network',
          aNetwork({
            id: `${name}-${draft.index}`,
            spec: {
              annotations: { name },
              ingress: name === 'ingress',
              driverConfig: { name: name === 'bridge' ? name : 'overlay' },
            },
          }),
        );
    });
  }),
  // Tasks with addresses are placed, end, and are removed.
  fc
    .record({ which: fc.nat(), what: fc.constantFrom('place', 'end', 'end', 'remove') })
    .map(({ which, what }) => (store: FakeStore, now: number) => {
      store.updateNow(user, (draft) => {
        const tasks = draft
          .find('task', { by: 'all' })
          .filter(({ networks }) => networks.length > 0);
        const task = tasks[which % Math.max(1, tasks.length)];
        if (task === undefined) return;
        if (what === 'remove') draft.remove('task', task.id);
        else if ((task.status?.state ?? 0) <= TaskState.RUNNING)
          draft.update('task', {
            ...task,
            // Once and for all.
            nodeId: task.nodeId || `docker${which % 3}`,
            status: changedStatus(task, now, {
              state: what === 'place' ? TaskState.RUNNING : TaskState.FAILED,
            }),
          });
      });
    }),
  // Nodes with overlay networks.
  fc.nat(2).map((which) => (store: FakeStore) => {
    store.updateNow(user, (draft) => {
      const node = aNode({
        id: `docker${which}`,
        description: { engine: { plugins: [{ type: 'Network', name: 'overlay' }] } },
      });
      if (draft.get('node', node.id) === undefined) draft.create('node', node);
      else draft.remove('node', node.id);
    });
  }),
);

reconcilerProperties('allocator', () => new Allocator(smallIpam), { events: publishing });

test('a run changes so many tasks and no more, and the next goes on', () => {
  const store = new FakeStore();
  const service = aService();
  const task = Array.from({ length: 5 }, (_, slot) =>
    aTaskOf(service, { slot: BigInt(slot), status: { state: TaskState.NEW } }),
  );
  store.seed({ service: [service], task });
  const runner = new StageRunner(store, new Allocator(smallIpam, 2));
  const runs = [runner.run(), runner.run(), runner.run(), runner.run()];
  assert.deepEqual(
    runs.map(({ changes }) => changes.length),
    [2, 2, 1, 0],
  );
});
