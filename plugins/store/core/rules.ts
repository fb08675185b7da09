/**
 * What must hold of objects taken together, whoever writes. The same on the leader's draft and on a
 * replica that applies an entry: what one lets through, all let through.
 */
import type { ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { hasUniqueName, nameKey, objectKinds, objectName } from '@swarmkit/sdk/model/object-name';
import type { SwarmError } from '@swarmkit/sdk/plugin/errors';
import { membersOf } from './find.js';
import type { State } from './state.js';
import { storeErrors } from './store-errors.js';

type AnyObject = Objects[ObjectKind];

/** Why this object may not be put there now; undefined when it may. */
export function whyNotPut(
  state: State,
  kind: ObjectKind,
  object: AnyObject,
): SwarmError | undefined {
  if (hasUniqueName(kind)) {
    const name = objectName(kind, object);
    const holder = membersOf(state, kind, 'name', nameKey(name));
    if (holder !== undefined && holder !== object.id) return storeErrors.nameConflict();
    // The name of an extension becomes a kind of objects; ours are taken.
    if (kind === 'extension' && (objectKinds as readonly string[]).includes(name))
      return storeErrors.nameConflict();
  }
  if (
    kind === 'resource' &&
    membersOf(state, 'extension', 'name', nameKey((object as Objects['resource']).kind)) ===
      undefined
  )
    return storeErrors.noKind();
  return undefined;
}

/** Why this object may not go now; undefined when it may. */
export function whyNotRemove(
  state: State,
  kind: ObjectKind,
  object: AnyObject,
): SwarmError | undefined {
  const used =
    kind === 'extension' &&
    membersOf(state, 'resource', 'kind', objectName('extension', object)) !== undefined;
  return used ? storeErrors.extensionUsed() : undefined;
}
