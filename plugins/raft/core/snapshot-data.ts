/**
 * The data of a Raft snapshot: the wire's `Snapshot{version, membership, store}`. The store's part is
 * put in and taken out as bytes: it may be large, and only the store can read it.
 */
import {
  ClusterSnapshot,
  Snapshot,
  Snapshot_Version,
} from '@swarmkit/sdk/wire/gen/swarmkit/snapshot';

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const VERSION_FIELD = 1;
const MEMBERSHIP_FIELD = 2;
const STORE_FIELD = 3;
const STORE_TAG = (STORE_FIELD << 3) | LENGTH_DELIMITED;

export interface SnapshotParts {
  readonly membership: ClusterSnapshot;
  /** Serialized `StoreSnapshot`. */
  readonly store: Uint8Array;
}

/**
 * The parts of a snapshot that a peer sent. Stricter than `splitSnapshot`: both must be there, because
 * what is left of a snapshot without its beginning may look like one with nothing in it.
 */
export function splitForeignSnapshot(bytes: Uint8Array): SnapshotParts | undefined {
  try {
    const parts = splitSnapshot(bytes);
    if (parts === undefined || parts.membership.members.length === 0) return undefined;
    return parts.store.length === 0 ? undefined : parts;
  } catch {
    // Not a member list.
    return undefined;
  }
}

/** To be written one after the other. Not joined: copying a large store at once would hold everything up. */
export function joinSnapshot({ membership, store }: SnapshotParts): readonly Uint8Array[] {
  const head = Snapshot.encode({
    version: Snapshot_Version.V0,
    membership,
    store: undefined,
  }).finish();
  return [head, Uint8Array.from([STORE_TAG, ...varint(store.length)]), store];
}

/** Undefined when the bytes are not a snapshot of a version that we know. */
export function splitSnapshot(bytes: Uint8Array): SnapshotParts | undefined {
  let membership = ClusterSnapshot.create();
  let store: Uint8Array = new Uint8Array(0);
  const cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const tag = readVarint(cursor);
    const value = tag === undefined ? undefined : readVarint(cursor);
    if (tag === undefined || value === undefined) return undefined;
    if ((tag & 7) === VARINT) {
      if (tag >> 3 === VERSION_FIELD && value !== Snapshot_Version.V0) return undefined;
      continue;
    }
    if ((tag & 7) !== LENGTH_DELIMITED || cursor.at + value > bytes.length) return undefined;
    const part = bytes.subarray(cursor.at, cursor.at + value);
    cursor.at += value;
    if (tag >> 3 === MEMBERSHIP_FIELD) membership = ClusterSnapshot.decode(part);
    else if (tag >> 3 === STORE_FIELD) store = part;
  }
  return { membership, store };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

function readVarint(cursor: { readonly bytes: Uint8Array; at: number }): number | undefined {
  let value = 0;
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) return undefined;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  return undefined;
}
