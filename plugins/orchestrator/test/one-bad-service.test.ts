import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TurnResult } from '@swarmkit/sdk/contracts/reconciler';
import type { Draft, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { everythingDirty } from '@swarmkit/sdk/testkit/run-stage';
import { orchestrate } from '../core/orchestrate.js';
import { anyone, replicas, Swarm } from './swarm.js';

/** One run in which the second new task of each of these services cannot be made, as by a bug of ours. */
function stumble(swarm: Swarm, ...over: readonly string[]): TurnResult {
  return swarm.write((draft) => {
    const stumbling: Draft = Object.assign(Object.create(draft) as Draft, {
      create: <K extends ObjectKind>(kind: K, object: Objects[K]) => {
        const { serviceId, slot } = object as { serviceId?: string; slot?: bigint };
        if (over.includes(serviceId ?? '') && slot === 2n) throw new Error(`${serviceId} is odd`);
        return draft.create(kind, object);
      },
    });
    let made = 0;
    const id = () => `new${++made}`;
    return orchestrate({ draft: stumbling, now: swarm.now, id, dirty: everythingDirty }, 500);
  });
}

test('a service that throws is named and leaves nothing behind; the others go on', () => {
  const swarm = new Swarm('a');
  const all = ['first', 'odd', 'odder', 'other'];
  for (const id of all) swarm.addService(id, replicas(3));
  const { failures } = stumble(swarm, 'odd', 'odder');
  assert.deepEqual(
    failures?.map(({ object, error }) => [object.kind, object.id, (error as Error).message]),
    [
      ['service', 'odd', 'odd is odd'],
      ['service', 'odder', 'odder is odd'],
    ],
  );
  assert.deepEqual(
    all.map((id) => swarm.tasks(id).length),
    [3, 0, 0, 3],
  );
});

test('when nothing is in its way any more, it is made as the others were', () => {
  const swarm = new Swarm('a');
  for (const id of ['odd', 'web']) swarm.addService(id, replicas(3));
  stumble(swarm, 'odd');
  swarm.changeLeader();
  swarm.run();
  assert.deepEqual(swarm.slots('odd'), [1, 2, 3]);
  assert.deepEqual(swarm.slots('web'), [1, 2, 3]);
});

test('a run in which nothing throws sets one mark and no more', () => {
  const swarm = new Swarm('a');
  for (let i = 0; i < 20; i += 1) swarm.addService(`s${i}`);
  let marks = 0;
  swarm.store.updateNow(anyone, (draft) => {
    const counting: Draft = Object.assign(Object.create(draft) as Draft, {
      mark: () => {
        marks += 1;
        return draft.mark();
      },
    });
    let made = 0;
    const id = () => `new${++made}`;
    orchestrate({ draft: counting, now: swarm.now, id, dirty: everythingDirty }, 500);
  });
  assert.equal(marks, 1);
});
