import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, ObjectKind } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aNode, aService, aTaskOf, fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { dirtyOf, StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { allocate } from '../core/allocate.js';
import { Allocator } from '../shell/allocator.js';

/** How many tasks are read for a change: those of the nodes and networks that it is about. */

const user = { id: 'user', writes: ['any'] } as const;
const NODES = 20;
const ON_A_NODE = 10;
const ipam = smallIpam(24);

/** Engines with an address on ingress each and tasks on no network; on one of them one task on `front`. */
function settled(): FakeStore {
  const store = new FakeStore();
  const plain = aService({ id: 'plain' });
  const joined = aService({ id: 'joined', spec: { task: { networks: [{ target: 'front' }] } } });
  const ids = Array.from({ length: NODES }, (_, n) => `node${n}`);
  store.seed({
    network: [aNetwork({ id: 'ingress', spec: { ingress: true } }), aNetwork({ id: 'front' })],
    node: ids.map((id) =>
      aNode({ id, description: { engine: { plugins: [{ type: 'Network', name: 'overlay' }] } } }),
    ),
    service: [plain, joined],
    task: [
      ...ids.flatMap((nodeId) =>
        Array.from({ length: ON_A_NODE }, (_, at) =>
          aTaskOf(plain, { id: `${nodeId}.${at}`, nodeId }),
        ),
      ),
      aTaskOf(joined, { id: 'on-front', status: { state: TaskState.NEW } }),
    ],
  });
  const runner = new StageRunner(store, new Allocator(() => ipam));
  runner.run();
  store.updateNow(user, (draft) => {
    const task = draft.get('task', 'on-front')!;
    draft.update('task', {
      ...task,
      nodeId: 'node7',
      status: { ...task.status!, state: TaskState.RUNNING },
    });
  });
  runner.run();
  const attached = store.view().get('node', 'node7')?.attachments;
  assert.deepEqual(
    attached?.map(({ network }) => network?.id),
    ['ingress', 'front'],
  );
  return store;
}

/** How many tasks the store hands out to a run that is shown what `act` changed. */
function tasksRead(store: FakeStore, act: (draft: Draft) => void): number {
  const before = store.commits.length;
  store.updateNow(user, act);
  const dirty = dirtyOf(store.commits.slice(before));
  let read = 0;
  store.updateNow(user, (draft) => {
    const counting: Draft = Object.assign(Object.create(draft) as Draft, {
      get: (kind: ObjectKind, id: string) => draft.get(kind, id),
      find: (kind: ObjectKind, by: Parameters<Draft['find']>[1]) => {
        const found = draft.find(kind, by);
        if (kind === 'task') read += found.length;
        return found;
      },
    });
    allocate({ draft: counting, now: fixtureTime, id: () => '', dirty }, ipam, 100);
  });
  return read;
}

test('an address more costs a look at no task, however many there are on the network', () => {
  const store = settled();
  const read = tasksRead(store, (draft) => {
    const joined = draft.get('service', 'joined')!;
    draft.create('task', aTaskOf(joined, { id: 'new', status: { state: TaskState.NEW } }));
  });
  assert.equal(store.view().get('task', 'new')?.networks[0]?.addresses.length, 1);
  assert.equal(read, 0);
});

test('a task that is removed costs a look at its node, for what it needs no longer and what it lacks', () => {
  const read = tasksRead(settled(), (draft) => draft.remove('task', 'node3.4'));
  assert.equal(read, 2 * (ON_A_NODE - 1));
});

test('the node of a task that is removed gives up its address, though it never ended', () => {
  const store = settled();
  tasksRead(store, (draft) => draft.remove('task', 'on-front'));
  const left = store.view().get('node', 'node7')?.attachments;
  assert.deepEqual(
    left?.map(({ network }) => network?.id),
    ['ingress'],
  );
});

test('as long as a network has no address for somebody, each change costs a look at where its tasks are', () => {
  const store = settled();
  const lacking = (id: string): void => {
    store.updateNow(user, (draft) => {
      const network = draft.get('network', id)!;
      draft.update('network', { ...network, addressHistory: { last: '', freed: [], full: true } });
    });
  };
  const relabel = (draft: Draft): void => {
    const service = draft.get('service', 'plain')!;
    draft.update('service', { ...service, specVersion: { index: 2n } });
  };
  lacking('front');
  assert.equal(tasksRead(store, relabel), 1 + (ON_A_NODE + 1));
  lacking('ingress');
  assert.equal(tasksRead(store, relabel), NODES * ON_A_NODE + 1);
});
