/**
 * What a draft did, operation by operation, and what of it goes into the entry.
 * A replica applies an entry action by action and checks names and existence at each. So actions keep
 * the order of the operations, and a later update is folded into an earlier action on the same object
 * only where that cannot change what a replica sees in between: where the name stays, and the kind of a
 * resource, which must be registered.
 */
import type { Change, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { hasUniqueName, objectName } from '@swarmkit/sdk/model/object-name';

type AnyObject = Objects[ObjectKind];

/** One operation. `before` undefined: a creation; `after` undefined: a removal. */
export interface Operation {
  readonly writer: string;
  readonly kind: ObjectKind;
  readonly id: string;
  readonly before: AnyObject | undefined;
  readonly after: AnyObject | undefined;
}

/** The change from `old` to `object`; one of them must be there. */
export function changeOf(
  kind: ObjectKind,
  id: string,
  old: AnyObject | undefined,
  object: AnyObject | undefined,
): Change {
  const action = old === undefined ? 'create' : object === undefined ? 'remove' : 'update';
  return { kind, action, id, object: object ?? old, old } as Change;
}

interface Fold {
  readonly kind: ObjectKind;
  readonly id: string;
  readonly before: AnyObject | undefined;
  after: AnyObject | undefined;
}

/** The changes of the entry, in the order in which a replica must apply them. */
export function foldForEntry(operations: readonly Operation[]): readonly Change[] {
  const folds: Fold[] = [];
  const last = new Map<string, Fold>();
  for (const { kind, id, before, after } of operations) {
    const key = `${kind}/${id}`;
    const open = last.get(key);
    if (open !== undefined && open.after !== undefined && mayFold(kind, open, before, after)) {
      open.after = after;
      continue;
    }
    const fold: Fold = { kind, id, before, after };
    folds.push(fold);
    last.set(key, fold);
  }
  return folds
    .filter(({ before, after }) => before !== undefined || after !== undefined)
    .map(({ kind, id, before, after }) => changeOf(kind, id, before, after));
}

/**
 * An update that keeps the name may move up to the action before it. A removal may not move, since a
 * later creation may need the name gone by then and no sooner; but what was made and removed within the
 * draft, under no name that matters, need not be told at all.
 */
function mayFold(
  kind: ObjectKind,
  open: Fold,
  before: AnyObject | undefined,
  after: AnyObject | undefined,
): boolean {
  if (before === undefined) return false;
  if (after === undefined) return !hasUniqueName(kind) && open.before === undefined;
  return !hasUniqueName(kind) || claims(kind, before) === claims(kind, after);
}

/** What an object takes or needs that another object may wait for. */
const claims = (kind: ObjectKind, object: AnyObject): string =>
  kind === 'resource'
    ? `${objectName(kind, object)}/${(object as Objects['resource']).kind}`
    : objectName(kind, object);

/** One change an object, from before the first operation to after the last: what a reader must look at. */
export function netChanges(operations: readonly Operation[]): readonly Change[] {
  const net = new Map<string, { readonly first: Operation; last: Operation }>();
  for (const operation of operations) {
    const key = `${operation.kind}/${operation.id}`;
    const seen = net.get(key);
    if (seen === undefined) net.set(key, { first: operation, last: operation });
    else seen.last = operation;
  }
  return [...net.values()]
    .filter(({ first, last }) => first.before !== undefined || last.after !== undefined)
    .map(({ first, last }) => changeOf(first.kind, first.id, first.before, last.after));
}
