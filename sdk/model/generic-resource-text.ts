import { SwarmError } from '../plugin/errors.js';
import type { GenericResource } from '../wire/gen/swarmkit/types.js';

/**
 * What a node has of its own kinds, as an operator says it: `fpga=2,gpu=UUID1,gpu=UUID2`. A kind with one
 * whole number is an amount; a kind with values that are no whole numbers is a set of names. Never both.
 * In the order in which the kinds appear. Throws GENERIC_RESOURCE_SYNTAX, in SwarmKit's words.
 */
export function parseGenericResources(text: string): readonly GenericResource[] {
  if (text.includes('\n')) throw refuse("unexpected '\\n' character");
  if (text.trim() === '') throw refuse(`found multiple records while parsing cmd ${text}`);
  const kinds = new Map<string, string[]>();
  for (const term of text.split(',')) {
    const [kind = '', value, ...more] = term.split('=').map((part) => part.trim());
    if (kind === '' || value === undefined || more.length > 0)
      throw refuse(`incorrect term ${term}, missing '=' or malformed expression`);
    kinds.set(kind, [...(kinds.get(kind) ?? []), value]);
  }
  return [...kinds].flatMap(([kind, values]) => resourcesOf(kind, values));
}

function resourcesOf(kind: string, values: readonly string[]): readonly GenericResource[] {
  const [first = ''] = values;
  const amount = wholeNumber(first);
  if (values.length === 1 && amount !== undefined) {
    if (amount < 0n) throw refuse(`cannot ask for negative resource ${kind}`);
    return [{ resource: { $case: 'discreteResourceSpec', value: { kind, value: amount } } }];
  }
  if (values.some((value) => wholeNumber(value) !== undefined))
    throw refuse(
      `mixed discrete and named resources in expression '${kind}=[${values.join(' ')}]'`,
    );
  return values.map((value) => ({
    resource: { $case: 'namedResourceSpec', value: { kind, value } },
  }));
}

/** As the wire has them: 64 bits. What is longer is a name. */
function wholeNumber(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,30}$/.test(text)) return undefined;
  const digits = BigInt(text.replace(/^[+-]/, ''));
  const value = text.startsWith('-') ? -digits : digits;
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

const refuse = (why: string): SwarmError =>
  new SwarmError(
    'invalid-argument',
    'GENERIC_RESOURCE_SYNTAX',
    `could not parse GenericResource: ${why}`,
  );
