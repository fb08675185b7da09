// Bytes of a message type, made from its descriptor: mostly right, now and then wrong in the ways that
// break decoders and handlers. One seed makes the same bytes again.
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { descriptorSet } from '@swarmkit/sdk/wire/test/protoc';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));

export const messageTypes: readonly DescMessage[] = [...registry].filter(
  (desc): desc is DescMessage => desc.kind === 'message',
);
export const serviceTypes = [...registry].filter((desc) => desc.kind === 'service');

/** Name of the generated type, and the module it is in. */
export const generatedName = (desc: DescMessage) => ({
  module: desc.file.name,
  name: desc.typeName.slice(desc.file.proto.package.length + 1).replaceAll('.', '_'),
});

const MAX_DEPTH = 6;

export interface MakerOptions {
  /** How often a field is wrong, 0 to 1. */
  readonly wild?: number;
  /** What strings are drawn from now and then: ids that exist. */
  readonly ids?: () => readonly string[];
  /** What a version's index is drawn from now and then. */
  readonly versions?: () => readonly bigint[];
  /** Good messages by type, to begin with: what is made then goes on top of one. */
  readonly samples?: ReadonlyMap<string, readonly Uint8Array[]>;
}

export class MessageMaker {
  private readonly random;
  private readonly wild: number;
  private readonly ids: () => readonly string[];

  private readonly versions: () => readonly bigint[];
  private readonly samples: ReadonlyMap<string, readonly Uint8Array[]>;

  constructor(
    seed: string,
    { wild = 0, ids = () => [], versions = () => [], samples = new Map() }: MakerOptions = {},
  ) {
    this.versions = versions;
    this.samples = samples;
    this.random = seededRandom(seed);
    this.wild = wild;
    this.ids = ids;
  }

