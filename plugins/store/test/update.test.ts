import assert from 'node:assert/strict';
import test from 'node:test';
import type { Draft, Writer } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { isInvariantError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import { aCluster, aNode, aService, aTask, aTaskOf } from '@swarmkit/sdk/testkit/fixtures';
import { Extension, Resource } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { InternalRaftRequest, StoreActionKind } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { anyone, Rig } from './rig.js';

const refused = (code: string, message?: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof SwarmError, String(error));
  assert.equal(error.code, code);
  if (typeof message === 'string') assert.equal(error.message, message);
  else if (message !== undefined) assert.match(error.message, message);
  return true;
};
const broken = (code: string) => (error: unknown) => {
  assert.ok(isInvariantError(error), String(error));
  assert.equal(error.code, code);
  return true;
};

test('an update is seen in the head at once, in the view when it is committed, by its caller then', async () => {
  const rig = new Rig();
  let done = false;
  const update = rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'n' })));
  void update.then(() => {
    done = true;
  });
  assert.equal(rig.store.head().get('node', 'n')?.id, 'n');
  assert.equal(rig.store.view().get('node', 'n'), undefined);
  assert.equal(rig.store.inFlight, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(done, false);
  await rig.settle();
  assert.equal(done, true);
  assert.equal(rig.store.view().get('node', 'n'), await update);
  assert.equal(rig.store.inFlight, 0);
});

test('versions: the index before the entry’s own, one for the whole entry, unique when pipelined', async () => {
  const rig = new Rig();
  rig.consensus.foreign(new Uint8Array(0));
  const create = (...ids: readonly string[]) =>
    rig.store.update(anyone, (draft) => {
      for (const id of ids) draft.create('node', aNode({ id, meta: undefined }));
    });
  const first = rig.now;
  void create('a', 'b');
  rig.now += 5000;
  void create('c');
  void rig.store.update(anyone, (draft) => {
    const a = draft.get('node', 'a');
    if (a !== undefined) draft.update('node', { ...a, role: 1 });
  });
  await rig.settle();
  const metaOf = (id: string) => rig.store.view().get('node', id)?.meta;
  assert.deepEqual(metaOf('b')?.version, { index: 1n });
  assert.deepEqual(metaOf('c')?.version, { index: 2n });
  assert.deepEqual(metaOf('a'), {
    version: { index: 3n },
    createdAt: timestampFromMs(first),
    updatedAt: timestampFromMs(first + 5000),
  });
  assert.deepEqual(
    rig.commits.map(({ index }) => index),
    [2n, 3n, 4n],
  );
  assert.equal(rig.store.view().index, 4n);
  assert.equal(rig.replica.view().get('node', 'a')?.meta?.version?.index, 3n);
});

test('an update that changes nothing is not proposed, and keeps the object', async () => {
  const rig = new Rig();
  void rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'n' })));
  await rig.settle();
  const before = rig.store.view().get('node', 'n') ?? assert.fail();
  const spec = before.spec ?? assert.fail();
  await rig.store.update(anyone, (draft) => draft.update('node', { ...before, spec: { ...spec } }));
  await rig.store.update(anyone, () => undefined);
  await rig.store.update(anyone, (draft) => {
    draft.create('task', aTask({ id: 't' }));
    draft.remove('task', 't');
  });
  assert.equal(rig.consensus.lastIndex, 1n);
  assert.equal(rig.store.head().get('node', 'n'), before);
});

