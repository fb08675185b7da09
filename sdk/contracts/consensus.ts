import type { Observable } from 'rxjs';
import type { RaftConfig } from '../wire/gen/swarmkit/types.js';
import { token } from '../plugin/token.js';

/**
 * The replicated log.
 *
 * Verbs: propose an entry; attach the one state machine that committed entries are applied to.
 * Streams: `leadership$` (state; a new reader is handed the present one).
 * Invariants: every member applies the same entries in the same order; an entry whose proposal was
 * acknowledged is never lost; `apply` is called once an index, in order, from index 1 or from the
 * restored snapshot; `leading` is announced only when everything committed before it was applied here.
 * Errors: RAFT_NOT_LEADER (unavailable: nothing was proposed), RAFT_LOST_LEADERSHIP (unknown, text
 * `raft: failed to process the request: node lost leader status`: the entry may still commit),
 * RAFT_STOPPED, RAFT_TOO_LARGE (`raft: raft message is too large and can't be sent`), RAFT_BUSY
 * (resource-exhausted: too much uncommitted; try later), RAFT_DISK_FULL (resource-exhausted: leadership
 * ends until there is room; the text says whether the entry was not appended or is held back and commits
 * later), RAFT_CORRUPT (data-loss), RAFT_FOREIGN_LOG (failed-precondition).
 * One provider.
 */
export interface Consensus {
  /** This member's raft id, 1 to 2^63. 0 before the log was opened. */
  readonly raftId: bigint;
  /** Index of the last entry in the log, committed or not. The next accepted proposal gets this + 1. */
  readonly lastIndex: bigint;
  readonly appliedIndex: bigint;
  readonly leadership$: Observable<Leadership>;
  leadership(): Leadership;
  members(): readonly Member[];
  /**
   * Appends one serialized `InternalRaftRequest` at `lastIndex + 1` synchronously and resolves when that
   * entry was committed and applied here. At most 1.5 MiB.
   */
  propose(data: Uint8Array): Promise<Proposed>;
  /** Exactly once, before start. */
  attach(machine: StateMachine): void;
}

export interface Leadership {
  readonly term: bigint;
  readonly leading: boolean;
  /** Raft id of the leader as far as known; 0 = none. */
  readonly leaderId: bigint;
}

export interface Member {
  readonly raftId: bigint;
  readonly nodeId: string;
  readonly address: string;
  readonly reachable: boolean;
  /** Counts for a majority. A newcomer does not before it has caught up. */
  readonly votes: boolean;
}

export interface Proposed {
  readonly index: bigint;
  readonly term: bigint;
}

export interface Entry {
  readonly index: bigint;
  readonly term: bigint;
  /** Serialized `InternalRaftRequest`; empty for a leader's first entry and for membership changes. */
  readonly data: Uint8Array;
}

export interface StateMachine {
  /** Synchronous. May throw only InvariantError, which stops the node. */
  apply(entry: Entry): void;
  /** Serialized `StoreSnapshot` of the state at this moment. Called between two `apply`s; may yield while it encodes. */
  snapshot(): Promise<Uint8Array>;
  /**
   * Replaces the whole state by a snapshot taken at `index`, at one moment: until then the old state
   * stands. May yield while it decodes; nothing is applied before it is done.
   */
  restore(storeSnapshot: Uint8Array, index: bigint): void | Promise<void>;
  /** Whether `restore` could read it; changes nothing. Asked before a peer's snapshot is taken for ours. */
  canRestore?(storeSnapshot: Uint8Array): Promise<boolean>;
  /**
   * What the state says about the log that it comes from: `spec.raft` of the cluster, as of the last `apply`
   * or `restore`. Undefined while it says nothing. Asked after every `apply`; the same object while unchanged.
   */
  raftConfig?(): RaftConfig | undefined;
}

export const Consensus = token<Consensus>('swarmkit.consensus.v1');
