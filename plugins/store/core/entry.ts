/**
 * Changes as the log carries them: a serialized `InternalRaftRequest`, understood by SwarmKit's managers.
 * Each action holds the whole object; of a removed task the spec is left out, since nobody reads it.
 */
import type { Change } from '@swarmkit/sdk/contracts/store';
import { FastReader } from '@swarmkit/sdk/wire/fast-reader';
import { FastWriter } from '@swarmkit/sdk/wire/fast-writer';
import {
  InternalRaftRequest,
  StoreAction,
  StoreActionKind,
} from '@swarmkit/sdk/wire/gen/swarmkit/raft';
import type { Action } from './apply.js';

/** What one entry may hold, by SwarmKit's raft: 1.5 MiB. */
export const maxEntryBytes = 1_572_864;
/** Field `id` of InternalRaftRequest, a varint. It comes first, so that it can be read alone. */
const idTag = 1 << 3;
const maxIdBytes = 11;
/** Field `action` of InternalRaftRequest, length-delimited. */
const actionTag = (2 << 3) | 2;
/** Tag and length of an action that fits an entry. */
const maxActionFrame = 4;

/** Bytes of an entry that are left for actions, each with `framed` bytes. */
export const roomForActions = maxEntryBytes - maxIdBytes;
export const framed = (action: Uint8Array): number => action.length + maxActionFrame;

const kinds = {
  create: StoreActionKind.STORE_ACTION_CREATE,
  update: StoreActionKind.STORE_ACTION_UPDATE,
  remove: StoreActionKind.STORE_ACTION_REMOVE,
} as const;

export const encodeAction = (change: Change): Uint8Array =>
  StoreAction.encode(toAction(change)).finish();

export function encodeEntry(id: bigint, actions: readonly Uint8Array[]): Uint8Array {
  const writer = new FastWriter().uint32(idTag).uint64(id);
  for (const action of actions) writer.uint32(actionTag).bytes(action);
  return writer.finish();
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
