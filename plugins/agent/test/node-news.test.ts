import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { aNode, type Partially } from '@swarmkit/sdk/testkit/fixtures';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { EncryptionKey, NodeRole, TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { callable, relist } from '../core/manager-choice.js';
import { hasNewKey } from '../core/network-keys.js';
import { Machine } from './agent-life.js';
import type { FakeDispatcher } from './fake-dispatcher.js';

const key = (subsystem: string, lamportTime: bigint): EncryptionKey =>
  EncryptionKey.create({ subsystem, lamportTime, key: Buffer.of(Number(lamportTime)) });

describe('what a session says besides tasks', () => {
  let machine: Machine;
  let manager: FakeDispatcher;
  let me: (overrides?: Partially<Node>) => Node;
  beforeEach(() => {
    machine = new Machine();
    manager = machine.manager;
    me = (overrides = {}) => aNode({ id: machine.nodeId, ...overrides });
  });
  afterEach(async () => {
    await machine.stop();
    assert.deepEqual(machine.faults, []);
  });
  const begin = async () => {
    await machine.start();
    await machine.until('in session', () => manager.streams === 1, 200);
  };
  const tell = async (says: NonNullable<FakeDispatcher['says']>) => {
    manager.says = { ...manager.says, ...says };
    await manager.tell();
    await machine.settle();
  };

  it('reaches the identity: roots, the own node, the managers', async () => {
    manager.managers = [
      { nodeId: 'm1', addr: '10.0.0.1:4242' },
      { nodeId: 'm2', addr: '10.0.0.2:4242' },
    ];
    manager.says = { RootCA: Buffer.from('pem'), node: me() };
    await begin();
    assert.deepEqual(machine.news, [
      'roots pem',
      `node ${machine.nodeId} 0`,
      'managers 10.0.0.1:4242,10.0.0.2:4242',
    ]);
    machine.news.length = 0;
    await tell({ RootCA: Buffer.from('both'), node: me({ role: NodeRole.MANAGER }) });
    assert.deepEqual(machine.news.slice(0, 2), ['roots both', `node ${machine.nodeId} 1`]);
  });

  it('is told of roots again when the certificate is another one, and of nothing else', async () => {
    manager.says = { RootCA: Buffer.from('pem'), node: me() };
    await begin();
    machine.news.length = 0;
    machine.identity$.next({ ...machine.identity$.value, certificatePem: 'renewed' });
    assert.deepEqual(machine.news, ['roots pem']);
    await machine.clock.advance(60_000);
    assert.equal(manager.registrations.length, 1, 'a renewed certificate ends no session');
  });

  it('reaches executors: attachments when they change, keys when one is new', async () => {
    const given: string[] = [];
    machine.onConfigure = (node) => void given.push(`node ${node.attachments.length}`);
    machine.onNetworkKeys = (keys) => void given.push(`keys ${keys.map((k) => k.lamportTime)}`);
    const attachment = { addresses: ['10.0.1.2/24'] };
    manager.says = { node: me(), networkBootstrapKeys: [key('networking:gossip', 1n)] };
    await begin();
    await tell({ node: me({ status: { addr: '10.0.0.9' } }) });
    await tell({ node: me({ attachments: [attachment] }) });
    await tell({ networkBootstrapKeys: [] });
    await tell({ networkBootstrapKeys: [key('networking:gossip', 1n)] });
    await tell({
      networkBootstrapKeys: [key('networking:gossip', 1n), key('networking:ipsec', 1n)],
    });
    assert.deepEqual(given, ['node 0', 'keys 1', 'node 1', 'keys 1,1']);
  });

  it('about another node is not taken for our own', async () => {
    manager.says = { node: aNode({ id: 'somebodyelse' }) };
    await begin();
    assert.deepEqual(machine.news, []);
  });

  it('does not end the session when nobody can do anything with it', async () => {
    machine.onConfigure = () => {
      throw new Error('no such network');
    };
    machine.onRoots = () => Promise.reject(new Error('not PEM'));
    manager.says = { node: me(), RootCA: Buffer.from('?') };
    await begin();
    await machine.clock.advance(20_000);
    assert.equal(manager.registrations.length, 1);
    assert.deepEqual([...machine.said].sort(), [
      'in session with a manager',
      'the executor fake is not configured: no such network',
      'the managers’ roots are not taken: not PEM',
    ]);
  });
});

describe('a hostile manager', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const message = fc.record(
    {
      sessionId: fc.string(),
      node: fc.record(
        {
          id: fc.constantFrom('', 'x', 'node0000000000000000000x1'),
          role: fc.integer({ min: -1, max: 1 << 30 }),
        },
        { requiredKeys: [] },
      ),
      managers: fc.array(
        fc.record(
          {
            weight: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
            peer: fc.record({
              nodeId: fc.string(),
              addr: fc.oneof(fc.string(), fc.constantFrom('unix:/control', '[::', ':0', 'a:1')),
            }),
          },
          { requiredKeys: [] },
        ),
      ),
      networkBootstrapKeys: fc.array(
        fc.record({ subsystem: fc.string(), lamportTime: fc.bigInt({ min: 0n, max: 9n }) }),
      ),
      RootCA: bytes,
    },
    { requiredKeys: [] },
  );

  it('says what it likes, and the agent lives on and finds a better one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 4 }), async (messages) => {
        const machine = new Machine();
        try {
          await machine.start();
          await machine.until('in session', () => machine.manager.streams === 1, 200);
          for (const says of messages) {
            machine.manager.says = says as NonNullable<FakeDispatcher['says']>;
            await machine.manager.tell();
          }
          machine.manager.says = {};
          await machine.clock.advance(100);
          const task = machine.task();
          machine.manager.assign(task);
          await machine.until(
            'it still works',
            () => machine.manager.state(task.id) === TaskState.RUNNING,
            30_000,
          );
          assert.deepEqual(machine.faults, []);
        } finally {
          await machine.stop();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('cannot make it send heartbeats without a pause', async () => {
    const machine = new Machine();
    machine.manager.periodMs = -5;
    await machine.start();
    await machine.until('in session', () => machine.manager.streams === 1, 200);
    await machine.clock.advance(1_000);
    assert.ok(machine.manager.heartbeats <= 12, `${machine.manager.heartbeats} in a second`);
    await machine.stop();
  });

  it('cannot make it open streams without a pause', async () => {
    const machine = new Machine();
    machine.manager.brokenStreams = true;
    await machine.start();
    await machine.clock.advance(20_000);
    assert.ok(machine.manager.streams <= 40, `${machine.manager.streams} streams`);
    machine.manager.brokenStreams = false;
    const before = machine.manager.streams;
    await machine.until('it is back', () => machine.manager.streams > before, 8_100);
    await machine.stop();
    assert.deepEqual(machine.faults, []);
  });
});

describe('a list of managers', () => {
  const peers = (...addrs: string[]) => addrs.map((addr, i) => ({ nodeId: `m${i}`, addr }));

  it('holds what can be called, and nothing of this machine', () => {
    assert.deepEqual(
      callable(
        peers('10.0.0.1:4242', 'unix:/run/x', '/run/x', '', 'host', '[fd00::1]:1', 'm:99999'),
        '',
      ).map(({ address }) => address),
      ['10.0.0.1:4242', '[fd00::1]:1'],
    );
  });

  it('that says "everywhere" means where we reached it', () => {
    const list = peers('0.0.0.0:4242', '[::]:4243', ':1');
    assert.deepEqual(
      callable(list, '[fd00::7]:9').map(({ address }) => address),
      ['[fd00::7]:4242', '[fd00::7]:4243', '[fd00::7]:1'],
    );
    assert.deepEqual(callable(list, 'unix:/control'), []);
  });

  it('replaces the one before, keeps weights, and is ignored when it is empty', () => {
    const before = relist([], [{ nodeId: 'a', address: 'a:1' }]);
    const after = relist(before, [
      { nodeId: 'a', address: 'a:1' },
      { nodeId: 'b', address: 'b:1' },
      { nodeId: 'b', address: 'b:1' },
    ]);
    assert.deepEqual(
      after.map(({ nodeId, weight }) => [nodeId, weight]),
      [
        ['a', 8],
        ['b', 5],
      ],
    );
    assert.equal(relist(after, []), after);
  });

  it('of keys is new when a time is', () => {
    const known = [key('gossip', 4n), key('ipsec', 4n)];
    assert.equal(hasNewKey(known, known.slice(1)), false);
    assert.equal(hasNewKey(known, [key('ipsec', 5n)]), true);
    assert.equal(hasNewKey([], []), false);
  });
});
