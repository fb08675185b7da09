import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveUser } from '../core/user.js';

const database = {
  passwd: [
    '# a comment',
    'root:x:0:0:root:/root:/bin/sh',
    'app:x:1000:1001:App:/home/app:/bin/sh',
    '4000:x:5000:5001::/:/bin/sh',
    'broken line',
    'nonum:x:abc:0::/:/bin/sh',
  ].join('\n'),
  group: [
    'root:x:0:',
    'wheel:x:10:root,app',
    'app:x:1001:',
    'extra:x:2000: app ',
    'bad:x:zz:app',
  ].join('\n'),
};

const user = (spec: string, groups: readonly string[] = []) => resolveUser(spec, groups, database);

describe('users', () => {
  it("is root with root's groups by default", () => {
    assert.deepEqual(user(''), { uid: 0, gid: 0, additionalGids: [10] });
    assert.deepEqual(user('root'), user('0'));
  });

  it('finds a name, its group and the groups it is a member of', () => {
    assert.deepEqual(user('app'), { uid: 1000, gid: 1001, additionalGids: [10, 2000] });
    assert.deepEqual(user('1000'), user('app'));
  });

  it('a group named outright replaces the groups of the user', () => {
    assert.deepEqual(user('app:wheel'), { uid: 1000, gid: 10 });
    assert.deepEqual(user('app:77'), { uid: 1000, gid: 77 });
  });

  it('a number needs no entry', () => {
    assert.deepEqual(user('1234'), { uid: 1234, gid: 0 });
    assert.deepEqual(user('1234:4321'), { uid: 1234, gid: 4321 });
  });

  it('a name that looks like a number is a name first', () => {
    assert.deepEqual(user('4000'), { uid: 5000, gid: 5001 });
  });

  it('adds the groups of the service', () => {
    assert.deepEqual(user('1234', ['extra', '99']), {
      uid: 1234,
      gid: 0,
      additionalGids: [99, 2000],
    });
  });

  it('works for an image without the files', () => {
    const none = { passwd: '', group: '' };
    assert.deepEqual(resolveUser('', [], none), { uid: 0, gid: 0 });
    assert.deepEqual(resolveUser('12:34', [], none), { uid: 12, gid: 34 });
  });

  it('says which name is not known', () => {
    assert.throws(() => user('ghost'), {
      message: 'unable to find user ghost: no matching entries in passwd file',
    });
    assert.throws(() => user('app:ghosts'), {
      message: 'unable to find group ghosts: no matching entries in group file',
    });
    assert.throws(() => user('nonum'), /unable to find user nonum/);
    assert.throws(() => user('4294967295'), /unable to find user 4294967295/);
  });
});
