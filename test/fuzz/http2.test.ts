// HTTP/2 of the control socket gets whole conversations with faults in them: bytes turned, cut out, doubled
// and put in. It goes on, or it ends that connection with a reason; it never throws, and never says more than
// it was asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder, HpackError, literalHeader } from '@swarmkit/plugin-rpc/core/hpack';
import { Flag, frame, settings, Type, uint32 } from '@swarmkit/plugin-rpc/core/http2-frames';
import { ServerSession, type SessionEvents } from '@swarmkit/plugin-rpc/core/http2-session';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { fuzzSeconds, seeds } from './seconds.js';

type ServerStream = Parameters<SessionEvents['open']>[0];
type Dice = ReturnType<typeof seededRandom>;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** With each way to say a header: indexed, remembered, passed over, and compressed (`www.example.com`). */
const BLOCK = Buffer.concat([
  Buffer.from('8387', 'hex'),
  Buffer.from('418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'),
  literalHeader(':path', '/docker.swarmkit.v1.Control/CreateConfig'),
  literalHeader('content-type', 'application/grpc'),
]);
const TALK = Buffer.concat([
  PREFACE,
  frame(
    Type.Settings,
    0,
    0,
    settings([
      [1, 0],
      [4, 70_000],
      [5, 20_000],
    ]),
  ),
  frame(Type.WindowUpdate, 0, 0, uint32(100_000)),
  ...[1, 3, 5].flatMap((id) => [
    frame(Type.Headers, Flag.EndHeaders, id, BLOCK),
    frame(Type.Data, 0, id, Buffer.from('0000000003616263', 'hex')),
    frame(Type.WindowUpdate, 0, id, uint32(10)),
  ]),
  frame(Type.Headers, 0, 7, BLOCK.subarray(0, 9)),
  frame(Type.Continuation, Flag.EndHeaders, 7, BLOCK.subarray(9)),
  frame(Type.Ping, 0, 0, Buffer.alloc(8)),
  frame(Type.RstStream, 0, 3, uint32(8)),
  frame(Type.Data, Flag.EndStream, 1, Buffer.alloc(100)),
]);

/** Faults, few or many. */
function spoilt(bytes: Buffer, dice: Dice): Buffer {
  let all = Buffer.from(bytes);
  for (let faults = 1 + dice.int(6); faults > 0; faults--) {
    const at = dice.int(all.length);
    const end = Math.min(all.length, at + 1 + dice.int(20));
    switch (dice.int(4)) {
      case 0:
        all[at] = dice.int(256);
        break;
      case 1:
        all = Buffer.concat([all.subarray(0, at), all.subarray(end)]);
        break;
      case 2:
        all = Buffer.concat([all.subarray(0, end), all.subarray(at)]);
        break;
      default:
        all = Buffer.concat([
          all.subarray(0, at),
          Buffer.from(dice.bytes(1 + dice.int(9))),
          all.subarray(at),
        ]);
    }
    if (all.length === 0) return all;
  }
  return all;
}

/** How it ended: undefined while it goes on. */
function converse(bytes: Buffer, dice: Dice): string | undefined {
  let why: string | undefined;
  const open: ServerStream[] = [];
  const session = new ServerSession({
    open: (stream) => {
      open.push(stream);
      return {
        data: (data) => stream.consumed(data.length),
        finished: () => stream.answer(BLOCK, Buffer.alloc(dice.int(30_000)), BLOCK),
        gone: () => undefined,
        drained: () => undefined,
      };
    },
    ready: () => undefined,
    over: (reason) => {
      assert.equal(why, undefined, 'it ends once');
      why = reason ?? '';
    },
  });
  let sent = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + dice.int(200));
    session.receive(bytes.subarray(at, end));
    sent += session.take().length;
    at = end;
  }
  for (const stream of open) stream.end(BLOCK);
  session.lost();
  assert.ok(sent < 200_000, `${sent} bytes for ${bytes.length}`);
  return why === '' ? undefined : why;
}

test('no bytes make the control socket do anything but go on or cut off its peer', () => {
  let lived = 0;
  let cut = 0;
  for (const seed of seeds(fuzzSeconds(3))) {
    const dice = seededRandom(`http2-${seed}`);
    for (let round = 0; round < 200; round++) {
      const bytes = spoilt(TALK, dice);
      try {
        if (converse(bytes, dice) === undefined) lived++;
        else cut++;
      } catch (error) {
        throw new Error(`FUZZ_SEED=${seed}, ${bytes.toString('hex')}`, { cause: error });
      }
    }
  }
  assert.ok(lived > 20 && cut > 20, `${lived} lived, ${cut} were cut off`);
});

test('no block makes the header decoder do anything but answer or refuse', () => {
  let read = 0;
  let refused = 0;
  for (const seed of seeds(fuzzSeconds(2))) {
    const dice = seededRandom(`hpack-${seed}`);
    const decoder = new HpackDecoder(4_096);
    for (let round = 0; round < 200; round++) {
      const block = spoilt(BLOCK, dice);
      try {
        for (const header of decoder.decode(block)) assert.equal(header.length, 2);
        read++;
      } catch (error) {
        assert.ok(
          error instanceof HpackError,
          `FUZZ_SEED=${seed}, ${block.toString('hex')}: ${error}`,
        );
        refused++;
      }
    }
  }
  assert.ok(read > 20 && refused > 20, `${read} read, ${refused} refused`);
});
