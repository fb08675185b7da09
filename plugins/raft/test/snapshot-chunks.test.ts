import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { Message, MessageType, Snapshot } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { StreamRaftMessageRequest } from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import { cutMessage, MessageParts } from '../core/snapshot-chunks.js';

const LIMIT = 4 * 1024 * 1024;
const message = (bytes: number): Message =>
  Message.create({
    type: MessageType.MsgSnap,
    to: 2n ** 63n,
    from: 7n,
    term: 2n ** 40n,
    snapshot: Snapshot.create({
      data: Buffer.alloc(bytes, 'swarm'),
      metadata: { index: 9n, term: 3n, confState: { voters: [1n, 2n ** 63n] } },
    }),
  });
const join = async (pieces: readonly Buffer[]): Promise<Buffer> => Buffer.concat(pieces);
const refused = (text: RegExp) => (error: unknown) =>
  isSwarmError(error) && text.test(error.message);

describe('a snapshot in pieces', () => {
  it('has no piece over the limit and is whole again at the end', async () => {
    for (const bytes of [0, 1, LIMIT - 100, LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT]) {
      const whole = message(bytes);
      const parts = new MessageParts(100 * LIMIT);
      for (const piece of cutMessage(whole)) {
        const request = StreamRaftMessageRequest.encode({ message: piece }).finish();
        assert.ok(request.length <= LIMIT, `${request.length} bytes`);
        assert.equal(piece.snapshot?.metadata.index, 9n);
        parts.add(piece);
      }
      assert.deepEqual(await parts.whole(join), whole);
    }
  });

  it('is not cut where it fits, and what is no snapshot never is', () => {
    assert.equal([...cutMessage(message(LIMIT - 200))].length, 1);
    const append = Message.create({ type: MessageType.MsgApp });
    assert.deepEqual([...cutMessage(append)], [append]);
  });

  it('is refused when the pieces are not of one snapshot, or too many', () => {
    const parts = new MessageParts(10);
    parts.add({ ...message(1), index: 4n });
    assert.throws(
      () => parts.add({ ...message(1), index: 5n }),
      refused(/^Raft message chunk with index 5 is different .* received raft message index 4$/),
    );
    assert.throws(
      () => parts.add(Message.create({ type: MessageType.MsgApp, index: 4n })),
      refused(/^Raft message chunk is not of type 7$/),
    );
    assert.throws(() => parts.add({ ...message(100), index: 4n }), refused(/more than 10 bytes/));
  });

  it('is nothing when nothing came', async () => {
    assert.equal(await new MessageParts(10).whole(join), undefined);
  });
});
