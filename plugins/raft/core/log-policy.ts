/**
 * How much of the log is kept. The cluster says it (`spec.raft`), as SwarmKit's managers have it; a member's
 * own configuration comes before it, and SwarmKit's defaults count while there is no cluster to read.
 */
import type { RaftConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export interface LogPolicy {
  /** Applied entries between two snapshots; 0: never. */
  readonly interval: number;
  /** Entries that stay in the log behind a snapshot. */
  readonly keepEntries: number;
  /** Snapshots that stay on the disk beside the newest one. */
  readonly keepSnapshots: number;
}

/** What one member was told; undefined: as the cluster says. */
export interface OwnPolicy {
  readonly snapshotInterval?: number | undefined;
  readonly keepEntries?: number | undefined;
}

type Said = Pick<
  RaftConfig,
  'snapshotInterval' | 'keepOldSnapshots' | 'logEntriesForSlowFollowers'
>;

const UNSAID: Said = {
  snapshotInterval: 10_000n,
  keepOldSnapshots: 0n,
  logEntriesForSlowFollowers: 500n,
};

export function logPolicy(own: OwnPolicy, said: Said = UNSAID): LogPolicy {
  return {
    interval: own.snapshotInterval ?? count(said.snapshotInterval),
    keepEntries: own.keepEntries ?? count(said.logEntriesForSlowFollowers),
    keepSnapshots: count(said.keepOldSnapshots),
  };
}

/** The wire has 64 bits; more than can be counted is as good as never, or all. */
const count = (wire: bigint): number => Math.min(Number(wire), Number.MAX_SAFE_INTEGER);
