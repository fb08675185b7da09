import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import { LogCipher, newDataKey } from '../shell/log-cipher.js';

const random = seededRandom('cipher');
const record = Buffer.from('entry/1');
const withKeys = (...keys: Uint8Array[]): LogCipher => {
  const cipher = new LogCipher(random.fork('salt'));
  cipher.use(keys);
  return cipher;
};

describe('the cipher of the log', () => {
  const [old, current] = [newDataKey(random), newDataKey(random)];

  it('gives back what it was given, with a key and without', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (payload, isEncrypted) => {
        const cipher = isEncrypted ? withKeys(current) : withKeys();
        const sealed = cipher.seal(record, payload);
        assert.deepEqual(cipher.unseal(record, sealed), Buffer.from(payload));
        if (isEncrypted && payload.length > 8)
          assert.equal(sealed.includes(Buffer.from(payload)), false);
      }),
    );
  });

  it('finds every flipped bit, and a value that belongs to another record', () => {
    for (const cipher of [withKeys(), withKeys(current)]) {
      const sealed = cipher.seal(record, Buffer.from('payload'));
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const flipped = Buffer.from(sealed);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        assert.equal(cipher.unseal(record, flipped), undefined, `bit ${bit}`);
      }
      assert.equal(cipher.unseal(Buffer.from('entry/2'), sealed), undefined);
      assert.equal(cipher.unseal(record, Buffer.alloc(2)), undefined);
    }
  });

  it('opens what is under older keys, and what is plain, and seals with the newest', () => {
    const plain = withKeys().seal(record, Buffer.from('plain'));
    const older = withKeys(old).seal(record, Buffer.from('older'));
    const both = withKeys(old, current);
    assert.equal(both.unseal(record, plain)?.toString(), 'plain');
    assert.equal(both.unseal(record, older)?.toString(), 'older');
    const newer = both.seal(record, Buffer.from('newer'));
    assert.equal(withKeys(current).unseal(record, newer)?.toString(), 'newer');
  });

  it('says that a key is missing, and does not call that damage', () => {
    const sealed = withKeys(current).seal(record, Buffer.from('secret'));
    for (const cipher of [withKeys(), withKeys(old)])
      assert.throws(
        () => cipher.unseal(record, sealed),
        (error) => isSwarmError(error) && error.code === 'RAFT_KEY',
      );
    const both = withKeys(current, old);
    both.drop(current);
    assert.throws(() => both.unseal(record, sealed));
  });

  it('never seals two values in the same way', () => {
    const cipher = withKeys(current);
    const seen = new Set<string>();
    for (let i = 0; i < 100; i++)
      seen.add(cipher.seal(record, Buffer.from('same')).toString('hex'));
    assert.equal(seen.size, 100);
  });
});
