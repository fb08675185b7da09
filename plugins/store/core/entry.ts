/**
 * Changes as the log carries them: a serialized `InternalRaftRequest`, understood by SwarmKit's managers.
 * Each action holds the whole object; of a removed task the spec is left out, since nobody reads it.
 */
import type { Change } from '@swarmkit/sdk/contracts/store';
import { FastReader } from '@swarmkit/sdk/wire/fast-reader';
import {
  InternalRaftRequest,
  StoreAction,
  StoreActionKind,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { Action } from './apply.js';
import { storeErrors } from './store-errors.js';

/** What one entry may hold, by SwarmKit's raft: 1.5 MiB. */
export const maxEntryBytes = 1_572_864;
/** Room for the request's id, and for one action's tag and length. */
const requestOverhead = 16;
const actionOverhead = 8;
/** Field `id` of InternalRaftRequest, a varint. Encoders write it first. */
const idTag = 1 << 3;

const kinds = {
  create: StoreActionKind.STORE_ACTION_CREATE,
  update: StoreActionKind.STORE_ACTION_UPDATE,
  remove: StoreActionKind.STORE_ACTION_REMOVE,
} as const;

export function encodeEntry(id: bigint, changes: readonly Change[]): Uint8Array {
  return InternalRaftRequest.encode({ id, action: changes.map(toAction) }).finish();
}

/**
 * Cuts changes into runs that fit an entry each, in order. Throws STORE_TOO_LARGE when one change alone
 * does not fit.
 */
export function splitChanges(changes: readonly Change[]): readonly (readonly Change[])[] {
  const runs: Change[][] = [];
  let room = 0;
  for (const change of changes) {
    const bytes = StoreAction.encode(toAction(change)).finish().length + actionOverhead;
    if (bytes > maxEntryBytes - requestOverhead) throw storeErrors.tooLarge(bytes);
    if (bytes > room) {
      runs.push([]);
      room = maxEntryBytes - requestOverhead;
    }
    runs.at(-1)?.push(change);
    room -= bytes;
  }
  return runs;
}

/** The request's id, read without decoding the rest. 0 where the request does not begin with it. */
export function entryId(data: Uint8Array): bigint {
  const reader = new FastReader(data);
  return data.length > 0 && reader.uint32() === idTag ? reader.uint64() : 0n;
}

export interface DecodedEntry {
  readonly id: bigint;
  /** undefined: an action of a kind that this version does not know. */
  readonly actions: readonly Action[] | undefined;
}

/** Throws when the bytes are not a request. */
export function decodeEntry(data: Uint8Array): DecodedEntry {
  const { id, action } = InternalRaftRequest.decode(data);
  const actions: Action[] = [];
  for (const { action: kind, target } of action) {
    const name = nameOf(kind);
    if (name === undefined || target === undefined) return { id, actions: undefined };
    actions.push({ action: name, kind: target.$case, object: target.value });
  }
  return { id, actions };
}

function nameOf(kind: StoreActionKind): Action['action'] | undefined {
  switch (kind) {
    case StoreActionKind.STORE_ACTION_CREATE:
      return 'create';
    case StoreActionKind.STORE_ACTION_UPDATE:
      return 'update';
    case StoreActionKind.STORE_ACTION_REMOVE:
      return 'remove';
    default:
      return undefined;
  }
}

function toAction(change: Change): StoreAction {
  const object =
    change.action === 'remove' && change.kind === 'task'
      ? { ...change.object, spec: undefined }
      : change.object;
  return {
    action: kinds[change.action],
    target: { $case: change.kind, value: object } as StoreAction['target'],
  };
}
