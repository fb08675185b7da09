// Writer and reader against hostile input and against the stock ones of @bufbuild/protobuf.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { FastReader } from '../fast-reader.js';
import { FastWriter } from '../fast-writer.js';
import { Message } from '../gen/raftpb/raft.js';
import { Cluster, Node, Service, Task } from '../gen/swarmkit/objects.js';
import { InternalRaftRequest, JoinResponse } from '../gen/swarmkit/raft.js';
import { Annotations } from '../gen/swarmkit/types.js';
import type { MessageType } from '../message-type.js';
import { WireError } from '../wire-error.js';
import { VECTORS } from './vectors.js';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.string({ maxLength: 200 }),
  // Lone surrogates, too.
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => {
    return String.fromCharCode(...units);
  }),
);

/** One call on a writer, and the same call of a reader with what it must give. */
type Step =
  | readonly ['int32' | 'sint32' | 'sfixed32' | 'uint32' | 'fixed32' | 'float' | 'double', number]
  | readonly ['int64' | 'sint64' | 'sfixed64' | 'uint64' | 'fixed64', bigint]
  | readonly ['bool', boolean]
  | readonly ['string', string]
  | readonly ['bytes', Uint8Array]
  | readonly ['nest', readonly Step[]];

const { steps } = fc.letrec<{ step: Step; steps: Step[] }>((tie) => ({
  steps: fc.array(tie('step'), { maxLength: 8 }),
  step: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(fc.constantFrom('int32', 'sint32', 'sfixed32'), int32),
    fc.tuple(fc.constantFrom('uint32', 'fixed32'), uint32),
    fc.tuple(fc.constantFrom('int64', 'sint64', 'sfixed64'), int64),
    fc.tuple(fc.constantFrom('uint64', 'fixed64'), uint64),
    fc.tuple(fc.constant('bool'), fc.boolean()),
    fc.tuple(fc.constant('float'), fc.float()),
    fc.tuple(fc.constant('double'), fc.double()),
    fc.tuple(fc.constant('string'), text),
    fc.tuple(fc.constant('bytes'), fc.uint8Array({ maxLength: 300 })),
    fc.tuple(fc.constant('nest'), tie('steps')),
  ) as fc.Arbitrary<Step>,
}));

type AnyWriter = { [method: string]: (value?: unknown) => void };
type AnyReader = { [method: string]: () => unknown };

function write(writer: FastWriter | BinaryWriter, list: readonly Step[]): void {
  const any = writer as unknown as AnyWriter;
  for (const [kind, value] of list) {
    if (kind === 'nest') {
      any.fork?.();
      write(writer, value);
      any.join?.();
    } else {
      any[kind]?.(value);
    }
  }
}

function read(reader: FastReader, list: readonly Step[]): void {
  const any = reader as unknown as AnyReader;
  for (const [kind, value] of list) {
    if (kind === 'nest') {
      const outer = reader.enter(reader.uint32());
      read(reader, value);
      assert.equal(reader.pos, reader.end);
      reader.leave(outer);
    } else if (kind === 'bytes') {
      assert.deepStrictEqual(reader.bytes(), Buffer.from(value));
    } else if (kind === 'string') {
      assert.equal(reader.string(), Buffer.from(value).toString('utf8'));
    } else {
      assert.deepStrictEqual(any[kind]?.(), value);
    }
  }
}