test('what a draft refuses, with SwarmKit’s words', async () => {
  const rig = new Rig();
  rig.consensus.foreign(new Uint8Array(0));
  const refusal = (change: (draft: Draft) => unknown) => rig.store.update(anyone, change);
  void rig.store.update(anyone, (draft) => {
    draft.create('service', aService({ id: 's', spec: { annotations: { name: 'web' } } }));
    draft.create('extension', Extension.fromPartial({ id: 'e', annotations: { name: 'Thing' } }));
    draft.create(
      'resource',
      Resource.fromPartial({ id: 'r', annotations: { name: 'one' }, kind: 'Thing' }),
    );
  });
  await rig.settle();
  const stored = rig.store.view().get('service', 's') ?? assert.fail();
  await assert.rejects(
    refusal((draft) => draft.create('service', aService({ id: 's' }))),
    refused('STORE_EXISTS', 'object already exists'),
  );
  await assert.rejects(
    refusal((draft) =>
      draft.create('service', aService({ spec: { annotations: { name: 'WEB' } } })),
    ),
    refused('STORE_NAME_CONFLICT', 'name conflicts with an existing object'),
  );
  await assert.rejects(
    refusal((draft) =>
      draft.create('extension', Extension.fromPartial({ id: 'x', annotations: { name: 'task' } })),
    ),
    refused('STORE_NAME_CONFLICT'),
  );
  await assert.rejects(
    refusal((draft) => draft.update('service', aService({ id: 'other' }))),
    refused('STORE_MISSING', 'object does not exist'),
  );
  await assert.rejects(
    refusal((draft) => draft.remove('task', 'other')),
    refused('STORE_MISSING', 'object does not exist'),
  );
  await assert.rejects(
    refusal((draft) =>
      draft.update('service', { ...stored, pendingDelete: true, meta: undefined }),
    ),
    refused('STORE_CONFLICT', 'update out of sequence'),
  );
  await assert.rejects(
    refusal((draft) => draft.create('resource', Resource.fromPartial({ id: 'q', kind: 'None' }))),
    refused('STORE_NO_KIND', 'object kind is unregistered'),
  );
  const extension = rig.store.view().get('extension', 'e') ?? assert.fail();
  await assert.rejects(
    refusal((draft) => draft.update('extension', { ...extension, description: 'new' })),
    refused('STORE_EXTENSION_UPDATE'),
  );
  await assert.rejects(
    refusal((draft) => draft.remove('extension', 'e')),
    refused('STORE_EXTENSION_USED'),
  );
  await assert.rejects(
    refusal((draft) => draft.find('node', { by: 'service', id: 's' })),
    refused('STORE_FIND', 'invalid find argument type'),
  );
  assert.equal(rig.consensus.lastIndex, 2n);
});

test('an object that another writer changed in the same draft must be read again', async () => {
  const rig = new Rig();
  rig.consensus.foreign(new Uint8Array(0));
  void rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'n' })));
  await rig.settle();
  await assert.rejects(
    rig.store.update(anyone, (draft) => {
      const stale = draft.get('node', 'n') ?? assert.fail();
      draft.update('node', { ...stale, role: 1 });
      draft.update('node', { ...stale, VXLANUDPPort: 1 });
    }),
    refused('STORE_CONFLICT'),
  );
});

test('each writer in a shared draft is held to its own fields, and named', async () => {
  const rig = new Rig();
  const scheduler: Writer = { id: 'scheduler', writes: ['task.placement'] };
  const orchestrator: Writer = {
    id: 'orchestrator',
    writes: ['task.existence', 'task.desiredState'],
  };
  const turn: Writer = { id: 'turn', writes: [] };
  const create = (draft: Draft) =>
    draft.as(orchestrator).create('task', aTask({ id: 't', status: { state: TaskState.PENDING } }));
  await assert.rejects(
    rig.store.update(turn, (draft) => {
      draft.as(scheduler).update('task', { ...create(draft), desiredState: TaskState.SHUTDOWN });
    }),
    refused(
      'STORE_FIELD',
      /^scheduler must not change desiredState of task t: .*task\.desiredState/,
    ),
  );
  assert.equal(rig.store.head().get('task', 't'), undefined);
  void rig.store.update(turn, (draft) => {
    draft.as(scheduler).update('task', { ...create(draft), nodeId: 'n' });
  });
  await rig.settle();
  assert.deepEqual(rig.commits.at(-1)?.by, ['orchestrator', 'scheduler']);
  assert.deepEqual(
    rig.commits.at(-1)?.changes.map(({ action, id }) => `${action} ${id}`),
    ['create t'],
    'both are one action',
  );
});

