import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster, aNode } from '@swarmkit/sdk/testkit/fixtures';
import {
  type AssignmentChange,
  AssignmentChange_AssignmentAction,
  AssignmentsMessage,
  SessionMessage,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import { Config, Secret } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EncodedChanges } from '../core/encoded-changes.js';
import { SessionMessages } from '../core/session-message.js';
import { taskOn } from './leader.js';

const { UPDATE, REMOVE } = AssignmentChange_AssignmentAction;
const head = { type: 1, appliesTo: '1', resultsIn: '2' };
const secret = (id: string, size = 10) =>
  Secret.create({ id, spec: { data: Buffer.alloc(size, id) } });
const ofSecret = (value: Secret, action = UPDATE): AssignmentChange => ({
  action,
  assignment: { item: { $case: 'secret', value } },
});
const received = (message: AssignmentsMessage) =>
  AssignmentsMessage.decode(AssignmentsMessage.encode(message).finish());

describe('changes', () => {
  it('arrive as they would without a cache, in their order', () => {
    const changes: AssignmentChange[] = [
      ofSecret(secret('s1')),
      {
        action: UPDATE,
        assignment: { item: { $case: 'config', value: Config.create({ id: 'c' }) } },
      },
      { action: UPDATE, assignment: { item: { $case: 'task', value: taskOn('n') } } },
      ofSecret(secret('s2'), REMOVE),
    ];
    const cache = new EncodedChanges();
    for (let i = 0; i < 2; i++)
      assert.deepEqual(
        AssignmentsMessage.encode(cache.message(head, changes)).finish(),
        AssignmentsMessage.encode({ ...head, changes }).finish(),
      );
    assert.equal(received(cache.message(head, [])).changes.length, 0);
  });

  it('that many nodes share are encoded once', () => {
    const cache = new EncodedChanges();
    const shared = secret('s', 1_000);
    const pieces = [1, 2].map(
      () => cache.message(head, [ofSecret(shared)])._unknownFields?.[34]?.[0],
    );
    assert.equal(pieces[0], pieces[1]);
    assert.ok((pieces[0]?.length ?? 0) > 1_000);
  });

  it('are kept up to a number of bytes, the latest used longest', () => {
    const cache = new EncodedChanges(2_500);
    const [a, b, c] = ['a', 'b', 'c'].map((id) => secret(id, 1_000)) as [Secret, Secret, Secret];
    const piece = (one: Secret) => cache.message(head, [ofSecret(one)])._unknownFields?.[34]?.[0];
    const [first, second] = [piece(a), piece(b)];
    assert.equal(piece(a), first);
    piece(c);
    assert.equal(piece(a), first);
    assert.notEqual(piece(b), second);
    for (let i = 0; i < 50; i++) piece(secret(`x${i}`, 5_000));
    assert.ok(cache.heldBytes <= 2_500);
  });
});

describe('session messages', () => {
  const members = [
    { raftId: 1n, nodeId: 'm1', address: '10.0.0.1:4242', reachable: true, votes: true },
    { raftId: 2n, nodeId: 'm2', address: '', reachable: true, votes: true },
  ];
  it('share what is the same for all, and follow every change of it', () => {
    const store = new FakeStore().seed({
      node: ['a', 'b'].map((id) => aNode({ id })),
      cluster: [aCluster({ id: 'cluster', rootCa: { caCert: Buffer.from('roots') } })],
    });
    const messages = new SessionMessages();
    const heard = (nodeId: string, list = members) => {
      const message = messages.message(store.view(), list, nodeId, `session ${nodeId}`);
      return SessionMessage.decode(SessionMessage.encode(message).finish());
    };
    assert.deepEqual(
      [heard('a'), heard('b')].map(({ sessionId, node, managers, RootCA }) => [
        sessionId,
        node?.id,
        managers.map(({ peer }) => peer?.addr).join(),
        RootCA.toString(),
      ]),
      [
        ['session a', 'a', '10.0.0.1:4242', 'roots'],
        ['session b', 'b', '10.0.0.1:4242', 'roots'],
      ],
    );
    const shared = () => messages.message(store.view(), [...members], 'a', '')._unknownFields;
    assert.equal(shared(), shared());
    store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
      const cluster = draft.get('cluster', 'cluster');
      assert.ok(cluster?.rootCa !== undefined);
      draft.update('cluster', {
        ...cluster,
        rootCa: { ...cluster.rootCa, caCert: Buffer.from('new') },
      });
    });
    assert.equal(heard('a').RootCA.toString(), 'new');
    const moved = [{ ...members[0]!, address: '10.0.0.9:4242' }];
    assert.deepEqual(
      heard('b', moved).managers.map(({ peer }) => peer?.addr),
      ['10.0.0.9:4242'],
    );
  });
});
