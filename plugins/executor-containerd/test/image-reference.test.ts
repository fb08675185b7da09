import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseImageReference } from '../core/image-reference.js';
import { familiarName } from '../core/registry.js';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('image references', () => {
  const good: readonly (readonly [string, string])[] = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['me/app', 'docker.io/me/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/me/app:x', 'docker.io/me/app:x'],
    ['me.org/app', 'me.org/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['localhost:5000/a/b/c:v1', 'localhost:5000/a/b/c:v1'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    ['[fd00::2]/x:1', '[fd00::2]/x:1'],
    // A first part with capitals cannot be a user of docker.io, so it is a host.
    ['Me/app', 'Me/app:latest'],
    ['a__b/c.d/e--f:T.a-g_1', 'docker.io/a__b/c.d/e--f:T.a-g_1'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
    [`me.org:80/app:v1@${digest}`, `me.org:80/app@${digest}`],
  ];
  for (const [text, name] of good)
    it(`${text} is ${name}`, () => assert.equal(parseImageReference(text).name, name));

  const bad = [
    '',
    ':latest',
    'Busybox',
    'me/App',
    'a//b',
    '/a',
    'a/',
    'a:b:c',
    'a_',
    '-a',
    'a..b',
    'a___b',
    'busybox:',
    'busybox:-x',
    `busybox:${'t'.repeat(129)}`,
    'busybox@',
    'busybox@sha256:abc',
    `busybox@sha256:${'A'.repeat(64)}`,
    `busybox@md5:${'0'.repeat(32)}`,
    'a b',
    'https://docker.io/busybox',
    '[::1/x',
    'host:port/x',
    'a'.repeat(256),
    'f'.repeat(64),
    'x\n',
  ];
  for (const text of bad)
    it(`${JSON.stringify(text.slice(0, 40))} is refused`, () =>
      assert.throws(() => parseImageReference(text), {
        code: 'CONTAINERD_IMAGE_REFERENCE',
        message: `"${text}" is not a valid repository/tag`,
      }));

  it('keeps tag and digest apart', () => {
    const both = parseImageReference(`a:1@${digest}`);
    assert.deepEqual([both.tag, both.digest], ['1', digest]);
    const plain = parseImageReference(`a@${digest}`);
    assert.deepEqual([plain.tag, plain.digest], [undefined, digest]);
  });

  const part = fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4})?$/);
  const reference = fc
    .tuple(
      fc.constantFrom('', 'localhost/', 'reg.example.com/', 'reg:5000/', '[::1]:5000/'),
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.option(fc.stringMatching(/^\w[\w.-]{0,8}$/), { nil: undefined }),
    )
    .map(([host, parts, tag]) => `${host}${parts.join('/')}${tag === undefined ? '' : `:${tag}`}`)
    // `x.y/z` and the like name a host: covered above, and not by this generator's own splitting.
    .filter((text) => text.includes('/') || !/^[a-f0-9]{64}/.test(text));

  it('the full name means the same as the short one', () => {
    fc.assert(
      fc.property(reference, (text) => {
        const once = parseImageReference(text);
        assert.deepEqual(parseImageReference(once.name), once);
        assert.deepEqual(parseImageReference(familiarName(once)), once);
      }),
    );
  });

  it('never accepts what it cannot give back', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        let name: string;
        try {
          name = parseImageReference(text).name;
        } catch {
          return;
        }
        assert.match(name, /^[^/\s]+\/[a-z0-9._/-]+(:[\w.-]+|@sha256:[0-9a-f]{64})$/);
      }),
    );
  });
});
