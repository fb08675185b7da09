import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RootMaterial } from '@swarmkit/sdk/contracts/certificate-authority';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Network } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability, NodeSpec_Membership } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { IssuanceStatus_State, NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { CLUSTER_WRITER, seed } from '../core/seed.js';
import { announce } from '../shell/announcer.js';
import { type SeederParts, seedUntilDone } from '../shell/seeder.js';

const root: RootMaterial = {
  certificatePem: 'the certificate',
  keyPem: 'the key',
  digest: `sha256:${'ab'.repeat(32)}`,
  workerToken: 'worker token',
  managerToken: 'manager token',
};

function inputFor(env = new VirtualEnv('seed')) {
  let asked = 0;
  return {
    clusterId: 'cluster1',
    nodeId: 'node1',
    root: () => {
      asked++;
      return root;
    },
    id: () => env.id(),
    timesAsked: () => asked,
  };
}

const named = (store: FakeStore, name: string): Network | undefined =>
  store.view().find('network', { by: 'name', value: name })[0];

test('a new cluster gets its object, its first node and its networks in one commit', () => {
  const store = new FakeStore();
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, inputFor()));

  assert.equal(store.commits.length, 1);
  const cluster = store.view().get('cluster', 'cluster1');
  assert.equal(cluster?.spec?.annotations?.name, 'default');
  assert.equal(cluster?.spec?.orchestration?.taskHistoryRetentionLimit, 5n);
  assert.deepEqual(cluster?.spec?.dispatcher?.heartbeatPeriod, { seconds: 5n, nanos: 0 });
  assert.equal(cluster?.spec?.caConfig?.nodeCertExpiry?.seconds, 7_776_000n);
  assert.equal(cluster?.spec?.raft?.snapshotInterval, 10_000n);
  assert.equal(cluster?.spec?.raft?.logEntriesForSlowFollowers, 500n);
  assert.equal(cluster?.spec?.raft?.heartbeatTick, 1);
  assert.equal(cluster?.spec?.raft?.electionTick, 10);
  assert.equal(cluster?.rootCa?.caCert.toString(), 'the certificate');
  assert.equal(cluster?.rootCa?.caKey.toString(), 'the key');
  assert.equal(cluster?.rootCa?.caCertHash, root.digest);
  assert.equal(cluster?.rootCa?.joinTokens?.worker, 'worker token');
  assert.equal(cluster?.rootCa?.joinTokens?.manager, 'manager token');

  const node = store.view().get('node', 'node1');
  assert.equal(node?.role, NodeRole.MANAGER);
  assert.equal(node?.spec?.desiredRole, NodeRole.MANAGER);
  assert.equal(node?.spec?.membership, NodeSpec_Membership.ACCEPTED);
  assert.equal(node?.spec?.availability, NodeSpec_Availability.ACTIVE);
  assert.equal(node?.certificate?.status?.state, IssuanceStatus_State.ISSUED);
  assert.equal(node?.certificate?.cn, 'node1');
  assert.equal(node?.managerStatus, undefined);

  assert.equal(named(store, 'ingress')?.spec?.ingress, true);
  assert.equal(named(store, 'ingress')?.spec?.driverConfig?.name, '');
  for (const name of ['bridge', 'host']) {
    const spec = named(store, name)?.spec;
    assert.equal(spec?.driverConfig?.name, name);
    assert.equal(spec?.annotations?.labels['com.docker.swarm.predefined'], 'true');
  }
});

test('the next election finds nothing to do and makes no new tokens', () => {
  const store = new FakeStore();
  const input = inputFor();
  for (let election = 0; election < 3; election++)
    store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, input));
  assert.equal(store.commits.length, 1);
  assert.equal(input.timesAsked(), 1);
});

test('a removed ingress network stays removed; a missing predefined one comes back', () => {
  const store = new FakeStore();
  const input = inputFor();
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, input));
  store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
    for (const name of ['ingress', 'bridge']) draft.remove('network', named(store, name)?.id ?? '');
  });
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, input));
  assert.equal(named(store, 'ingress'), undefined);
  assert.notEqual(named(store, 'bridge'), undefined);
});

test('what users changed is left alone', () => {
  const store = new FakeStore();
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, inputFor()));
  store.updateNow({ id: 'test', writes: ['any'] }, (draft) => {
    const node = draft.get('node', 'node1');
    assert.ok(node?.spec);
    draft.update('node', {
      ...node,
      spec: { ...node.spec, availability: NodeSpec_Availability.DRAIN },
    });
  });
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, inputFor()));
  assert.equal(store.view().get('node', 'node1')?.spec?.availability, NodeSpec_Availability.DRAIN);
});

test('certificates of another cluster than the stored one are refused', () => {
  const store = new FakeStore();
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, inputFor()));
  assert.throws(
    () =>
      store.updateNow(CLUSTER_WRITER, (draft) =>
        seed(draft, { ...inputFor(), clusterId: 'cluster2' }),
      ),
    { code: 'CLUSTER_FOREIGN', message: /cluster2.*cluster1/ },
  );
});

function partsFor(store: FakeStore, env: VirtualEnv): SeederParts & { warnings: string[] } {
  const warnings: string[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    error: () => undefined,
    warn: (...args: unknown[]) => {
      warnings.push(String(args.at(-1)));
    },
  };
  return {
    store,
    env,
    log,
    warnings,
    identity: { current: () => ({ clusterId: 'cluster1', nodeId: 'node1' }) } as never,
    authority: { bootstrap: () => root } as never,
  };
}

test('a write that fails for the moment is tried again', async () => {
  const store = new FakeStore();
  const env = new VirtualEnv('retry');
  const parts = partsFor(store, env);
  store.refuseNext(new SwarmError('resource-exhausted', 'RAFT_BUSY', 'too much uncommitted'));
  const done = seedUntilDone(parts, new AbortController().signal);
  await env.clock.until(() => store.commits.length === 1);
  await done;
  assert.equal(parts.warnings.length, 1);
});

test('losing the leadership ends the attempts quietly', async () => {
  const store = new FakeStore();
  const env = new VirtualEnv('lost');
  const parts = partsFor(store, env);
  const stop = new AbortController();
  store.refuseNext(new SwarmError('unavailable', 'RAFT_NOT_LEADER', 'this node does not lead'));
  const done = seedUntilDone(parts, stop.signal);
  await env.clock.until(() => parts.warnings.length === 1);
  stop.abort();
  await done;
  assert.equal(store.commits.length, 0);
});

test('a missing root key is a fault, not something to wait for', async () => {
  const env = new VirtualEnv('no key');
  const authority = {
    bootstrap: () => {
      throw new SwarmError('failed-precondition', 'CA_NO_KEY', 'no root key here');
    },
  };
  const parts = { ...partsFor(new FakeStore(), env), authority: authority as never };
  await assert.rejects(seedUntilDone(parts, new AbortController().signal), { code: 'CA_NO_KEY' });
});

test('a founded cluster says how others come to it, with the tokens of its object', () => {
  const store = new FakeStore();
  const said: string[] = [];
  const log = { info: (_fields: object, text: string) => void said.push(text) } as never;
  announce({ store, log }, '10.0.0.1:4242');
  assert.deepEqual(said, []);
  store.updateNow(CLUSTER_WRITER, (draft) => seed(draft, inputFor()));
  announce({ store, log }, '10.0.0.1:4242');
  assert.deepEqual(said, [
    'to add a worker, run on another machine: swarmd --join-addr 10.0.0.1:4242 --join-token worker token',
    'to add a manager, run on another machine: swarmd --join-addr 10.0.0.1:4242 --join-token manager token',
  ]);
});