describe('FastWriter', () => {
  it('writes the bytes of the stock writer, and FastReader reads them', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const fast = new FastWriter();
        const stock = new BinaryWriter();
        write(fast, list);
        write(stock, list);
        const bytes = fast.finish();
        assert.deepStrictEqual(bytes, Buffer.from(stock.finish()));
        const reader = new FastReader(bytes);
        read(reader, list);
        assert.equal(reader.pos, bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  // Every size at which the length of the length, or the way a string is copied, changes.
  for (const size of [0, 1, 41, 42, 43, 126, 127, 128, 129, 16383, 16384, 2097151, 2097152]) {
    it(`writes a message and a string of ${size}`, () => {
      for (const unit of ['a', 'é', '€', '😀']) {
        const value = unit.repeat(size);
        const fast = new FastWriter().uint32(10).fork().string(value).uint32(7).join().bool(true);
        const stock = new BinaryWriter().uint32(10).fork();
        stock.string(value).uint32(7).join().bool(true);
        assert.ok(fast.finish().equals(stock.finish()));
      }
    });
  }

  it('refuses what a field cannot hold', () => {
    const bad: readonly (readonly [string, unknown])[] = [
      ['uint32', -1],
      ['uint32', 2 ** 32],
      ['uint32', 1.5],
      ['uint32', Number.NaN],
      ['fixed32', -1],
      ['int32', 2 ** 31],
      ['int32', 0.5],
      ['sint32', -(2 ** 31) - 1],
      ['sfixed32', 2 ** 31],
      ['float', 1e39],
      ['uint64', -1n],
      ['uint64', 2n ** 64n],
      ['fixed64', 2n ** 64n],
      ['int64', 2n ** 63n],
      ['int64', -(2n ** 63n) - 1n],
      ['sint64', 2n ** 63n],
      ['sfixed64', -(2n ** 63n) - 1n],
    ];
    for (const [kind, value] of bad) {
      const writer = new FastWriter() as unknown as AnyWriter;
      assert.throws(() => writer[kind]?.(value), WireError, `${kind} ${String(value)}`);
    }
  });

  it('is used once, with forks closed', () => {
    const done = new FastWriter();
    done.finish();
    assert.throws(() => done.finish(), WireError);
    assert.throws(() => done.uint32(1), WireError);
    assert.throws(() => new FastWriter().fork().finish(), WireError);
    assert.throws(() => new FastWriter().join(), WireError);
  });

  it('does not mix messages that are written at the same time', () => {
    const first = new FastWriter().string('first');
    const second = new FastWriter().string('second');
    first.string('more');
    const bytes = second.finish();
    const third = new FastWriter().string('third, longer than the others');
    assert.equal(first.finish().toString('latin1'), '\x05first\x04more');
    assert.equal(bytes.toString('latin1'), '\x06second');
    assert.equal(third.finish().toString('latin1'), '\x1dthird, longer than the others');
  });

  it('goes on after a message that threw', () => {
    assert.throws(() => Task.encode({ ...Task.create({ id: 'x' }), slot: -1n }));
    assert.equal(
      Task.encode(Task.create({ id: 'y' }))
        .finish()
        .toString('hex'),
      '0a0179',
    );
  });
});

describe('FastReader', () => {
  it('reads what the stock reader reads from any varint', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        for (const kind of ['int32', 'uint32', 'sint32', 'int64', 'uint64', 'sint64', 'bool']) {
          const fast = new FastReader(bytes);
          const stock = new BinaryReader(bytes);
          let expected: unknown;
          try {
            expected = (stock as unknown as AnyReader)[kind]?.();
          } catch {
            assert.throws(() => (fast as unknown as AnyReader)[kind]?.(), WireError);
            continue;
          }
          assert.equal((fast as unknown as AnyReader)[kind]?.(), expected);
          assert.equal(fast.pos, stock.pos);
        }
      }),
      { numRuns: 3000 },
    );
  });

  const bad: readonly (readonly [string, MessageType<unknown>, string, RegExp])[] = [
    ['a tag without an end', Service, '80', /varint at 0 has no end/],
    ['a tag without a value', Service, '0a', /cut short/],
    ['a varint of eleven bytes', Task, '28ffffffffffffffffffff01', /longer than ten bytes/],
    ['a string longer than the input', Service, '0a05abcd', /5 bytes wanted at 2, 2 left/],
    ['bytes of 4 GiB', Cluster, '2a061affffffff0f', /4294967295 bytes wanted/],
    ['an unknown field of 4 GiB', Service, 'c23effffffff0f00', /4294967295 bytes wanted/],
    ['a nested message that goes on after its parent', Service, '1a040a0a0a01', /cut short/],
    ['a nested message that eats its sibling', Service, '1a040a030a026162', /cut short/],
    ['a packed list that goes on after its message', JoinResponse, '1a0301', /cut short/],
    ['a packed list with half a number', JoinResponse, '1a0201802801', /no end/],
    ['a fixed32 of three bytes', Service, 'c53e000000', /cut short/],
    ['a fixed64 of seven bytes', Service, 'c13e00000000000000', /cut short/],
    ['field number 0', Service, '00', /field number 0/],
    ['field number 0 with bytes', Service, '020161', /field number 0/],
    ['the end of a group that was not begun', Service, '0c', /wire type 4/],
    ['wire type 6', Service, '0e', /wire type 6/],
    ['wire type 7', Service, '0f', /wire type 7/],
    ['a group without an end', Service, 'c33e', /cut short|no end/],
    ['a group with the end of another', Service, 'c33ecc3e', /group 1000 is ended as 1001/],
    ['more after the end of a message', Service, '0a016100', /field number 0/],
  ];
  for (const [what, codec, hex, message] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => codec.decode(Buffer.from(hex, 'hex')),
        (error) => error instanceof WireError && message.test(error.message),
      );
    });
  }

  it('refuses messages and groups that are nested too deep', () => {
    const nested = (depth: number) => {
      const writer = new FastWriter();
      for (let i = 0; i < depth; i++) writer.tag(14, 2).fork();
      for (let i = 0; i < depth; i++) writer.join();
      return writer.finish();
    };
    Message.decode(nested(99));
    assert.throws(() => Message.decode(nested(100)), /nested more than 100 deep/);
    assert.throws(() => Message.decode(nested(10000)), WireError);
    const groups = Buffer.alloc(100_000, new FastWriter().tag(3, 3).finish());
    assert.throws(() => Annotations.decode(groups), /nested more than 100 deep/);
  });

  it('keeps its depth over messages one after the other', () => {
    const many = Buffer.from('12020801'.repeat(500), 'hex');
    assert.equal(InternalRaftRequest.decode(many).action.length, 500);
  });

  it('copies bytes out of the input', () => {
    const bytes = Cluster.encode(
      Cluster.create({ networkBootstrapKeys: [{ key: Buffer.from('abc') }] }),
    ).finish();
    const cluster = Cluster.decode(bytes);
    bytes.fill(0);
    assert.equal(cluster.networkBootstrapKeys[0]?.key.toString(), 'abc');
  });

  it('reads plain Uint8Arrays, also parts of larger ones', () => {
    const bytes = Service.encode(Service.create({ id: 'some id' })).finish();
    const larger = new Uint8Array(bytes.length + 7).fill(255);
    larger.set(bytes, 3);
    assert.equal(Service.decode(larger.subarray(3, 3 + bytes.length)).id, 'some id');
  });

  it('takes packed and unpacked lists for each other', () => {
    const unpacked = JoinResponse.decode(Buffer.from('180118ac02', 'hex'));
    const packed = JoinResponse.decode(Buffer.from('1a0301ac02', 'hex'));
    const mixed = JoinResponse.decode(Buffer.from('18011a02ac02', 'hex'));
    assert.deepStrictEqual(unpacked.removedMembers, [1n, 300n]);
    assert.deepStrictEqual(packed, unpacked);
    assert.deepStrictEqual(mixed, unpacked);
  });

  it('throws nothing but WireError, whatever the bytes are', () => {
    const codecs: readonly MessageType<unknown>[] = [
      Service as MessageType<unknown>,
      Task as MessageType<unknown>,
      Node as MessageType<unknown>,
      Cluster as MessageType<unknown>,
      InternalRaftRequest as MessageType<unknown>,
      Message as MessageType<unknown>,
    ];
    const decode = (codec: MessageType<unknown>, bytes: Uint8Array) => {
      try {
        codec.decode(bytes);
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    };
    const damage = fc.record({
      vector: fc.constantFrom(...VECTORS),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }),
      cut: fc.nat(),
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), damage, (random, { vector, changes, cut }) => {
        for (const codec of codecs) decode(codec, random);
        const bytes = Buffer.from(vector.hex, 'hex');
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        decode(vector.codec, bytes);
        decode(vector.codec, bytes.subarray(0, cut % bytes.length));
      }),
      { numRuns: 2000 },
    );
  });
});
