// The server's end of HTTP/2 on bytes alone: what it takes, what it refuses, and that nothing a peer sends
// gets past it. `call.test.ts` has the same through real clients.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Header, HpackDecoder, HpackError, literalHeader } from '../core/hpack.js';
import {
  Code,
  Flag,
  frame,
  HEAD_BYTES,
  Setting,
  settings,
  Type,
  uint32,
} from '../core/http2-frames.js';
import { ServerSession } from '../core/http2-session.js';
import type { ServerStream } from '../core/http2-stream.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const BEGIN = Buffer.concat([PREFACE, frame(Type.Settings, 0, 0, Buffer.alloc(0))]);
const HEADERS = Buffer.concat([Buffer.of(0x83, 0x87), literalHeader(':path', '/x')]);
const OPEN: number = Flag.EndHeaders;
const request = (id: number, flags = OPEN): Buffer => frame(Type.Headers, flags, id, HEADERS);
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A session and everything that was seen of it. */
class Seen {
  readonly said: string[] = [];
  readonly streams = new Map<number, ServerStream>();
  /** What ended it; undefined while it lives, and empty where nobody is to blame. */
  why: string | undefined;
  private readonly session = new ServerSession({
    open: (stream, headers) => {
      const { id } = stream;
      this.streams.set(id, stream);
      this.said.push(`${id} open ${headers.map((header) => header.join('=')).join(' ')}`);
      return {
        data: (data) => {
          this.said.push(`${id} data ${data.toString('latin1')}`);
          stream.consumed(data.length);
        },
        finished: () => this.said.push(`${id} finished`),
        gone: () => this.said.push(`${id} gone`),
        drained: () => this.said.push(`${id} drained`),
      };
    },
    ready: () => undefined,
    over: (why) => {
      this.why = why ?? '';
    },
  });

  give(...parts: readonly Buffer[]): this {
    for (const part of parts) this.session.receive(part);
    return this;
  }

  leave(): void {
    this.session.leave();
  }

  lost(): void {
    this.session.lost();
  }

  stream(id: number): ServerStream {
    const stream = this.streams.get(id);
    assert.ok(stream, `stream ${id}`);
    return stream;
  }

  /** What was sent since the last time. */
  frames(): readonly Frame[] {
    const sent = this.session.take();
    const found: Frame[] = [];
    for (let at = 0; at < sent.length; ) {
      const end = at + HEAD_BYTES + sent.readUIntBE(at, 3);
      found.push({
        type: sent[at + 3] as number,
        flags: sent[at + 4] as number,
        id: sent.readUInt32BE(at + 5),
        payload: sent.subarray(at + HEAD_BYTES, end),
      });
      at = end;
    }
    return found;
  }

  /** The code of the farewell. */
  farewell(): number | undefined {
    return this.frames()
      .find(({ type }) => type === Type.GoAway)
      ?.payload.readUInt32BE(4);
  }
}

describe('HPACK', () => {
  const names = (headers: readonly Header[]): readonly string[] =>
    headers.map(([name, value]) => `${name}: ${value}`);

  it('decodes the examples of RFC 7541, C.4, with one table for all of them', () => {
    const decoder = new HpackDecoder(1_000);
    const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
    assert.deepEqual(
      names(decoder.decode(bytes('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'))),
      first,
    );
    assert.deepEqual(names(decoder.decode(bytes('8286 84be 5886 a8eb 1064 9cbf'))), [
      ...first,
      'cache-control: no-cache',
    ]);
    const third = '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf';
    assert.deepEqual(names(decoder.decode(bytes(third))), [
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ]);
  });

  it('forgets what its table has no room for', () => {
    const decoder = new HpackDecoder(100_000);
    const long = 'v'.repeat(3_000);
    const add = (value: string): Buffer => {
      const literal = literalHeader('x', value);
      literal[0] = 0x40;
      return literal;
    };
    decoder.decode(Buffer.concat([add(long), add('short')]));
    assert.deepEqual(names(decoder.decode(bytes('be'))), ['x: short']);
    decoder.decode(add(long));
    assert.throws(() => decoder.decode(bytes('c0')), HpackError);
  });

  it('refuses what is no block, in words', () => {
    const refused: readonly (readonly [string, string, RegExp])[] = [
      ['index 0', '80', /index without/],
      ['an index beyond the table', 'be', /index without/],
      ['an integer without an end', 'ff ff ff ff ff ff', /too large/],
      ['a text without an end', '00 0a 61', /beyond its block/],
      ['a block without an end', '00', /ends too early/],
      ['a table that is too large', '3f e1 ff 03', /larger than allowed/],
      ['a table size behind a header', '82 20', /behind a header/],
      ['eight bits of padding', '00 82 1f ff 00', /wrong end/],
      ['padding that is not ones', '00 81 18 00', /wrong end/],
      ['an end mark', '00 84 ff ff ff ff 00', /end mark/],
    ];
    for (const [what, hex, words] of refused)
      assert.throws(() => new HpackDecoder(1_000).decode(bytes(hex)), words, what);
    const many = Buffer.concat(Array.from({ length: 40 }, () => literalHeader('a', 'b')));
    assert.throws(() => new HpackDecoder(1_000).decode(many), /too many headers/);
  });
});

