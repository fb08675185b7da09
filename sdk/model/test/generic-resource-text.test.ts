import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isSwarmError } from '../../plugin/errors.js';
import { parseGenericResources } from '../generic-resource-text.js';

/** `fpga=2` for an amount, `gpu:a` for a name. */
const parsed = (text: string): readonly string[] =>
  parseGenericResources(text).map(({ resource }) =>
    resource?.$case === 'discreteResourceSpec'
      ? `${resource.value.kind}=${resource.value.value}`
      : `${resource?.value.kind}:${resource?.value.value}`,
  );

const refusal = (text: string): string => {
  try {
    parsed(text);
  } catch (error) {
    assert.ok(isSwarmError(error) && error.code === 'GENERIC_RESOURCE_SYNTAX', String(error));
    return error.message.replace(/^could not parse GenericResource: /, '');
  }
  throw new Error(`${text} was not refused`);
};

test('one whole number is an amount', () => {
  assert.deepEqual(parsed('fpga=2'), ['fpga=2']);
  assert.deepEqual(parsed('fpga=0,ssd=+3'), ['fpga=0', 'ssd=3']);
  assert.deepEqual(parsed('fpga=9223372036854775807'), ['fpga=9223372036854775807']);
});

test('anything else is a name, one or several of a kind', () => {
  assert.deepEqual(parsed('gpu=a'), ['gpu:a']);
  assert.deepEqual(parsed('gpu=UUID1,gpu=UUID2,gpu=UUID3'), [
    'gpu:UUID1',
    'gpu:UUID2',
    'gpu:UUID3',
  ]);
  assert.deepEqual(parsed('gpu=1.5'), ['gpu:1.5']);
  assert.deepEqual(parsed('gpu='), ['gpu:']);
  assert.deepEqual(parsed('gpu=9223372036854775808'), ['gpu:9223372036854775808']);
});

test('amounts and names side by side, of different kinds', () => {
  assert.deepEqual(parsed('gpu=a,fpga=2,gpu=b'), ['gpu:a', 'gpu:b', 'fpga=2']);
});

test('white space around kinds and values is taken off', () => {
  assert.deepEqual(parsed(' gpu = a , fpga =  2 '), ['gpu:a', 'fpga=2']);
});

test('a kind is an amount or names, and an amount is said once', () => {
  const mixed = (kind: string) => `mixed discrete and named resources in expression '${kind}'`;
  assert.equal(refusal('gpu=a,gpu=1'), mixed('gpu=[a 1]'));
  assert.equal(refusal('gpu=1,gpu=a'), mixed('gpu=[1 a]'));
  assert.equal(refusal('fpga=1,fpga=2'), mixed('fpga=[1 2]'));
});

test('what is no kind=value is named', () => {
  assert.equal(refusal('gpu'), "incorrect term gpu, missing '=' or malformed expression");
  assert.equal(refusal('a=1,b'), "incorrect term b, missing '=' or malformed expression");
  assert.equal(refusal('a=b=c'), "incorrect term a=b=c, missing '=' or malformed expression");
  assert.equal(refusal('=3'), "incorrect term =3, missing '=' or malformed expression");
  assert.equal(refusal('a=1,'), "incorrect term , missing '=' or malformed expression");
});

test('less than nothing, several lines and nothing at all are refused', () => {
  assert.equal(refusal('fpga=-1'), 'cannot ask for negative resource fpga');
  assert.equal(refusal('a=1\nb=2'), "unexpected '\\n' character");
  assert.equal(refusal(''), 'found multiple records while parsing cmd ');
});

test('whatever is written is resources or one clear sentence: property', () => {
  const piece = fc.constantFrom('gpu', 'a', '=', ',', '1', '-', ' ', '\n', '9'.repeat(40), 'é');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      try {
        for (const one of parsed(text)) assert.match(one, /^\S/);
      } catch (error) {
        assert.ok(isSwarmError(error), String(error));
      }
    }),
  );
});
