/** What objects may look like that no API of ours wrote: parts are missing, and nothing breaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { aCluster, aNode, aService, aTask, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import {
  GenericResource,
  TaskState,
  UpdateStatus_UpdateState,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { backoffAfter } from '../core/crash-loop.js';
import { isOfIteration } from '../core/job-iteration.js';
import { NodeStock } from '../core/node-stock.js';
import { byAge } from '@swarmkit/sdk/model/quiet-slot';
import { createdAt, statusAt } from '../core/slot.js';
import { next } from '../core/update-machine.js';
import { replicas, Swarm } from './swarm.js';

const NOW = 1_700_000_000_000;

test('a service without a mode asks for nothing', () => {
  const swarm = new Swarm('a');
  swarm.addService('web', replicas(2));
  swarm.run();
  const before = swarm.live('web').length;
  swarm.updateService('web', (spec) => ({ ...spec, mode: undefined }));
  assert.deepEqual(swarm.run().changes, []);
  assert.equal(swarm.live('web').length, before);
});

test('a task without times is old, and one without a creation is new', () => {
  const bare = { ...aTask(), meta: undefined, status: undefined };
  assert.equal(statusAt(bare), 0);
  assert.equal(createdAt(bare, NOW), NOW);
});

test('of tasks made at once, one without a spec version is the older', () => {
  const at = { meta: { createdAt: timestampFromMs(NOW) } };
  const versioned = aTask({ ...at, id: 'a', specVersion: { index: 3n } });
  const bare = { ...aTask({ ...at, id: 'b' }), specVersion: undefined };
  assert.deepEqual([versioned, bare].sort(byAge), [bare, versioned]);
  assert.deepEqual([bare, versioned].sort(byAge), [bare, versioned]);
});

test('a job without an iteration is in its first', () => {
  const service = { ...aService(), jobStatus: undefined };
  const first = aTask({ jobIteration: { index: 0n } });
  assert.ok(isOfIteration(service, first));
  assert.ok(isOfIteration(service, { ...first, jobIteration: undefined }));
  assert.ok(!isOfIteration(service, aTask({ jobIteration: { index: 1n } })));
});

test('what an event does not mean anything to stays as it is', () => {
  const paused = aService({ updateStatus: { state: 2, message: 'x' } });
  for (const type of ['outdated', 'done'] as const)
    assert.deepEqual(next(paused, { type }, NOW), {});
});

test('a failed task whose status has no time was not running for long', () => {
  const service = aService({ specVersion: { index: 1n } });
  const status = { state: TaskState.FAILED, runningSince: timestampFromMs(NOW) };
  const task = aTask({ specVersion: { index: 1n }, status, restartBackoff: { failures: 4 } });
  const stampless = {
    ...task,
    status: { ...task.status!, appliedAt: undefined, timestamp: undefined },
  };
  assert.equal(backoffAfter(service, stampless, NOW)?.failures, 5);
});

test('assigned generic resources of a kind that is gone, of none at all, or without a form', () => {
  const discrete = (kind: string, value: bigint): GenericResource => ({
    resource: { $case: 'discreteResourceSpec', value: { kind, value } },
  });
  const holds = (...assignedGenericResources: GenericResource[]) =>
    new NodeStock(aNode({ description: { resources: { generic: [] } } })).take(
      aTask({ assignedGenericResources }),
    );
  assert.equal(holds(discrete('gpu', 1n)), false);
  assert.equal(holds(discrete('gpu', 0n)), true);
  assert.equal(holds(GenericResource.create()), true);
});

test('a replacement that fills the history of a slot brings out the failure before it in the same run', () => {
  const swarm = new Swarm('a');
  swarm.store.seed({
    cluster: [aCluster({ spec: { orchestration: { taskHistoryRetentionLimit: 2n } } })],
  });
  const service = swarm.addService('web', replicas(1));
  swarm.write((draft) =>
    draft.update('service', {
      ...draft.get('service', 'web')!,
      updateStatus: {
        state: UpdateStatus_UpdateState.UPDATING,
        message: '',
        startedAt: timestampFromMs(swarm.now),
        completedAt: undefined,
      },
    }),
  );
  swarm.write((draft) =>
    draft.create('task', aTaskOf(service, { id: 't', slot: 1n, nodeId: 'a' })),
  );
  swarm.now += 1000;
  swarm.observe('t', TaskState.FAILED);
  // It compares itself with a second run.
  swarm.run();
  assert.equal(swarm.updateState('web'), 'PAUSED');
  assert.equal(swarm.tasks('web').length, 2);
});