describe('a session', () => {
  it('greets, acknowledges, and tells of streams and their data', () => {
    const seen = new Seen().give(
      BEGIN,
      request(1),
      frame(Type.Data, Flag.EndStream, 1, bytes('61')),
    );
    assert.deepEqual(seen.said, [
      '1 open :method=POST :scheme=https :path=/x',
      '1 data a',
      '1 finished',
    ]);
    assert.deepEqual(
      seen.frames().map(({ type, flags }) => [type, flags]),
      [
        [Type.Settings, 0],
        [Type.WindowUpdate, 0],
        [Type.Settings, Flag.Ack],
      ],
    );
  });

  it('is the same however its bytes are cut', () => {
    const block = [HEADERS.subarray(0, 1), HEADERS.subarray(1, 3), HEADERS.subarray(3)];
    const talk = Buffer.concat([
      BEGIN,
      frame(Type.Ping, 0, 0, Buffer.from('pingpong')),
      frame(0x77, 0xff, 5, Buffer.from('nobody knows')),
      frame(Type.Headers, 0, 1, block[0] as Buffer),
      frame(Type.Continuation, 0, 1, block[1] as Buffer),
      frame(Type.Continuation, Flag.EndHeaders, 1, block[2] as Buffer),
      frame(
        Type.Headers,
        OPEN | Flag.Padded,
        3,
        Buffer.concat([Buffer.of(2), HEADERS, bytes('0000')]),
      ),
      frame(Type.Headers, OPEN | Flag.Priority, 5, Buffer.concat([Buffer.alloc(5), HEADERS])),
      frame(Type.Data, Flag.Padded, 3, bytes('01 61 00')),
      frame(Type.Data, Flag.EndStream, 1, Buffer.from('all')),
      frame(Type.RstStream, 0, 5, uint32(8)),
      frame(Type.Headers, OPEN | Flag.EndStream, 3, HEADERS),
    ]);
    const whole = new Seen().give(talk);
    const sent = whole.frames();
    assert.deepEqual(whole.said.slice(-6), [
      '5 open :method=POST :scheme=https :path=/x',
      '3 data a',
      '1 data all',
      '1 finished',
      '5 gone',
      '3 finished',
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(talk.length), { maxLength: 8 }), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), talk.length];
        const parts = cuts.slice(1).map((end, i) => talk.subarray(cuts[i], end));
        const seen = new Seen().give(...parts);
        assert.deepEqual([seen.said, seen.frames(), seen.why], [whole.said, sent, undefined]);
      }),
    );
  });

  it('sends no more than the peer has room for, and goes on when there is more', () => {
    const small = frame(Type.Settings, 0, 0, settings([[Setting.InitialWindowSize, 10]]));
    const seen = new Seen().give(PREFACE, small, request(1, OPEN | Flag.EndStream));
    seen.frames();
    seen
      .stream(1)
      .answer(literalHeader('a', 'b'), Buffer.from('0123456789abcdef'), literalHeader('c', 'd'));
    const told = (): readonly string[] =>
      seen
        .frames()
        .map(({ type, payload, flags }) => `${type} ${type === Type.Data ? payload : flags}`);
    assert.deepEqual(told(), [`1 ${OPEN}`, '0 0123456789']);
    seen.give(frame(Type.WindowUpdate, 0, 1, uint32(2)));
    assert.deepEqual(told(), ['0 ab']);
    seen.give(frame(Type.Settings, 0, 0, settings([[Setting.InitialWindowSize, 13]])));
    assert.deepEqual(told(), ['0 cde', `4 ${Flag.Ack}`]);
    seen.give(frame(Type.WindowUpdate, 0, 1, uint32(100)));
    assert.deepEqual(told(), ['0 f', `1 ${OPEN | Flag.EndStream}`]);
  });

  it('shares the room of the connection between its streams', () => {
    const wide = frame(Type.Settings, 0, 0, settings([[Setting.InitialWindowSize, 2 ** 30]]));
    const seen = new Seen().give(PREFACE, wide, request(1), request(3));
    seen.frames();
    for (const id of [1, 3]) seen.stream(id).send(Buffer.alloc(40_000));
    const sizes = (): number =>
      seen
        .frames()
        .reduce((sum, { type, payload }) => sum + (type === Type.Data ? payload.length : 0), 0);
    assert.equal(sizes(), 65_535);
    assert.equal(seen.stream(3).isFree, false);
    seen.give(frame(Type.WindowUpdate, 0, 0, uint32(50_000)));
    assert.equal(sizes(), 80_000 - 65_535);
    assert.equal(seen.said.at(-1), '3 drained');
  });

  it('gives a sender room again as it is read', () => {
    const seen = new Seen().give(BEGIN, request(1));
    seen.frames();
    const piece = frame(Type.Data, 0, 1, Buffer.alloc(16_384));
    for (let i = 0; i < 1_000; i++) seen.give(piece);
    const room = seen
      .frames()
      .reduce((sum, { id, payload }) => sum + (id === 1 ? payload.readUInt32BE(0) : 0), 0);
    assert.equal(seen.why, undefined);
    assert.ok(room > 1_000 * 16_384 - 1024 * 1024, String(room));
  });

  it('ends a stream whose peer was not through', () => {
    const seen = new Seen().give(BEGIN, request(1));
    seen.frames();
    seen.stream(1).end(literalHeader('a', 'b'));
    assert.deepEqual(
      seen.frames().map(({ type }) => type),
      [Type.Headers, Type.RstStream],
    );
    // What was on its way is passed over.
    seen.give(frame(Type.Data, Flag.EndStream, 1, bytes('61')), request(1, OPEN | Flag.EndStream));
    assert.deepEqual([seen.why, seen.said.length], [undefined, 1]);
  });

  it('sends headers that do not fit a frame in several', () => {
    const seen = new Seen().give(BEGIN, request(1));
    seen.frames();
    const long = literalHeader('a', 'b'.repeat(40_000));
    seen.stream(1).headers(long);
    seen.stream(1).end(long);
    const frames = seen.frames();
    assert.deepEqual(
      frames.map(({ type, flags }) => [type, flags]),
      [
        [Type.Headers, 0],
        [Type.Continuation, 0],
        [Type.Continuation, Flag.EndHeaders],
        [Type.Headers, Flag.EndStream],
        [Type.Continuation, 0],
        [Type.Continuation, Flag.EndHeaders],
        [Type.RstStream, 0],
      ],
    );
    assert.ok(frames.every(({ payload }) => payload.length <= 16_384));
    const first = Buffer.concat(frames.slice(0, 3).map(({ payload }) => payload));
    assert.deepEqual(first, long);
  });

  it('has room for so many streams, and for one more when one has ended', () => {
    const seen = new Seen().give(BEGIN);
    const most = 10_000;
    for (let i = 0; i <= most; i++) seen.give(request(2 * i + 1, OPEN | Flag.EndStream));
    const refused = seen.frames().filter(({ type }) => type === Type.RstStream);
    assert.deepEqual(
      refused.map(({ id, payload }) => [id, payload.readUInt32BE(0)]),
      [[2 * most + 1, Code.RefusedStream]],
    );
    seen.stream(1).end(literalHeader('a', 'b'));
    seen.give(request(2 * most + 3));
    assert.ok(seen.streams.has(2 * most + 3));
    assert.equal(seen.why, undefined);
  });

  it('says that it has no table when it is asked to keep it small', () => {
    const seen = new Seen().give(
      PREFACE,
      frame(Type.Settings, 0, 0, settings([[1, 0]])),
      request(1),
    );
    seen.frames();
    seen.stream(1).headers(literalHeader('a', 'b'));
    assert.equal(seen.frames()[0]?.payload[0], 0x20);
  });

  it('leaves when its last stream has ended, and refuses new ones meanwhile', () => {
    const seen = new Seen().give(BEGIN, request(1, OPEN | Flag.EndStream));
    seen.leave();
    assert.equal(seen.farewell(), Code.None);
    seen.give(request(3));
    assert.deepEqual(
      seen.frames().map(({ type, id, payload }) => [type, id, payload.readUInt32BE(0)]),
      [[Type.RstStream, 3, Code.RefusedStream]],
    );
    assert.equal(seen.why, undefined);
    seen.stream(1).answer(literalHeader('a', 'b'), bytes('61'), literalHeader('c', 'd'));
    assert.equal(seen.why, '');
    assert.equal(seen.frames().length, 3);
  });

  it('tells its streams when the connection is gone', () => {
    const seen = new Seen().give(BEGIN, request(1));
    seen.lost();
    assert.equal(seen.said.at(-1), '1 gone');
    seen.stream(1).send(bytes('61'));
    assert.deepEqual(seen.frames(), []);
  });

  it('cuts off who breaks the protocol, with the reason', () => {
    const many = Array.from({ length: 20 }, () => frame(Type.Continuation, 0, 1, Buffer.alloc(0)));
    const broken: readonly (readonly [string, readonly Buffer[], number])[] = [
      ['HTTP/1', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], Code.Protocol],
      ['no settings first', [PREFACE, request(1)], Code.Protocol],
      ['a 16 MB frame', [BEGIN, bytes('ffffff 00 00 00000001')], Code.FrameSize],
      ['an even stream', [BEGIN, request(2)], Code.Protocol],
      ['data of no stream', [BEGIN, frame(Type.Data, 0, 1, bytes('61'))], Code.Protocol],
      ['a reset of no stream', [BEGIN, frame(Type.RstStream, 0, 7, uint32(8))], Code.Protocol],
      ['a push', [BEGIN, frame(Type.PushPromise, 0, 1, uint32(2))], Code.Protocol],
      ['a short ping', [BEGIN, frame(Type.Ping, 0, 0, bytes('61'))], Code.FrameSize],
      ['a window of nothing', [BEGIN, frame(Type.WindowUpdate, 0, 0, uint32(0))], Code.Protocol],
      [
        'a window too wide',
        [BEGIN, frame(Type.WindowUpdate, 0, 0, uint32(2 ** 31 - 1))],
        Code.FlowControl,
      ],
      ['crooked settings', [BEGIN, frame(Type.Settings, 0, 0, bytes('61'))], Code.FrameSize],
      ['a frame size of 1', [BEGIN, frame(Type.Settings, 0, 0, settings([[5, 1]]))], Code.Protocol],
      [
        'more padding than frame',
        [BEGIN, frame(Type.Headers, OPEN | Flag.Padded, 1, bytes('ff83'))],
        Code.Protocol,
      ],
      [
        'a block that is none',
        [BEGIN, frame(Type.Headers, OPEN, 1, bytes('be'))],
        Code.Compression,
      ],
      ['headers twice', [BEGIN, request(1), request(1)], Code.Protocol],
      [
        'headers interrupted',
        [BEGIN, request(1, 0), frame(Type.Ping, 0, 0, Buffer.alloc(8))],
        Code.Protocol,
      ],
      [
        'headers of another',
        [BEGIN, request(1, 0), frame(Type.Continuation, 4, 3, HEADERS)],
        Code.Protocol,
      ],
      ['headers without end', [BEGIN, request(1, 0), ...many], Code.EnhanceYourCalm],
      [
        'data behind the end',
        [BEGIN, request(1, OPEN | 1), frame(Type.Data, 0, 1, bytes('61'))],
        Code.StreamClosed,
      ],
    ];
    for (const [what, parts, code] of broken) {
      const seen = new Seen().give(...parts);
      assert.equal(seen.farewell(), code, what);
      assert.ok(seen.why, what);
      const before = seen.said.length;
      seen.give(request(99));
      assert.deepEqual([seen.said.length, seen.frames()], [before, []], what);
    }
  });

  it('cuts off who sends more than it was given room for', () => {
    const seen = new Seen().give(BEGIN, request(1));
    const stream = seen.stream(1);
    stream.consumed = () => undefined;
    for (let i = 0; i < 65; i++) seen.give(frame(Type.Data, 0, 1, Buffer.alloc(16_384)));
    assert.equal(seen.farewell(), Code.FlowControl);
    assert.equal(seen.said.at(-1), '1 gone');
  });

  it('lives through any frames: it goes on, or it ends with a reason', () => {
    const anyFrame = fc
      .tuple(fc.nat(10), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 24 }))
      .map(([type, flags, id, payload]) => frame(type, flags, id, Buffer.from(payload)));
    const sensible = fc.constantFrom(
      request(1),
      request(3),
      request(5, OPEN | Flag.EndStream),
      frame(Type.Data, 0, 1, bytes('61')),
      frame(Type.Data, Flag.EndStream, 3, bytes('62')),
      frame(Type.WindowUpdate, 0, 1, uint32(7)),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(anyFrame, sensible), { maxLength: 12 }), (frames) => {
        const seen = new Seen().give(BEGIN, ...frames);
        for (const stream of seen.streams.values())
          stream.answer(literalHeader('a', 'b'), bytes('61'), literalHeader('c', 'd'));
        assert.equal(seen.farewell() !== undefined, seen.why !== undefined && seen.why !== '');
      }),
      { numRuns: 2_000 },
    );
  });
});
