// Every message type there is, filled at random, against protobuf-es: another implementation, made
// from descriptors at run time, which shares no code with what ts-proto generates.
// In both directions: we read what it writes, it reads what we write, and nothing changes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  equals,
  fromBinary,
  type MessageShape,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import type { FastWriter } from '../fast-writer.js';
import type { MessageType } from '../message-type.js';
import { descriptorSet } from './protoc.js';

interface Codec extends MessageType<unknown> {
  fromPartial(message: unknown): unknown;
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
const modules = new Map<string, { readonly [name: string]: unknown }>();
for (const file of registry.files) {
  modules.set(file.name, await import(`../gen/${file.name}.js`));
}
const messages = [...registry].filter((desc) => desc.kind === 'message');

function codecOf(desc: DescMessage): Codec {
  const name = desc.typeName.slice(desc.file.proto.package.length + 1).replaceAll('.', '_');
  const codec = modules.get(desc.file.name)?.[name];
  assert.ok(codec, `no generated type for ${desc.typeName}`);
  return codec as Codec;
}

/** In [0, 1), from a seed: fast-check gives the seed, and shrinks it. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
}

class Filler {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  message(desc: DescMessage, depth = 0): MessageShape<DescMessage> {
    const message = reflect(desc, create(desc));
    const proto2 = desc.file.proto.syntax !== 'proto3';
    for (const member of desc.members) {
      if (member.kind === 'oneof') {
        const field = member.fields[this.below(member.fields.length + 1)];
        if (field !== undefined && !this.tooDeep(field, depth)) {
          message.set(field, this.single(field, depth));
        }
      } else if (member.fieldKind === 'list') {
        if (this.tooDeep(member, depth)) continue;
        const list = message.get(member);
        for (let n = this.below(4); n > 0; n--) list.add(this.single(member, depth));
      } else if (member.fieldKind === 'map') {
        const map = message.get(member);
        for (let n = this.below(3); n > 0; n--) map.set(this.text(), this.single(member, depth));
      } else if (proto2) {
        // Of raftpb we write everything but a snapshot that is not there.
        if (member.name === 'snapshot' && this.below(2) === 0) continue;
        message.set(member, this.single(member, depth));
      } else if (!this.tooDeep(member, depth) && this.below(4) > 0) {
        message.set(member, this.single(member, depth));
      }
    }
    return message.message;
  }

  private single(field: DescField, depth: number): never {
    return this.value(field, depth) as never;
  }

  private value(field: DescField, depth: number): unknown {
    if (field.message !== undefined) {
      return reflect(field.message, this.message(field.message, depth + 1));
    }
    if (field.enum !== undefined) {
      return this.pick(field.enum.values.map((value) => value.number));
    }
    switch (field.scalar) {
      case ScalarType.STRING:
        return this.text();
      case ScalarType.BOOL:
        return this.below(2) === 1;
      case ScalarType.BYTES:
        // Of proto2 bytes, we do not tell empty from absent.
        return Uint8Array.from({ length: 1 + this.below(200) }, () => this.below(256));
      case ScalarType.INT32:
        return this.pick([0, 1, -1, 127, 128, 2147483647, -2147483648, this.below(1e6)]);
      case ScalarType.UINT32:
        return this.pick([0, 1, 127, 128, 16384, 4294967295, this.below(1e6)]);
      case ScalarType.INT64:
        return this.pick([0n, 1n, -1n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]);
      case ScalarType.UINT64:
        return this.pick([0n, 1n, 300n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n]);
      case ScalarType.FLOAT:
        return this.pick([0, 0.25, -1.5, 3.4028234663852886e38, Number.POSITIVE_INFINITY]);
      case ScalarType.DOUBLE:
        return this.pick([0, 0.1, -1e300, Number.MIN_VALUE]);
      default:
        throw new Error(`${field.toString()} is of a type that this test does not make`);
    }
  }

  private tooDeep(field: DescField, depth: number): boolean {
    return field.message !== undefined && depth > 4;
  }

  private text(): string {
    return this.pick(['', 'a', 'name', 'wëb', '😀 and more', '__proto__', 'x'.repeat(130), '12']);
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  private below(count: number): number {
    return Math.floor(this.random() * count);
  }
}

describe('every message type', () => {
  it('is there: SwarmKit, raftpb, containerd', () => {
    const packages = new Set(messages.map((desc) => desc.file.proto.package.split('.')[0]));
    assert.deepStrictEqual([...packages].sort(), [
      'containerd',
      'docker',
      'google',
      'raftpb',
      'swarmkit',
    ]);
    assert.ok(messages.length > 400, `${messages.length} types`);
  });

  for (const desc of messages) {
    it(`${desc.typeName} means the same to protobuf-es and to us`, () => {
      const codec = codecOf(desc);
      fc.assert(
        fc.property(fc.integer(), (seed) => {
          const theirs = new Filler(seed).message(desc);
          const message = codec.decode(toBinary(desc, theirs));
          assert.ok(!hasUnknown(message), 'we know all fields');

          const bytes = codec.encode(message).finish();
          assert.ok(equals(desc, fromBinary(desc, bytes), theirs), 'they read what we wrote');
          assert.deepStrictEqual(codec.decode(bytes), message, 'we read what we wrote');
          assert.deepStrictEqual(codec.fromPartial(message), message, 'a copy is equal');

          const stock = new BinaryWriter() as unknown as FastWriter;
          assert.ok(
            bytes.equals(codec.encode(message, stock).finish()),
            'stock writer, same bytes',
          );
        }),
        { numRuns: 15 },
      );
    });
  }
});

function hasUnknown(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false;
  return Object.entries(value).some(
    ([key, item]) => (key === '_unknownFields' && typeof item === 'object') || hasUnknown(item),
  );
}