test('misuse of a draft breaks an invariant', async () => {
  const rig = new Rig();
  let kept: Draft | undefined;
  await rig.store.update(anyone, (draft) => {
    kept = draft;
  });
  assert.throws(() => kept?.count('node'), broken('STORE_DRAFT_ENDED'));
  await assert.rejects(
    rig.store.update(anyone, async () => undefined),
    broken('STORE_ASYNC_UPDATE'),
  );
  const { inner } = await rig.store.update(anyone, () => ({
    inner: rig.store.update(anyone, () => 1).catch((error: unknown) => error),
  }));
  assert.ok(broken('STORE_NESTED_UPDATE')(await inner));
  await assert.rejects(
    rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: '' }))),
    broken('STORE_NO_ID'),
  );
});

test('an entry is a request that SwarmKit reads; a removed task leaves its spec out', async () => {
  const rig = new Rig();
  const service = aService({ id: 's' });
  void rig.store.update(anyone, (draft) => {
    draft.create('service', service);
    draft.create('task', aTaskOf(service, { id: 't' }));
  });
  void rig.store.update(anyone, (draft) => draft.remove('task', 't'));
  await rig.settle();
  const [made, removed] = rig.consensus.committed.map(({ data }) =>
    InternalRaftRequest.decode(data),
  );
  assert.ok(
    made !== undefined && removed !== undefined && made.id !== removed.id && made.id !== 0n,
  );
  assert.deepEqual(
    made.action.map(({ action, target }) => [action, target?.$case, target?.value.id]),
    [
      [StoreActionKind.STORE_ACTION_CREATE, 'service', 's'],
      [StoreActionKind.STORE_ACTION_CREATE, 'task', 't'],
    ],
  );
  const [gone] = removed.action;
  assert.equal(gone?.action, StoreActionKind.STORE_ACTION_REMOVE);
  assert.ok(gone?.target?.$case === 'task');
  assert.deepEqual(
    [gone.target.value.id, gone.target.value.serviceId, gone.target.value.spec],
    ['t', 's', undefined],
  );
  const told = rig.commits.at(-1)?.changes[0];
  assert.ok(
    told?.kind === 'task' && told.object.spec !== undefined,
    'readers are told the whole task',
  );
});

test('commits are told in order, after the state has changed, to readers that write in turn', async () => {
  const rig = new Rig();
  const seen: string[] = [];
  rig.store.commits$.subscribe(({ index, changes }) => {
    for (const { id } of changes) {
      assert.ok(rig.store.view().get('node', id));
      seen.push(`${index} ${id}`);
      if (id === 'a')
        void rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'c' })));
    }
  });
  void rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'a' })));
  void rig.store.update(anyone, (draft) => draft.create('node', aNode({ id: 'b' })));
  await rig.settle();
  await rig.settle();
  assert.deepEqual(seen, ['1 a', '2 b', '3 c']);
});

test('what the cluster says of its log is what is committed, and the same object until that changes', async () => {
  const rig = new Rig();
  assert.equal(rig.store.raftConfig(), undefined);
  const write = async (change: (draft: Draft) => unknown): Promise<void> => {
    const written = rig.store.update(anyone, change);
    await rig.settle();
    await written;
  };
  await write((draft) => draft.create('cluster', aCluster({ id: 'c' })));
  for (const member of [rig.store, rig.replica])
    assert.equal(member.raftConfig()?.snapshotInterval, 10_000n);
  const before = rig.store.raftConfig();
  await write((draft) => draft.create('node', aNode({ id: 'n' })));
  assert.equal(rig.store.raftConfig(), before);
  await write((draft) => {
    const cluster = draft.get('cluster', 'c');
    const spec = cluster?.spec;
    if (cluster !== undefined && spec?.raft !== undefined)
      draft.update('cluster', {
        ...cluster,
        spec: { ...spec, raft: { ...spec.raft, snapshotInterval: 7n } },
      });
  });
  for (const member of [rig.store, rig.replica])
    assert.equal(member.raftConfig()?.snapshotInterval, 7n);
});
