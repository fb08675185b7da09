/** What the raft plugin can be told: its schema, and the same as a type. */
import type { OwnPolicy } from '../core/log-policy.js';
import { type Timing, timings } from './timing.js';

export interface RaftConfig extends OwnPolicy {
  readonly timing: Timing;
  /** host:port at which other managers reach this one. */
  readonly advertiseAddress?: string;
  /** Managers to ask when there is no log here yet, besides those that the node knows. */
  readonly joinAddresses: readonly string[];
  /** Go on alone with the log that is here; the other members are removed. */
  readonly forceNewCluster: boolean;
  /** As far as SwarmKit goes and no further: it is one of SwarmKit's managers to all others, and to itself. */
  readonly onlySwarmKit: boolean;
}

export const raftConfig = {
  type: 'object',
  properties: {
    snapshotInterval: { type: 'integer', minimum: 0 },
    keepEntries: { type: 'integer', minimum: 0 },
    timing: { enum: timings, default: 'auto' },
    advertiseAddress: { type: 'string' },
    forceNewCluster: { type: 'boolean', default: false },
    joinAddresses: { type: 'array', items: { type: 'string' }, default: [] },
    onlySwarmKit: { type: 'boolean', default: false },
  },
} as const;
