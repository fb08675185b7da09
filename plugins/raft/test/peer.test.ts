import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { VirtualClock } from '@swarmkit/sdk/testkit/virtual-env';
import { Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { RaftService } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { OUR_FEATURES } from '../core/features.js';
import { Peer } from '../shell/peer.js';
import { quiet } from './single-member.js';

/** One that leads to a member of ours; streams last until they are aborted or `ended`. */
class Way implements Partial<RpcConnection> {
  readonly streams: { ended: () => void; readonly signal: AbortSignal | undefined }[] = [];
  /** Requests that were taken of streams of snapshots. */
  pieces = 0;

  unary = (async () => ({ raftId: 7n, features: OUR_FEATURES })) as RpcConnection['unary'];

  clientStream = ((method, requests, options = {}) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (method.path === RaftService.streamRaftMessage.path) void this.take(requests);
      signal?.addEventListener('abort', () => reject(new Error('aborted')));
      this.streams.push({ ended: () => resolve({} as never), signal });
    })) as RpcConnection['clientStream'];

  close = (): void => undefined;

  private async take(requests: AsyncIterable<unknown>): Promise<void> {
    for await (const _piece of requests) this.pieces++;
  }
}

describe('the way to another member', () => {
  const start = (way: Way) => {
    const clock = new VirtualClock(0);
    const seen = { refused: 0, snapshots: [] as boolean[] };
    const peer = new Peer({
      raftId: 7n,
      address: 'good:1',
      connect: (address) => {
        if (address === 'good:1') return way as never;
        throw new Error(`${address} is no address`);
      },
      clock,
      log: quiet,
      greeting: () => ({ raftId: 1n, features: OUR_FEATURES }),
      fillSnapshot: (message) => Promise.resolve(message),
      lost: () => undefined,
      snapshotSent: (arrived) => seen.snapshots.push(arrived),
      changed: () => undefined,
      refused: () => seen.refused++,
      expelled: () => undefined,
    });
    return { peer, clock, seen };
  };

  it('may be told an address that is none, and finds back', async () => {
    const { peer, clock, seen } = start(new Way());
    await clock.until(() => peer.reachable);
    peer.moveTo('nowhere');
    await clock.until(() => !peer.reachable);
    await clock.advance(5_000);
    assert.equal(await peer.isServing(), false);
    assert.equal(seen.refused, 0);
    peer.moveTo('good:1');
    await clock.until(() => peer.reachable);
    peer.close(0);
  });

  it('carries one snapshot at a time, and says of the newest alone how it went', async () => {
    const way = new Way();
    const { peer, clock, seen } = start(way);
    await clock.until(() => peer.reachable);
    const [link] = way.streams;
    const snapshot = (): Message =>
      Message.create({ type: MessageType.MsgSnap, snapshot: Snapshot.create() });
    peer.send(snapshot());
    await clock.advance(0);
    peer.send(snapshot());
    await clock.advance(0);
    const [first, second] = way.streams.filter((stream) => stream !== link);
    assert.equal(first?.signal?.aborted, true);
    assert.equal(second?.signal?.aborted, false);
    assert.deepEqual(seen.snapshots, []);
    second?.ended();
    await clock.advance(0);
    assert.deepEqual(seen.snapshots, [true]);
    peer.close(0);
  });

  it('waits longer for a large snapshot to be read through, and not for ever', async () => {
    const way = new Way();
    const { peer, clock, seen } = start(way);
    await clock.until(() => peer.reachable);
    const data = Buffer.alloc(40 * 1024 * 1024);
    const message = Message.create({ type: MessageType.MsgSnap, snapshot: { data } });
    peer.send(message);
    await clock.until(() => way.pieces === 11);
    await clock.advance(15_000);
    assert.deepEqual(seen.snapshots, []);
    await clock.advance(6_000);
    assert.deepEqual(seen.snapshots, [false]);
    peer.close(0);
  });
});
