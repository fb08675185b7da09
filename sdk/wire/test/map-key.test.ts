// Keys of maps come from users: no key is lost, and none reaches a prototype.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Cluster } from '../gen/swarmkit/objects.js';
import { Annotations } from '../gen/swarmkit/types.js';
import { putKey } from '../map-key.js';

const KEYS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '1', 'a'];

describe('keys of maps', () => {
  it('survive decode, encode and copies', () => {
    const labels: { [key: string]: string } = {};
    for (const key of KEYS) putKey(labels, key, `value of ${key}`);
    const made = Annotations.create({ labels });
    assert.deepStrictEqual(Object.keys(made.labels).sort(), [...KEYS].sort());
    const bytes = Annotations.encode(made).finish();
    const read = Annotations.decode(bytes);
    assert.deepStrictEqual(Object.keys(read.labels).sort(), [...KEYS].sort());
    for (const key of KEYS) {
      assert.equal(Object.getOwnPropertyDescriptor(read.labels, key)?.value, `value of ${key}`);
    }
    assert.equal(Object.getPrototypeOf(read.labels), Object.prototype);
    assert.deepStrictEqual(Annotations.encode({ ...read }).finish(), bytes);
    assert.deepStrictEqual(Annotations.encode(Annotations.fromPartial(read)).finish(), bytes);
    const spread = { ...read, labels: { ...read.labels } };
    assert.deepStrictEqual(Annotations.encode(spread).finish(), bytes);
  });

  it('do not pollute when their values are messages', () => {
    // blacklisted_certificates { key: "__proto__" value { expiry { seconds: 5 } } }
    const bytes = Buffer.from('42110a095f5f70726f746f5f5f12040a020805', 'hex');
    const cluster = Cluster.decode(bytes);
    assert.deepStrictEqual(Object.keys(cluster.blacklistedCertificates), ['__proto__']);
    assert.equal(Object.getPrototypeOf(cluster.blacklistedCertificates), Object.prototype);
    assert.equal(({} as { expiry?: unknown }).expiry, undefined);
    assert.deepStrictEqual(Cluster.encode(cluster).finish(), bytes);
  });

  it('may come without a value', () => {
    const cluster = Cluster.decode(Buffer.from('42030a016e', 'hex'));
    assert.deepStrictEqual(cluster.blacklistedCertificates, { n: { expiry: undefined } });
    const { labels } = Annotations.decode(Buffer.from('12030a016b12021201', 'hex').subarray(0, 5));
    assert.deepStrictEqual(labels, { k: '' });
  });

  it('that come twice have the last value', () => {
    const bytes = Buffer.from('12060a016b12013112060a016b120132', 'hex');
    assert.deepStrictEqual(Annotations.decode(bytes).labels, { k: '2' });
  });
});
