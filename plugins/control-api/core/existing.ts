import type { ObjectKind, Objects, View } from '@swarmkit/sdk/contracts/store';
import { missingArgument, notFound } from './refusals.js';

/** The object that a Get call names. */
export function existing<K extends ObjectKind>(view: View, kind: K, id: string): Objects[K] {
  if (id === '') throw missingArgument();
  const object = view.get(kind, id);
  if (object === undefined) throw notFound(kind, id);
  return object;
}
