/** What a write is made of besides the request: the draft, the time, fresh ids, and everybody's admission hooks. */
import type { AdmissionHook } from '@swarmkit/sdk/contracts/admission';
import type { Draft, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { withEmbedded } from '@swarmkit/sdk/model/embedded';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import { nameTaken } from './refusals.js';

export interface WriteContext {
  readonly draft: Draft;
  /** Wall clock, ms. */
  readonly now: number;
  id(): string;
  /** Secret and unpredictable. */
  tokenBytes(count: number): Uint8Array;
  readonly hooks: readonly AdmissionHook[];
  /** How many tasks all services may want together. */
  readonly maxTasks: number;
}

export function create<K extends ObjectKind>(
  { draft, hooks }: WriteContext,
  kind: K,
  object: Objects[K],
): Objects[K] {
  return draft.create(kind, admitted(hooks, draft, kind, 'create', object, undefined));
}

/** As `create`, with a sentence of its own where the name is taken. */
export function createNamed<K extends ObjectKind>(
  context: WriteContext,
  kind: K,
  object: Objects[K],
  taken: string,
): Objects[K] {
  try {
    return create(context, kind, object);
  } catch (error) {
    if (isSwarmError(error) && error.code === 'STORE_NAME_CONFLICT') throw nameTaken(taken);
    throw error;
  }
}

/** `object` carries the version that the client saw; the store refuses an old one. */
export function update<K extends ObjectKind>(
  { draft, hooks }: WriteContext,
  kind: K,
  object: Objects[K],
  old: Objects[K],
): Objects[K] {
  return draft.update(kind, admitted(hooks, draft, kind, 'update', object, old));
}

export function remove<K extends ObjectKind>(
  { draft, hooks }: WriteContext,
  kind: K,
  object: Objects[K],
): void {
  admitted(hooks, draft, kind, 'remove', object, object);
  draft.remove(kind, object.id);
}

/** Each hook sees what the one before returned, in the order of ids. What it holds then is as SwarmKit writes it. */
function admitted<K extends ObjectKind>(
  hooks: readonly AdmissionHook[],
  view: Draft,
  kind: K,
  action: 'create' | 'update' | 'remove',
  object: Objects[K],
  old: Objects[K] | undefined,
): Objects[K] {
  const seenByAll = hooks.reduce(
    (seen, hook) => hook.admit({ kind, action, object: seen, old, view }),
    object,
  );
  return withEmbedded(kind, seenByAll);
}

/** The object as the client saw it: with the version from the request, and a new content. */
export const atVersion = <T extends { readonly meta: Objects[ObjectKind]['meta'] }>(
  object: T,
  version: { readonly index: bigint },
): T => ({
  ...object,
  meta: { createdAt: undefined, updatedAt: undefined, ...object.meta, version },
});
