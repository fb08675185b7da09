import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrpcCall } from '../shell/grpc-call.js';

test('messages with nothing in them are not taken without end when nobody reads them', async () => {
  let room = 0;
  const stream = { consumed: (bytes: number) => (room += bytes) };
  const call = new GrpcCall(stream as never, [], 1_000, undefined);
  const piece = Buffer.alloc(16_000);
  const pieces = 100;
  for (let i = 0; i < pieces; i++) call.data(piece);
  assert.ok(room < (piece.length * pieces) / 10, `${room} bytes of room were given`);
  call.finished();
  let read = 0;
  for await (const message of call.requests(() => new Error('over'))) read += 1 + message.length;
  assert.equal(read, (piece.length * pieces) / 5);
  assert.equal(room, piece.length * pieces);
});
