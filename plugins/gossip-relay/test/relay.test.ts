import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNode } from '@swarmkit/sdk/testkit/fixtures';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { anyGossips, partnersFor } from '../core/partners.js';
import { Relay } from '../shell/relay.js';

const { DOWN, READY } = NodeStatus_State;
const user = { id: 'user', writes: ['any'] } as const;
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} } as never;

const docker = (addr: string, state = READY): Node =>
  aNode({
    status: { addr, state },
    description: { engine: { plugins: [{ type: 'Network', name: 'overlay' }] } },
  });
const storeOf = (...nodes: readonly Node[]): FakeStore => {
  const store = new FakeStore();
  store.seed({ node: nodes });
  return store;
};
const { random, clock } = new VirtualEnv('relay');

describe('partners of an engine', () => {
  const plain = aNode({ status: { addr: '10.0.0.9' } });

  it('are engines that are READY, and never itself', () => {
    const view = storeOf(
      docker('10.0.0.1'),
      docker('10.0.0.2'),
      docker('10.0.0.3', DOWN),
      plain,
    ).view();
    assert.deepEqual(partnersFor(view, '10.0.0.1', random), ['10.0.0.2']);
    assert.deepEqual(partnersFor(view, '::ffff:10.0.0.2', random), ['10.0.0.1']);
  });

  it('are three at most, not always the same', () => {
    const view = storeOf(...[1, 2, 3, 4, 5, 6, 7].map((i) => docker(`10.0.0.${i}`))).view();
    const seen = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const partners = partnersFor(view, '10.0.0.1', random) ?? [];
      assert.equal(new Set(partners).size, 3);
      for (const one of partners) seen.add(one);
    }
    assert.equal(seen.size, 6);
  });

  it('are not told to whoever is no engine of the cluster', () => {
    const view = storeOf(docker('10.0.0.1'), plain).view();
    for (const caller of ['10.0.0.9', '10.0.0.77', '', 'nonsense'])
      assert.equal(partnersFor(view, caller, random), undefined);
    assert.equal(anyGossips(view), true);
    assert.equal(anyGossips(storeOf(plain).view()), false);
  });
});

describe('the relay', () => {
  let partner: Server;
  let relay: Relay;
  let port = 0;
  let store: FakeStore;

  beforeEach(async () => {
    // Says back what it was told, and ends when it was told all, as an exchange of memberlists does.
    partner = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    partner.listen(0, '127.0.0.2');
    await once(partner, 'listening');
    const { port: partnerPort } = partner.address() as { port: number };
    store = storeOf(docker('127.0.0.1'), docker('127.0.0.2'));
    relay = new Relay({
      view: () => store.view(),
      random,
      clock,
      log: silent,
      partnerPort,
      remote: () => '127.0.0.1:4242',
    });
    port = await relay.listen('127.0.0.1', 0);
  });
  afterEach(async () => {
    await relay.close();
    partner.close();
  });

  const call = async (text: string): Promise<string> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1' });
    socket.on('error', () => {});
    socket.end(text);
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes;
    });
    await once(socket, 'close');
    return heard;
  };

  it('leads an engine to another and back', async () => {
    assert.equal(await call('members'), 'members');
    assert.equal(relay.counters().led, 1);
    assert.equal(await call('x'.repeat(500_000)), 'x'.repeat(500_000));
  });

  it('gives an exchange ten seconds', async () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1' });
    socket.on('error', () => {});
    socket.write('members');
    await once(socket, 'data');
    await clock.advance(9_999);
    socket.write('more');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await clock.advance(1);
    await closed;
  });

  it('ends with the one when the other breaks off', async () => {
    const partners: Socket[] = [];
    partner.on('connection', (socket: Socket) => partners.push(socket));
    const dial = async (): Promise<readonly [Socket, Socket]> => {
      const caller = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.1' });
      caller.on('error', () => {});
      caller.write('members');
      await once(caller, 'data');
      return [caller, partners.pop() as Socket];
    };
    const signal = AbortSignal.timeout(5_000);
    const [caller, reached] = await dial();
    const callerEnds = once(caller, 'close', { signal });
    reached.resetAndDestroy();
    await callerEnds;
    const [other, left] = await dial();
    const partnerEnds = once(left, 'close', { signal });
    other.resetAndDestroy();
    await partnerEnds;
  });

  it('hangs up on others, and where there is no partner', async () => {
    partner.close();
    assert.equal(await call('members'), '');
    store.updateNow(user, (draft) => {
      for (const { id } of draft.find('node', { by: 'all' })) draft.remove('node', id);
    });
    assert.equal(await call('members'), '');
    assert.deepEqual(relay.counters(), { led: 0, refused: 1, noPartner: 1 });
  });
});
