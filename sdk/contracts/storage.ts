import { token } from '../plugin/token.js';

/**
 * Ordered key-value storage of this node, in named spaces (`raft`, `agent`).
 *
 * Verbs: open a space; get, scan, atomic batch.
 * Invariants: keys are ordered by unsigned bytes. A batch is all or nothing, and once its promise has
 * resolved it survives a crash of process and machine (fsync). Batches of one space become durable in
 * the order in which `batch` was called; a scan sees the state at its start.
 * A batch that fails takes along those that wait behind it.
 * Errors: STORAGE_LOCKED (failed-precondition: somebody else holds the space), STORAGE_FULL
 * (resource-exhausted: the disk is full; works again, without reopening, when there is room),
 * STORAGE_CORRUPT (data-loss), STORAGE_IO (unavailable), STORAGE_CLOSED (failed-precondition).
 * One provider.
 */
export interface Storage {
  /** Opens a space, creating it when it is not there. A space is open at most once in a process. */
  open(space: string): Promise<Space>;
}

export interface Space {
  /** Where the data is (a folder), for messages to people. */
  readonly location?: string;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Atomic and durable when it resolves. An empty batch does nothing. */
  batch(operations: readonly Operation[]): Promise<void>;
  /** In key order, or backwards with `reverse`. */
  scan(range?: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** Waits for batches in flight. Later calls are refused. */
  close(): Promise<void>;
}

export type Operation =
  | { readonly put: Uint8Array; readonly value: Uint8Array }
  | { readonly del: Uint8Array };

export interface KeyRange {
  /** Inclusive. */
  readonly gte?: Uint8Array;
  /** Exclusive. */
  readonly lt?: Uint8Array;
  readonly reverse?: boolean;
  /** At most this many pairs. */
  readonly limit?: number;
}

export const Storage = token<Storage>('swarmkit.storage.v1');