  below(count: number): number {
    return this.random.int(count);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  chance(p: number): boolean {
    return this.random.next() < p;
  }

  message(desc: DescMessage, depth = 0): Buffer {
    const samples = this.samples.get(desc.typeName) ?? [];
    if (samples.length === 0 || this.chance(0.2)) return this.fresh(desc, depth);
    const sample = Buffer.from(this.pick(samples));
    // Of a field that occurs twice the last one counts.
    return this.chance(0.3) ? sample : Buffer.concat([sample, this.fresh(desc, depth, 0.15)]);
  }

  /** `full`: how many of its fields it has. Some are nearly empty, so that submessages are missing. */
  private fresh(desc: DescMessage, depth: number, full = this.pick([0.1, 0.5, 0.9, 1])): Buffer {
    const parts: Buffer[] = [];
    for (const member of desc.members) {
      if (!this.chance(full)) continue;
      if (member.kind === 'oneof') {
        const field = this.pick(member.fields);
        if (!this.tooDeep(field, depth)) parts.push(this.field(field, depth));
      } else if (!this.tooDeep(member, depth)) {
        const times = member.fieldKind === 'list' || member.fieldKind === 'map' ? this.below(4) : 1;
        for (let n = 0; n < times; n++) parts.push(this.field(member, depth));
      }
    }
    if (this.chance(this.wild)) parts.push(this.nonsense());
    const whole = Buffer.concat(parts);
    return this.chance(this.wild / 2) ? whole.subarray(0, this.below(whole.length + 1)) : whole;
  }

  private field(field: DescField, depth: number): Buffer {
    if (this.chance(this.wild))
      return Buffer.concat([tag(field.number, this.below(8)), this.nonsense()]);
    if (field.fieldKind === 'map') {
      const value =
        field.mapKind === 'message'
          ? bytes(2, this.message(field.message, depth + 1))
          : this.scalar(2, field.mapKind === 'enum' ? ScalarType.INT32 : field.scalar, 'value');
      const key = bytes(1, Buffer.from(this.text('key')));
      return bytes(field.number, Buffer.concat([key, value]));
    }
    if (field.message !== undefined)
      return bytes(field.number, this.message(field.message, depth + 1));
    if (field.enum !== undefined) {
      const known = field.enum.values.map((value) => value.number);
      return number(field.number, BigInt(this.pick([...known, ...known, -1, 99, 2 ** 31 - 1])));
    }
    return this.scalar(field.number, field.scalar ?? ScalarType.STRING, field.name);
  }

  private scalar(no: number, type: ScalarType, name: string): Buffer {
    switch (type) {
      case ScalarType.STRING:
        return bytes(no, Buffer.from(this.text(name)));
      case ScalarType.BYTES:
        return bytes(
          no,
          Buffer.from(Array.from({ length: this.below(40) }, () => this.below(256))),
        );
      case ScalarType.BOOL:
        return number(no, BigInt(this.below(2)));
      case ScalarType.DOUBLE: {
        const value = Buffer.alloc(8);
        value.writeDoubleLE(this.pick([0, 0.5, -1, 1e300, Number.NaN, Number.POSITIVE_INFINITY]));
        return Buffer.concat([tag(no, 1), value]);
      }
      case ScalarType.FLOAT: {
        const value = Buffer.alloc(4);
        value.writeFloatLE(this.pick([0, 0.5, -1, 2, Number.NaN, Number.NEGATIVE_INFINITY]));
        return Buffer.concat([tag(no, 5), value]);
      }
      case ScalarType.FIXED64:
      case ScalarType.SFIXED64:
        return Buffer.concat([tag(no, 1), Buffer.alloc(8, this.below(256))]);
      case ScalarType.FIXED32:
      case ScalarType.SFIXED32:
        return Buffer.concat([tag(no, 5), Buffer.alloc(4, this.below(256))]);
      default: {
        const versions = this.versions();
        const known = name === 'index' && versions.length > 0 && this.chance(0.8);
        return number(no, known ? this.pick(versions) : this.pick(NUMBERS));
      }
    }
  }

  private text(name: string): string {
    const ids = this.ids();
    if (name === 'name' && this.chance(0.5)) return `name-${this.below(200)}`;
    if (name === 'image') return this.pick(['busybox', 'busybox:1', '', 'no image']);
    if (
      ids.length > 0 &&
      /id|addr|secret|config|network|target|name/i.test(name) &&
      this.chance(0.6)
    )
      return this.pick(ids);
    return this.pick(TEXTS);
  }

  /** Bytes that are no field. */
  private nonsense(): Buffer {
    const kinds = [
      // A length of 1 GB, of 2^32 - 1, and a negative one, with little behind it.
      () => Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x04, 1, 2, 3]),
      () => Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]),
      () => Buffer.from([0x1a, ...Array(9).fill(0xff), 0x01]),
      // Varints of ten bytes and of more.
      () => Buffer.from([0x08, ...Array(9).fill(0xff), 0x7f]),
      () => Buffer.from([0x08, ...Array(12).fill(0x80)]),
      // Groups: begun and not ended, ended and not begun.
      () => Buffer.from([0x0b, 0x08, 1]),
      () => Buffer.from([0x0c]),
      () => Buffer.alloc(2_000, 0x0b),
      // Field number 0, unknown fields, a wire type that there is not.
      () => Buffer.from([0x00, 1]),
      () => bytes(500 + this.below(1_000), Buffer.from('unknown')),
      () => Buffer.from([0x0f, 1]),
      // A text that is none.
      () => bytes(1 + this.below(4), Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80])),
      // Messages within messages.
      () => nested(1 + this.below(3), this.pick([50, 99, 101, 300])),
      () => Buffer.from(Array.from({ length: this.below(30) }, () => this.below(256))),
    ];
    return this.pick(kinds)();
  }

  private tooDeep(field: DescField, depth: number): boolean {
    return field.message !== undefined && depth >= MAX_DEPTH;
  }
}

const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  5n,
  300n,
  10_000_000n,
  1_000_000_000n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
  -1n,
  -(2n ** 31n),
  -(2n ** 63n),
];

const TEXTS: readonly string[] = [
  '',
  'a',
  'web',
  'node',
  'wëb 😀',
  '__proto__',
  'constructor',
  'x'.repeat(70),
  '../../etc',
  '{{.Node.Hostname}}',
  'node.labels.x==y',
  '10.0.0.0/24',
  '0.0.0.0:0',
  '\u0000',
];

function varint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

const tag = (no: number, wire: number): Buffer => varint(BigInt(no * 8 + wire));
const number = (no: number, value: bigint): Buffer => Buffer.concat([tag(no, 0), varint(value)]);
const bytes = (no: number, value: Buffer): Buffer =>
  Buffer.concat([tag(no, 2), varint(BigInt(value.length)), value]);

function nested(no: number, depth: number): Buffer {
  let inner: Buffer = Buffer.alloc(0);
  for (let i = 0; i < depth; i++) inner = bytes(no, inner);
  return inner;
}
