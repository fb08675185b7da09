import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { changedStatus } from '@swarmkit/sdk/model/task-status';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import {
  anAttachment,
  aNetwork,
  aNode,
  aService,
  aTaskOf,
  fixtureTime,
  type Partially,
} from '@swarmkit/sdk/testkit/fixtures';
import { StageRunner } from '@swarmkit/sdk/testkit/run-stage';
import { smallIpam } from '@swarmkit/sdk/testkit/small-ipam';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { Allocator } from '../shell/allocator.js';

/** Containers that were started by hand: tasks of a node and of no service. Networks have five addresses: .2 to .6. */

const anyone = { id: 'anyone', writes: ['any'] } as const;
const { NEW, PENDING, ASSIGNED, FAILED } = TaskState;

let store: FakeStore;
let stage: StageRunner;
const run = () => stage.run({ now: fixtureTime });

beforeEach(() => {
  const overlay = [{ type: 'Network', name: 'overlay' }];
  store = new FakeStore().seed({
    network: [aNetwork({ id: 'front', spec: { attachable: true } })],
    node: ['a', 'b'].map((id) => aNode({ id, description: { engine: { plugins: overlay } } })),
  });
  stage = new StageRunner(store, new Allocator(smallIpam));
  run();
});

const attach = (id: string, overrides: Partially<Task> = {}): void => {
  store.updateNow(anyone, (draft) =>
    draft.create(
      'task',
      anAttachment('a', ['front'], { id, status: { state: NEW }, ...overrides }),
    ),
  );
  run();
};
const detach = (id: string): void => {
  store.updateNow(anyone, (draft) => draft.remove('task', id));
  run();
};
const task = (id: string): Task => store.view().get('task', id) as Task;
const becomes = (id: string, state: TaskState): void => {
  store.updateNow(anyone, (draft) => {
    const old = draft.get('task', id) as Task;
    draft.update('task', { ...old, status: changedStatus(old, fixtureTime, { state }) });
  });
  run();
};
const last = (address = ''): string => address.replace(/.*\.(\d+)\/29$/, '$1');
const addressOf = (id: string): string => last(task(id).networks[0]?.addresses[0]);
const onNode = (id: string): readonly string[] =>
  (store.view().get('node', id)?.attachments ?? []).map(({ addresses: [one] }) => last(one));

test('it has an address on its network before it is placed, and its node has one with it, and no other node', () => {
  attach('t');
  assert.equal(task('t').status?.state, PENDING);
  assert.equal(task('t').networks[0]?.network?.id, 'front');
  assert.match(addressOf('t'), /^[2-6]$/);
  becomes('t', ASSIGNED);
  assert.equal(onNode('a').length, 1);
  assert.notEqual(onNode('a')[0], addressOf('t'));
  assert.deepEqual(onNode('b'), []);
});

test('given up, its address and that of its node are free: others that wait are given them', () => {
  attach('1');
  // From here on the node has one of the five.
  becomes('1', ASSIGNED);
  for (const id of ['2', '3', '4']) attach(id);
  attach('waits');
  assert.equal(task('waits').status?.state, NEW);
  assert.match(task('waits').status?.err ?? '', /network front cannot be attached/);
  const { networks } = task('2');
  detach('2');
  assert.equal(task('waits').status?.state, PENDING);
  assert.deepEqual(task('waits').networks[0]?.addresses, networks[0]?.addresses);
  for (const id of ['1', '3', '4', 'waits']) detach(id);
  assert.deepEqual(onNode('a'), []);
});

test('it may ask for an address, and waits while somebody else has that', () => {
  const wanting = {
    spec: {
      runtime: { $case: 'attachment', value: { containerId: 'c' } },
      networks: [{ target: 'front', addresses: ['10.0.0.5'] }],
    },
  } as const;
  attach('first', wanting);
  attach('second', wanting);
  assert.equal(addressOf('first'), '5');
  assert.equal(task('second').status?.state, NEW);
  detach('first');
  assert.equal(addressOf('second'), '5');
});

test('one that failed holds nothing, also while it is still there', () => {
  attach('t');
  becomes('t', ASSIGNED);
  assert.equal(onNode('a').length, 1);
  becomes('t', FAILED);
  assert.deepEqual(onNode('a'), []);
});

test('services on the same network go on beside it', () => {
  attach('t');
  store.updateNow(anyone, (draft) => {
    const spec = { task: { networks: [{ target: 'front' }] } };
    const web = draft.create('service', aService({ id: 'web', spec }));
    draft.create('task', aTaskOf(web, { id: 'w', status: { state: NEW } }));
  });
  run();
  assert.notEqual(addressOf('w'), addressOf('t'));
  assert.equal(task('t').endpoint, undefined);
});
