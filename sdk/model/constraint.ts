/**
 * Placement constraints: `key == value` or `key != value`, all of which a node must meet.
 *
 * No globs and no regular expressions: `*` is a star. Whole strings are compared, upper and lower case
 * alike. What is parsed once can be matched against many nodes; matching never throws.
 */
import { SwarmError } from '../plugin/errors.js';
import type { Node } from '../wire/gen/swarmkit/objects.js';
import { NodeRole } from '../wire/gen/swarmkit/types.js';
import { contains, parseCidr, parseIp, sameIp } from './ip-address.js';

export type ConstraintOperator = '==' | '!=';

export interface Constraint {
  /** As written. Upper or lower case makes no difference, except in the name of a label. */
  readonly key: string;
  readonly operator: ConstraintOperator;
  readonly value: string;
  matches(node: Node): boolean;
}

/**
 * Parses the entries of `placement.constraints`; the first bad one is thrown.
 *
 * Errors, with SwarmKit's texts, kind unknown, code CONSTRAINT_SYNTAX:
 * `constraint expected one operator from ==, !=`, `key '<k>' is invalid`, `value '<v>' is invalid`.
 * A well-formed key that nobody knows is no error: it matches no node.
 */
export const parseConstraints = (entries: readonly string[]): readonly Constraint[] =>
  entries.map(parseConstraint);

/** Like `parseConstraints`, but entries that do not parse count as no constraints at all. */
export function parseConstraintsOrNone(entries: readonly string[]): readonly Constraint[] {
  // Not every entry is user input: a stored one was accepted once, so this is the rare path.
  try {
    return parseConstraints(entries);
  } catch {
    return [];
  }
}

/** True where the node meets every one; so always for an empty list. */
export const meetsConstraints = (node: Node, constraints: readonly Constraint[]): boolean =>
  constraints.every((constraint) => constraint.matches(node));

const KEY = /^[a-z_][a-z0-9\-_.]+$/i;
const VALUE = /^[a-z0-9:\-_ \t\n\f\r.*()?+[\]\\^$|/]+$/i;

function parseConstraint(entry: string): Constraint {
  // `==` is looked for first, wherever it stands: `a!=b==c` has the key `a!=b`, which is no key.
  const operator = entry.includes('==') ? '==' : '!=';
  const at = entry.indexOf(operator);
  if (at < 0) throw syntax('constraint expected one operator from ==, !=');
  const key = entry.slice(0, at).trim();
  if (!KEY.test(key)) throw syntax(`key '${key}' is invalid`);
  const value = entry.slice(at + 2).trim();
  if (!VALUE.test(value)) throw syntax(`value '${value}' is invalid`);
  return { key, operator, value, matches: matcher(key, operator, value) };
}

const syntax = (message: string): SwarmError =>
  new SwarmError('unknown', 'CONSTRAINT_SYNTAX', message);

type Matcher = (node: Node) => boolean;

function matcher(key: string, operator: ConstraintOperator, value: string): Matcher {
  const wanted = operator === '==';
  const lowerKey = key.toLowerCase();
  if (lowerKey === 'node.ip') return ipMatcher(wanted, value);
  const attribute = attributeOf(key, lowerKey);
  if (attribute === undefined) return () => false;
  const lowerValue = value.toLowerCase();
  return (node) => ((attribute(node) ?? '').toLowerCase() === lowerValue) === wanted;
}

/** How to read what the key names off a node; what is absent compares as the empty string. */
function attributeOf(
  key: string,
  lowerKey: string,
): ((node: Node) => string | undefined) | undefined {
  switch (lowerKey) {
    case 'node.id':
      return (node) => node.id;
    case 'node.hostname':
      return (node) => node.description?.hostname;
    case 'node.role':
      // The role it has, not the one it is asked to take.
      return (node) => (node.role === NodeRole.MANAGER ? 'manager' : 'worker');
    case 'node.platform.os':
      return (node) => node.description?.platform?.os;
    case 'node.platform.arch':
      return (node) => node.description?.platform?.architecture;
  }
  const nodeLabel = labelOf(key, lowerKey, 'node.labels.');
  if (nodeLabel !== undefined) return (node) => own(node.spec?.annotations?.labels, nodeLabel);
  const engineLabel = labelOf(key, lowerKey, 'engine.labels.');
  if (engineLabel !== undefined)
    return (node) => own(node.description?.engine?.labels, engineLabel);
  return undefined;
}

/** Case matters in a label's name. An empty name is no label. */
const labelOf = (key: string, lowerKey: string, prefix: string): string | undefined =>
  lowerKey.startsWith(prefix) && key.length > prefix.length ? key.slice(prefix.length) : undefined;

const own = (
  labels: { readonly [name: string]: string } | undefined,
  name: string,
): string | undefined =>
  labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : undefined;

/** An address is compared by its bits, a network by containment; anything else never holds. */
function ipMatcher(wanted: boolean, value: string): Matcher {
  const wantedIp = parseIp(value);
  if (wantedIp !== undefined)
    return onAddress((address) => sameIp(wantedIp, address) === wanted, !wanted);
  const network = parseCidr(value);
  if (network !== undefined)
    return onAddress((address) => contains(network, address) === wanted, !wanted);
  return () => false;
}

const onAddress =
  (test: (address: readonly number[]) => boolean, withoutAddress: boolean): Matcher =>
  (node) => {
    const address = parseIp(node.status?.addr ?? '');
    return address === undefined ? withoutAddress : test(address);
  };
