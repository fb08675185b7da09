import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aTask } from '@swarmkit/sdk/testkit/fixtures';
import type { GenericResource } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { GenericStock } from '@swarmkit/sdk/model/placement/generic-stock';

const amount = (kind: string, value: bigint): GenericResource => ({
  resource: { $case: 'discreteResourceSpec', value: { kind, value } },
});
const named = (kind: string, ...values: string[]): GenericResource[] =>
  values.map((value) => ({ resource: { $case: 'namedResourceSpec', value: { kind, value } } }));

/** What is left of a description while tasks hold these. */
const left = (described: readonly GenericResource[], ...held: (readonly GenericResource[])[]) =>
  new GenericStock(
    described,
    held.map((assignedGenericResources) => aTask({ assignedGenericResources })),
  );

test('an amount is taken and given back', () => {
  const two = [amount('ssd', 2n)];
  assert.equal(left(two).available('ssd'), 2n);
  assert.equal(left(two, [amount('ssd', 1n)]).available('ssd'), 1n);
  assert.equal(left(two, two).available('ssd'), 0n);
  // Given back is: nobody holds it any more.
  assert.equal(left(two).available('ssd'), 2n);
});

test('names are taken in the order of the node, and one that came back can be had again', () => {
  const gpus = named('gpu', 'a', 'b', 'c');
  const stock = left(gpus);
  assert.deepEqual(stock.claim([amount('gpu', 2n)]), named('gpu', 'a', 'b'));
  assert.deepEqual(stock.claim([amount('gpu', 1n)]), named('gpu', 'c'));
  assert.equal(stock.available('gpu'), 0n);
  assert.deepEqual(
    left(gpus, named('gpu', 'b')).claim([amount('gpu', 2n)]),
    named('gpu', 'a', 'c'),
  );
});

test('several kinds are claimed side by side', () => {
  const stock = left([amount('ssd', 4n), ...named('gpu', 'a', 'b')]);
  assert.deepEqual(stock.claim([amount('gpu', 1n), amount('ssd', 3n)]), [
    ...named('gpu', 'a'),
    amount('ssd', 3n),
  ]);
  assert.deepEqual([stock.available('gpu'), stock.available('ssd')], [1n, 1n]);
});

test('a kind that the node does not have is none', () => {
  assert.equal(left([]).available('gpu'), 0n);
  assert.equal(left(named('gpu', 'a')).available('fpga'), 0n);
});

test('a node that has less now: what is held beyond it frees nothing and costs nothing else', () => {
  assert.ok(left([amount('ssd', 1n)], [amount('ssd', 3n)]).available('ssd') <= 0n);
  const fewer = left(named('gpu', 'a'), named('gpu', 'b', 'c'));
  assert.equal(fewer.available('gpu'), 1n);
  assert.deepEqual(fewer.claim([amount('gpu', 1n)]), named('gpu', 'a'));
});

test('a node that described names and describes an amount now, or the other way round', () => {
  assert.equal(left([amount('gpu', 2n)], named('gpu', 'a')).available('gpu'), 2n);
  assert.equal(left(named('gpu', 'a', 'b'), [amount('gpu', 1n)]).available('gpu'), 2n);
});
