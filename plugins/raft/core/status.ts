/** What can be seen from outside of a member, as copies. */
import type { ConfState } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { toConfState } from './configuration.js';
import { OUR_FEATURES } from './features.js';
import type { ProgressView } from './progress.js';
import type { RaftState, Role } from './state.js';

/** A picture of one moment, for people and for decisions about members. */
export interface Status {
  readonly id: bigint;
  readonly role: Role;
  readonly term: bigint;
  readonly vote: bigint;
  readonly leader: bigint;
  /** Whom leadership is being handed over to. */
  readonly transferee: bigint;
  readonly firstIndex: bigint;
  readonly lastIndex: bigint;
  readonly stable: bigint;
  readonly committed: bigint;
  readonly applied: bigint;
  readonly uncommittedBytes: number;
  readonly confState: ConfState;
  readonly allOurs: boolean;
  /** Of every member, ourselves too. Means something only on a leader. */
  readonly progress: ReadonlyMap<bigint, ProgressView>;
  /** Messages that were dropped, by reason. */
  readonly refused: ReadonlyMap<string, number>;
}

export function statusOf(state: RaftState): Status {
  const { id, role, term, vote, leader, transferee, applied, log, members } = state;
  const { firstIndex, lastIndex, stable, committed } = log;
  return {
    ...{ id, role, term, vote, leader, transferee, firstIndex, lastIndex, stable, committed },
    applied,
    uncommittedBytes: log.bytes(committed),
    confState: toConfState(state.configuration),
    allOurs: state.everyoneHas(OUR_FEATURES),
    progress: new Map([...members].map(([member, { view }]) => [member, view])),
    refused: new Map(state.refused),
  };
}
