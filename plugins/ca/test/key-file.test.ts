// The key file and the records in its headers: round trips, OpenSSL as the other reader, damage.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createHmac, createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  MaybeEncryptedRecord,
  MaybeEncryptedRecord_Algorithm as Algorithm,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import fc from 'fast-check';
import {
  type KeyFile,
  NO_DATA_KEYS,
  NO_KEK,
  readKeyFile,
  withKek,
  writeKeyFile,
} from '../shell/key-file.js';
import { readPem, writePem } from '../shell/pem.js';
import { decryptPkcs8, encryptPkcs8 } from '../shell/pkcs8.js';
import { seal, unseal } from '../shell/secret-box.js';
import { generateKey } from '../shell/x509.js';

const source = seededRandom('key file');
const random = (count: number): Uint8Array => source.bytes(count);
const dir = mkdtempSync(join(tmpdir(), 'swarmkit-keys-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const key = generateKey().privateKey;
const derOf = (one = key): Buffer => one.export({ type: 'pkcs8', format: 'der' });
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const plain: KeyFile = { key, kek: NO_KEK, dataKeys: NO_DATA_KEYS, others: new Map() };

function openssl(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** OpenSSL takes the first line of a file as the password, so this one has no line breaks and no zeros. */
const textKek = Buffer.from('a password of thirty-two letters');

test('OpenSSL decrypts what we encrypt', () => {
  const file = join(dir, 'ours.pem');
  writeFileSync(join(dir, 'password'), textKek);
  const text = writeKeyFile({ ...plain, kek: { version: 5n, key: textKek } }, random);
  // With headers, a PEM block is in the old form to OpenSSL: it is handed the block alone.
  const [block] = readPem(text);
  assert.equal(block?.type, 'ENCRYPTED PRIVATE KEY');
  writeFileSync(file, writePem(block?.type ?? '', block?.der ?? Buffer.alloc(0)));
  const clear = openssl(
    'pkcs8',
    '-in',
    file,
    '-passin',
    `file:${join(dir, 'password')}`,
    '-topk8',
    '-nocrypt',
  );
  assert.ok(createPrivateKey(clear).equals(key));
  const shown = openssl('asn1parse', '-in', file);
  for (const word of ['PBES2', 'PBKDF2', 'aes-256-cbc']) assert.ok(shown.includes(word), word);
  assert.ok(!/hmacWith/.test(shown), 'SwarmKit reads only the default function');
});

test('we decrypt what OpenSSL encrypts in that form', () => {
  const clear = join(dir, 'clear.pem');
  writeFileSync(clear, key.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(dir, 'password'), textKek);
  const common = ['pkcs8', '-topk8', '-in', clear, '-passout', `file:${join(dir, 'password')}`];
  const sha1 = openssl(...common, '-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA1');
  const read = readKeyFile(sha1, textKek);
  assert.ok(read !== 'locked' && read.key.equals(key));
  const sha256 = openssl(...common, '-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA256');
  assert.throws(() => readKeyFile(sha256, textKek), /it is not encrypted with PBES2/);
});

test('a legacy key of OpenSSL is read with its KEK', () => {
  const pem = key
    .export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase: textKek })
    .toString()
    .replace('Proc-Type', 'kek-version: 8\nProc-Type');
  assert.equal(readKeyFile(pem, undefined), 'locked');
  const read = readKeyFile(pem, textKek);
  assert.ok(read !== 'locked' && read.key.equals(key) && read.kek.version === 8n);
  assert.throws(() => readKeyFile(pem, random(32)), { code: 'CA_UNLOCK_WRONG' });
});

test('any KEK encrypts, and no other decrypts', () => {
  fc.assert(
    fc.property(bytes32, bytes32, (kek, other) => {
      fc.pre(Buffer.compare(kek, other) !== 0);
      const encrypted = encryptPkcs8(derOf(), kek, random);
      assert.deepEqual(decryptPkcs8(encrypted, kek), derOf());
      assert.equal(decryptPkcs8(encrypted, other), undefined);
    }),
    { numRuns: 60 },
  );
});

test('damaged bytes are an error or no longer the key, and nothing worse', () => {
  const kek = random(32);
  const whole = encryptPkcs8(derOf(), kek, random);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      try {
        // CBC vouches for nothing: that the key is another one shows beside its certificate.
        decryptPkcs8(damaged, kek);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }),
    { numRuns: 300 },
  );
});

