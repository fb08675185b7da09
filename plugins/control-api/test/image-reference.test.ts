import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isImageReference } from '../core/validate/image-reference.js';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const good = [
  'busybox',
  'busybox:latest',
  'library/busybox',
  'a/b/c/d',
  'docker.io/library/busybox:1.36',
  'localhost/x',
  'localhost:5000/x',
  'localhost:5000',
  'registry.example.com:443/team/app:v1.2.3-rc_1',
  'Registry/app',
  '[::1]:5000/x',
  `busybox@${digest}`,
  `reg.io:5000/busybox:1@${digest}`,
  'a__b',
  'a-----b.c_d',
  `a${'b'.repeat(200)}`,
  `busybox:${'a'.repeat(128)}`,
];

const bad = [
  '',
  ' ',
  'Busybox',
  'busybox:',
  'busybox:-x',
  `busybox:${'a'.repeat(129)}`,
  'busybox@',
  'busybox@sha256:abc',
  `busybox@md5:${'a'.repeat(32)}`,
  `busybox@${digest.toUpperCase()}`,
  'a//b',
  '/a',
  'a/',
  '-a',
  'a-',
  'a___b',
  'a..b',
  'docker.io/',
  'reg.io:port/x',
  '-reg.io/x',
  'reg.io/Upper',
  'busy box',
  '0123456789abcdef'.repeat(4),
  'a'.repeat(256),
  'http://busybox',
];

for (const reference of good)
  test(`an image: ${reference.slice(0, 60)}`, () => {
    assert.ok(isImageReference(reference));
  });

for (const reference of bad)
  test(`no image: ${JSON.stringify(reference.slice(0, 60))}`, () => {
    assert.ok(!isImageReference(reference));
  });

test('a megabyte of nonsense is refused at once', () => {
  for (const part of ['a', '-', '.', '/', ':', '_', 'a-', 'a.', '[', 'A'])
    assert.ok(!isImageReference(`${part.repeat((1 << 20) / part.length)}!`));
});
