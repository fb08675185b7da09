import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseUnlockKey, unlockKeyText } from '../unlock-key.js';

test('the published form', () => {
  const key = Uint8Array.from({ length: 32 }, (_, at) => at);
  const text = 'SWMKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';
  assert.equal(unlockKeyText(key), text);
  assert.deepEqual([...parseUnlockKey(`${text}\n`)], [...key]);
});

test('every key is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      assert.deepEqual([...parseUnlockKey(unlockKeyText(key))], [...key]);
    }),
  );
});

test('anything else is no key', () => {
  const good = unlockKeyText(new Uint8Array(32).fill(0xfb));
  const wrong = [
    '',
    good.slice(0, -1),
    `${good}A`,
    `${good}=`,
    good.replace('SWMKEY-1', 'SWMKEY-2'),
    good.replaceAll('+', '-').replaceAll('/', '_'),
    `${good.slice(0, -1)}9`,
    good.toLowerCase(),
  ].filter((text) => text !== good);
  for (const text of wrong)
    assert.throws(() => parseUnlockKey(text), {
      kind: 'invalid-argument',
      message: 'invalid key string',
    });
});
