// Our codec against protoc's: checked-in bytes always, the live protoc where it is installed.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { descriptorSet, Protoc, protocMissing } from './protoc.js';
import { VECTORS } from './vectors.js';

describe('checked-in bytes of protoc', () => {
  for (const { name, codec, message, hex } of VECTORS) {
    it(`${name}: decode gives the message`, () => {
      assert.deepStrictEqual(codec.decode(Buffer.from(hex, 'hex')), message);
    });

    it(`${name}: encode gives the bytes`, () => {
      assert.equal(codec.encode(message).finish().toString('hex'), hex);
    });
  }
});

const missing = protocMissing();

describe('protoc', { skip: missing ?? false }, () => {
  let dir: string;
  let protoc: Protoc;

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'swarmkit-golden-'));
    const file = join(dir, 'descriptors.binpb');
    writeFileSync(file, descriptorSet());
    protoc = new Protoc(file);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  for (const { name, type, codec, text, message, hex } of VECTORS) {
    it(`${name}: its bytes are those checked in`, () => {
      assert.equal(protoc.encode(type, text).toString('hex'), hex);
    });

    it(`${name}: we read what it writes`, () => {
      assert.deepStrictEqual(codec.decode(protoc.encode(type, text)), message);
    });

    it(`${name}: it reads what we write`, () => {
      const ours = protoc.decode(type, codec.encode(message).finish());
      assert.equal(ours, protoc.decode(type, protoc.encode(type, text)));
      assert.notEqual(ours, '');
    });
  }
});
