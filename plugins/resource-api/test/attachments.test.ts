import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { timestampToMs } from '@swarmkit/sdk/model/time';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aNode, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { LoopbackNetwork } from '@swarmkit/sdk/testkit/loopback-rpc';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import {
  AttachNetworkRequest,
  ResourceAllocatorService,
} from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import type { NetworkAttachmentConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { resourceHandlers } from '../shell/handlers.js';

const address = '10.0.0.1:4242';

describe('resource api', () => {
  let store: FakeStore;
  let env: VirtualEnv;
  let network: LoopbackNetwork;

  beforeEach(() => {
    env = new VirtualEnv('resources');
    store = new FakeStore().seed({
      node: [aNode({ id: 'n1' }), aNode({ id: 'n2' })],
      network: [
        aNetwork({ id: 'net-f', spec: { annotations: { name: 'front' }, attachable: true } }),
        aNetwork({ id: 'net-b', spec: { annotations: { name: 'back' } } }),
        // Its name is the id of another one.
        aNetwork({ id: 'net-x', spec: { annotations: { name: 'net-f' }, attachable: true } }),
      ],
    });
    network = new LoopbackNetwork(env.clock);
    network.server('unix:/leader', address).mount({
      definition: ResourceAllocatorService,
      expose: ['control', 'remote'],
      handlers: resourceHandlers(store, env),
    });
  });

  const connection = (nodeId: string) => network.client({ nodeId }).connect(address);
  const attach = async (
    nodeId: string,
    config: Partial<NetworkAttachmentConfig> | undefined,
    containerId = 'c1',
  ): Promise<string> =>
    (
      await connection(nodeId).unary(
        ResourceAllocatorService.attachNetwork,
        AttachNetworkRequest.fromPartial({ config, containerId } as never),
      )
    ).attachmentId;
  const detach = async (nodeId: string, attachmentId: string): Promise<void> => {
    await connection(nodeId).unary(ResourceAllocatorService.detachNetwork, { attachmentId });
  };
  const refusal = (answer: Promise<unknown>): Promise<string> =>
    answer.then(
      () => 'none',
      (error: unknown) => (isSwarmError(error) ? `${error.kind}: ${error.message}` : String(error)),
    );
  const tasks = () => store.view().find('task', { by: 'all' });

  it('makes a task of the node that asks, without a service, as SwarmKit does', async () => {
    const id = await attach('n1', { target: 'front', addresses: ['10.0.1.9'], aliases: ['me'] });
    const [task] = tasks();
    assert.equal(task?.id, id);
    assert.equal(task?.nodeId, 'n1');
    assert.equal(task?.serviceId, '');
    assert.equal(task?.slot, 0n);
    assert.equal(task?.desiredState, TaskState.RUNNING);
    assert.deepEqual(task?.spec?.runtime, { $case: 'attachment', value: { containerId: 'c1' } });
    assert.deepEqual(
      task?.spec?.networks.map(({ target, addresses, aliases }) => [target, addresses, aliases]),
      [['net-f', ['10.0.1.9'], []]],
    );
    assert.deepEqual(task?.networks, []);
    const { state, message, timestamp } = task?.status ?? {};
    assert.deepEqual([state, message], [TaskState.NEW, 'created']);
    assert.equal(timestampToMs(timestamp), env.clock.now());
    assert.deepEqual(store.commits.at(-1)?.by, ['resource-api']);
  });

  it('takes a network by its id, else by its name', async () => {
    for (const target of ['net-f', 'front', 'net-x']) await attach('n1', { target });
    const targets = tasks().map(({ spec }) => spec?.networks[0]?.target);
    assert.deepEqual(targets.sort(), ['net-f', 'net-f', 'net-x']);
  });

  it('refuses in SwarmKit’s words, and makes nothing', async () => {
    assert.equal(await refusal(attach('n1', undefined)), 'invalid-argument: invalid argument');
    assert.equal(await refusal(attach('n1', {})), 'invalid-argument: invalid argument');
    const nothing = attach('n1', { target: 'front' }, '');
    assert.equal(await refusal(nothing), 'invalid-argument: invalid argument');
    const gone = attach('n1', { target: 'gone' });
    assert.equal(await refusal(gone), 'not-found: network gone not found');
    const inner = attach('n1', { target: 'back' });
    assert.equal(await refusal(inner), 'permission-denied: network back not manually attachable');
    assert.deepEqual(tasks(), []);
  });

  it('makes nothing for a node that was removed: nobody would ever give it up', async () => {
    const answer = attach('n9', { target: 'front' });
    assert.equal(await refusal(answer), 'not-found: node n9 not found');
    assert.deepEqual(tasks(), []);
  });

  it('removes the task when its node gives it up, once', async () => {
    const id = await attach('n1', { target: 'front' });
    await detach('n1', id);
    assert.deepEqual(tasks(), []);
    assert.equal(await refusal(detach('n1', id)), `not-found: attachment ${id} not found`);
  });

  it('lets no node give up what another has, nor a task of a service', async () => {
    const id = await attach('n1', { target: 'front' });
    store.seed({ task: [aTask({ id: 'served', nodeId: 'n2', serviceId: 's' })] });
    const text = `permission-denied: attachment ${id} doesn't belong to this node`;
    assert.equal(await refusal(detach('n2', id)), text);
    assert.equal(await refusal(detach('n2', 'served')), 'not-found: attachment served not found');
    assert.equal(await refusal(detach('n2', '')), 'invalid-argument: invalid argument');
    assert.equal(tasks().length, 2);
  });
});
