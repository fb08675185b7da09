import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store } from '@swarmkit/sdk/contracts/store';
import type { Context } from '@swarmkit/sdk/plugin/plugin';
import type { Token } from '@swarmkit/sdk/plugin/token';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aCluster } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { METHOD_ROLES } from '@swarmkit/sdk/wire/method-roles';
import { type Caller, refuseRemoved } from '../core/refuse-removed.js';
import { removedNodes } from '../plugin.js';

const text = (who: string, id: string): string =>
  `Permission denied: unauthorized ${who} role: rpc error: code = PermissionDenied desc = Permission denied: node ${id} was removed from swarm`;

const store = () =>
  new FakeStore().seed({
    cluster: [aCluster({ blacklistedCertificates: { gone: {} } as never })],
  });

const answer = (call: Partial<Caller>): string => {
  const whole: Caller = {
    path: '/docker.swarmkit.v1.Dispatcher/Session',
    exposure: 'remote',
    peer: { nodeId: 'gone' },
    ...call,
  };
  try {
    refuseRemoved(whole, store().view());
    return 'passes';
  } catch (error) {
    assert.equal((error as { kind?: string }).kind, 'permission-denied');
    return (error as Error).message;
  }
};

test('a removed node is refused, itself and as the one that passes a call on', () => {
  assert.equal(answer({}), text('peer', 'gone'));
  assert.equal(answer({ peer: { nodeId: 'here' } }), 'passes');
  assert.equal(
    answer({ peer: { nodeId: 'here', forwardedBy: 'gone' } }),
    text('forwarder', 'gone'),
  );
  assert.equal(answer({ peer: { nodeId: 'gone', forwardedBy: 'm' } }), text('peer', 'gone'));
  // Names that every object has are no nodes.
  assert.equal(answer({ peer: { nodeId: 'constructor' } }), 'passes');
  assert.equal(answer({ peer: { nodeId: '__proto__' } }), 'passes');
});

test('every method but those for everybody is closed to it', () => {
  for (const [path, roles] of Object.entries(METHOD_ROLES))
    assert.equal(answer({ path }), roles === 'insecure' ? 'passes' : text('peer', 'gone'), path);
  assert.equal(answer({ path: '/vendor.Service/Method' }), text('peer', 'gone'));
});

test('the control socket is this machine’s own', () => {
  assert.equal(answer({ exposure: 'control' }), 'passes');
});

test('before there is a cluster nobody was removed', () => {
  const call: Caller = { path: '/x/y', exposure: 'remote', peer: { nodeId: 'gone' } };
  refuseRemoved(call, new FakeStore().view());
});

test('the plugin stands guard while it runs, and sees removals at once', async () => {
  const state = store();
  const network = new LoopbackNetwork(new VirtualEnv('removed').clock);
  const server = network.server('10.0.0.1:4242');
  server.mount({
    definition: CAService,
    expose: ['remote'],
    handlers: {
      getUnlockKey: { unary: () => ({ unlockKey: Buffer.alloc(0), version: undefined }) },
    },
  });
  server.mount({
    definition: NodeCAService,
    expose: ['remote'],
    handlers: { nodeCertificateStatus: { unary: () => ({}) } },
  });
  const ctx = {
    get: (token: Token<unknown>) =>
      token.id === Store.id ? state : token.id === RpcServer.id ? server : undefined,
  } as unknown as Context;
  const ask = (nodeId: string) =>
    network
      .client({ nodeId, clusterId: 'c' })
      .connect('10.0.0.1:4242')
      .unary(CAService.getUnlockKey, {})
      .then(
        () => 'passes',
        (error: Error) => error.message,
      );

  assert.equal(await ask('gone'), 'passes');
  void removedNodes.start?.(ctx);
  assert.equal(await ask('gone'), text('peer', 'gone'));
  assert.equal(await ask('here'), 'passes');
  state.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
    const [cluster] = draft.find('cluster', { by: 'all' });
    assert.ok(cluster !== undefined);
    draft.update('cluster', {
      ...cluster,
      blacklistedCertificates: { here: { expiry: undefined } },
    });
  });
  assert.equal(await ask('here'), text('peer', 'here'));
  assert.equal(await ask('gone'), 'passes');
  void removedNodes.stop?.(ctx);
  assert.equal(await ask('here'), 'passes');
});
