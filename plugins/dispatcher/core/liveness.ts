import type { Cluster, Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { durationToMs, timestampToMs } from '@swarmkit/sdk/model/time';

/** Spans and rules by which a node counts as there. All spans in ms. */

const defaultHeartbeatMs = 5_000;
/** Each heartbeat's period is shifted by up to this much, so that nodes do not beat in step. */
const heartbeatJitterMs = 500;
/** Periods without a heartbeat until DOWN. */
export const gracePeriods = 3;
/** The same for nodes that a new leader has not heard of yet. */
export const unknownGracePeriods = 6;
/** Time DOWN until the tasks of a node are ORPHANED. */
const orphanAfterMs = 24 * 60 * 60 * 1000;

export const heartbeatMs = (cluster: Cluster | undefined): number => {
  const configured = durationToMs(cluster?.spec?.dispatcher?.heartbeatPeriod);
  return configured === undefined || configured <= 0 ? defaultHeartbeatMs : configured;
};

/** `dice` is uniform in [0, 1). */
export const jitteredMs = (periodMs: number, dice: number): number =>
  Math.max(1, Math.round(periodMs + (2 * dice - 1) * Math.min(heartbeatJitterMs, periodMs / 2)));

/**
 * When the tasks of a node that is DOWN are given up, wall clock; undefined for other nodes. Counted
 * from the node's last write: a later change of the node delays it and a change of leader does not.
 */
export const orphanAt = (node: Node): number | undefined => {
  if (node.status?.state !== NodeStatus_State.DOWN) return undefined;
  return (timestampToMs(node.meta?.updatedAt) ?? 0) + orphanAfterMs;
};

/** Registrations of one node: three at once, and again when the last one is eight seconds old. */
export interface Registrations {
  readonly count: number;
  readonly lastAt: number;
}
const registrationLimit = 3;
const registrationWindowMs = 8_000;

/** The count after one more registration at `now`; undefined when it is one too many. */
export function countRegistration(
  before: Registrations | undefined,
  now: number,
): Registrations | undefined {
  if (before === undefined || now - before.lastAt > registrationWindowMs)
    return { count: 1, lastAt: now };
  return before.count >= registrationLimit ? undefined : { count: before.count + 1, lastAt: now };
}
