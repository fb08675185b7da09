import type { Observable } from 'rxjs';
import { token } from '../plugin/token.js';
import type { Member } from './consensus.js';

/**
 * Who belongs to the group of managers that share the log, and how that changes.
 *
 * Verbs: add, move and remove members and hand over leadership (leader only); ask for a read index.
 * Streams: `members$` (state; a new reader is handed the present list; also when only `reachable` changed).
 * Invariants: one change at a time; an id that was removed never comes back; a removal after which the
 * reachable rest would be no majority is refused.
 * Errors: those of Consensus; RAFT_MEMBER_QUORUM (failed-precondition, text `raft: member cannot be
 * removed, because removing it may result in loss of quorum`), RAFT_MEMBER_UNKNOWN (not-found),
 * RAFT_MEMBER_ADDRESS (invalid-argument).
 * One provider: the plugin that provides Consensus.
 */
export interface Membership {
  members(): readonly Member[];
  readonly members$: Observable<readonly Member[]>;
  /** Raft ids that were members once. */
  removed(): readonly bigint[];
  /** A node that is a member already keeps its raft id and gets the new address. Resolves when applied here. */
  add(member: { readonly nodeId: string; readonly address: string }): Promise<Member>;
  remove(raftId: bigint): Promise<void>;
  /** Whether the reachable rest would still be a majority. */
  canRemove(raftId: bigint): boolean;
  /** Without a target the most up-to-date reachable member is chosen. Resolves when this node no longer leads. */
  transferLeadership(to?: bigint): Promise<void>;
  /**
   * An index that every write acknowledged before the call is at or below, confirmed by a majority.
   * Whoever has applied it reads linearizably. On a follower it is asked of the leader.
   */
  readIndex(): Promise<bigint>;
}

export const Membership = token<Membership>('swarmkit.membership.v1');
