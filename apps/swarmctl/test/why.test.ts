import assert from 'node:assert/strict';
import test from 'node:test';
import { aNode, aService, aTaskOf, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { why } from '../actions/why.js';

const service = aService({
  spec: { task: { restart: { delay: { seconds: 3n, nanos: 0 } } } },
});
const node = aNode({ description: { hostname: 'alpha' } });
const say = (
  state: TaskState,
  { err = '', message = '', ...rest }: Partially<Task> & { err?: string; message?: string } = {},
): string =>
  why({ task: aTaskOf(service, { ...rest, status: { state, err, message } }), service, node });

test('each state says why the task does not run', () => {
  const expected: readonly (readonly [string, string])[] = [
    [say(TaskState.NEW), 'it waits for its networks and ports to be allocated'],
    [say(TaskState.NEW, { err: 'no address left' }), 'no address left'],
    [say(TaskState.PENDING), 'it waits to be given a node'],
    [say(TaskState.ASSIGNED), 'its node has not taken it up yet'],
    [say(TaskState.ACCEPTED, { message: 'accepted' }), 'its node works on it (accepted)'],
    [say(TaskState.PREPARING, { message: 'preparing' }), 'its node works on it (preparing)'],
    [say(TaskState.PREPARING, { err: 'no such host' }), 'its node tries again: no such host'],
    [
      say(TaskState.READY, { desiredState: TaskState.READY }),
      'it is ready and waits for its turn: 3 s after a failure, or until the task that it replaces has stopped',
    ],
    [say(TaskState.STARTING, { message: 'starting' }), 'its node works on it (starting)'],
    [say(TaskState.RUNNING), ''],
    [say(TaskState.RUNNING, { desiredState: TaskState.SHUTDOWN }), 'it was told to stop'],
    [say(TaskState.COMPLETE), 'its command ended by itself, without an error'],
    [say(TaskState.SHUTDOWN, { desiredState: TaskState.SHUTDOWN }), 'it was told to stop'],
    [say(TaskState.FAILED, { err: 'exit 1' }), 'it failed: exit 1'],
    [say(TaskState.FAILED), 'it failed'],
    [say(TaskState.REJECTED, { err: 'no such image' }), 'its node could not run it: no such image'],
    [say(TaskState.ORPHANED), 'its node was lost, and what became of it is not known'],
    [say(TaskState.REMOVE, { desiredState: TaskState.REMOVE }), 'it was told to stop'],
  ];
  for (const [said, sentence] of expected) assert.equal(said, sentence);
});

test('a pending task names what the service asks for', () => {
  const pending = (err: string, spec: Partially<NonNullable<Task['spec']>>): string =>
    say(TaskState.PENDING, { err, spec });
  assert.equal(
    pending('no suitable node (scheduling constraints not satisfied on 1 node)', {
      placement: { constraints: ['node.role==worker', 'node.labels.a==b'] },
    }),
    'no node can take it: no suitable node (scheduling constraints not satisfied on 1 node); it asks for node.role==worker and node.labels.a==b',
  );
  assert.equal(
    pending('no suitable node (insufficient resources on 2 nodes)', {
      resources: { reservations: { nanoCpus: 64_000_000_000n, memoryBytes: 1n << 40n } },
    }),
    'no node can take it: no suitable node (insufficient resources on 2 nodes); it reserves 64 CPUs, 1 TiB',
  );
  assert.match(
    pending('no suitable node (max replicas per node limit exceed)', {
      placement: { maxReplicas: 2n },
    }),
    /; at most 2 may run on one node$/,
  );
});

test('a task on a node that is not ready waits for the node', () => {
  const task = aTaskOf(service, { status: { state: TaskState.ASSIGNED } });
  const down = aNode({
    description: { hostname: 'beta' },
    status: { state: NodeStatus_State.DOWN },
  });
  assert.equal(why({ task, service, node: down }), 'its node beta is down, so nobody works on it');
});

test('tasks outlive their service', () => {
  const task = aTaskOf(service, { desiredState: TaskState.REMOVE });
  assert.equal(why({ task, service: undefined, node }), 'its service was removed, so it stops');
});