test('a key file carries all of it, whatever the KEK', () => {
  const maybe = fc.option(bytes32, { nil: undefined });
  fc.assert(
    fc.property(
      maybe,
      bytes32,
      maybe,
      fc.boolean(),
      fc.bigInt(0n, (1n << 64n) - 1n),
      (kek, current, pending, needsRotation, version) => {
        const file: KeyFile = {
          key,
          kek: { version, key: kek },
          dataKeys: { current, pending, needsRotation },
          others: new Map([['x-acme', 'kept']]),
        };
        const text = writeKeyFile(file, random);
        if (kek !== undefined) {
          assert.equal(readKeyFile(text, undefined), 'locked');
          assert.ok(!text.includes(Buffer.from(current).toString('base64')));
        }
        const read = readKeyFile(text, kek);
        assert.ok(read !== 'locked' && read.key.equals(key));
        assert.equal(read.kek.version, version);
        assert.deepEqual([...read.others], [['x-acme', 'kept']]);
        const plainOf = (one: Uint8Array | undefined) => one && Buffer.from(one).toString('hex');
        assert.equal(plainOf(read.dataKeys.current), plainOf(current));
        assert.equal(plainOf(read.dataKeys.pending), plainOf(pending));
        assert.equal(read.dataKeys.needsRotation, needsRotation);
      },
    ),
    { numRuns: 60 },
  );
});

test('headers that make no sense are said', () => {
  const text = (headers: readonly [string, string][]): string =>
    writePem('PRIVATE KEY', derOf(), new Map(headers));
  const sealed = Buffer.from(seal(random(32), random(32), random)).toString('base64');
  for (const [headers, why] of [
    [[['kek-version', 'seven']], /its kek-version is no number/],
    [[['raft-dek', sealed]], /its raft-dek cannot be read: it is encrypted/],
    [[['raft-dek', 'AAAA']], /its raft-dek cannot be read/],
    [[['raft-dek-pending', 'CgA=']], /raft-dek-pending/],
  ] as const)
    assert.throws(() => readKeyFile(text(headers as never), undefined), why);
});

test('data keys that lay open are to be replaced once a lock comes, and only then', () => {
  const dataKeys = { current: random(32), pending: undefined, needsRotation: false };
  const locked = { version: 2n, key: random(32) };
  const file = withKek({ ...plain, dataKeys }, locked);
  assert.equal(file.dataKeys.needsRotation, true);
  assert.equal(withKek(plain, locked).dataKeys.needsRotation, false);
  const next = { ...file, dataKeys };
  assert.equal(withKek(next, { version: 3n, key: random(32) }).dataKeys.needsRotation, false);
  assert.equal(withKek(next, { version: 3n, key: undefined }).dataKeys.needsRotation, false);
});

test('a record is opened by its key alone', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes32, bytes32, (secret, own, other) => {
      fc.pre(Buffer.compare(own, other) !== 0);
      const sealed = seal(secret, own, random);
      assert.deepEqual(Buffer.from(unseal(sealed, own)), Buffer.from(secret));
      assert.throws(() => unseal(sealed, other), /damaged, or under another key/);
      assert.throws(() => unseal(sealed, undefined), /there is no key for it/);
      assert.deepEqual(
        Buffer.from(unseal(seal(secret, undefined, random), other)),
        Buffer.from(secret),
      );
    }),
    { numRuns: 100 },
  );
});

/** The vector of NaCl's own tests (`secretbox.c`), cut to what a record holds. */
test('secretbox is NaCl’s', () => {
  const k = Buffer.from('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389', 'hex');
  const nonce = Buffer.from('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37', 'hex');
  const data = Buffer.from(
    'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5',
    'hex',
  );
  const record = MaybeEncryptedRecord.encode(
    MaybeEncryptedRecord.create({ algorithm: Algorithm.SECRETBOX_SALSA20_POLY1305, data, nonce }),
  ).finish();
  assert.match(Buffer.from(unseal(record, k)).toString('hex'), /^be075fc53c81f2d5cf141316/);
});

test('Fernet is read, and only whole', () => {
  const kek = random(32);
  const secret = Buffer.from('a data key of thirty-two letters');
  const iv = random(16);
  const cipher = createCipheriv('aes-128-cbc', kek.subarray(16), iv);
  const body = Buffer.concat([
    Buffer.from([0x80]),
    Buffer.alloc(8),
    iv,
    cipher.update(secret),
    cipher.final(),
  ]);
  const mac = createHmac('sha256', kek.subarray(0, 16)).update(body).digest();
  const recordOf = (token: Buffer): Uint8Array =>
    MaybeEncryptedRecord.encode(
      MaybeEncryptedRecord.create({
        algorithm: Algorithm.FERNET_AES_128_CBC,
        data: Buffer.from(token.toString('base64url')),
      }),
    ).finish();
  const whole = Buffer.concat([body, mac]);
  assert.deepEqual(unseal(recordOf(whole), kek), secret);
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    assert.throws(() => unseal(recordOf(damaged), kek), /damaged/);
  }
  assert.throws(() => unseal(recordOf(whole.subarray(0, 40)), kek), /damaged/);
});
