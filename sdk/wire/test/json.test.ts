import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret, Service } from '../gen/swarmkit/objects.js';
import { Annotations, UpdateConfig, UpdateConfig_UpdateOrder } from '../gen/swarmkit/types.js';
import { toJson } from '../json.js';

describe('toJson', () => {
  it('prints a message as a plain object that JSON can hold', () => {
    const service = Service.create({
      id: 's',
      meta: { version: { index: 18446744073709551615n } },
      spec: {
        task: { runtime: { $case: 'container', value: { image: 'i', init: false } } },
        mode: { $case: 'replicated', value: { replicas: 3n } },
      },
    });
    const json = toJson(service);
    assert.deepStrictEqual(JSON.parse(JSON.stringify(json)), json);
    const spec = json.spec as { [key: string]: unknown };
    assert.deepStrictEqual(json.meta, { version: { index: '18446744073709551615' } });
    assert.deepStrictEqual(spec.mode, { replicated: { replicas: 3 } });
    assert.equal(Object.hasOwn(spec, 'annotations'), false);
    assert.deepStrictEqual(
      (spec.task as { runtime: { container: { init: unknown } } }).runtime.container.init,
      false,
    );
  });

  it('prints bytes as base64, also when they lie inside of a larger buffer', () => {
    const data = Buffer.from('xhellox').subarray(1, 6);
    const { spec } = toJson(Secret.create({ spec: { data } })) as { spec: { data: string } };
    assert.equal(spec.data, 'aGVsbG8=');
  });

  it('prints integers as numbers exactly while that is exact', () => {
    const print = (parallelism: bigint) => toJson({ parallelism }).parallelism;
    assert.equal(print(9007199254740991n), 9007199254740991);
    assert.equal(print(9007199254740992n), '9007199254740992');
    assert.equal(print(-9007199254740991n), -9007199254740991);
    assert.equal(print(-9223372036854775808n), '-9223372036854775808');
  });

  it('prints enums as numbers and what JSON has no number for as text', () => {
    const config = UpdateConfig.create({
      order: UpdateConfig_UpdateOrder.START_FIRST,
      maxFailureRatio: Number.POSITIVE_INFINITY,
    });
    const json = toJson(config);
    assert.equal(json.order, 1);
    assert.equal(json.maxFailureRatio, 'Infinity');
    assert.equal(toJson({ x: Number.NaN }).x, 'NaN');
  });

  it('keeps labels with strange names', () => {
    const labels = { ['__proto__']: 'p', _unknownFields: 'u', constructor: 'c', $case: 'x' };
    const json = toJson(Annotations.create({ labels }));
    assert.deepStrictEqual(json.labels, labels);
  });
});
