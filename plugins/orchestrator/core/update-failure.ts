/**
 * Too many failures of new tasks stop an update, or take the service back to its previous spec. Judged
 * before anything else in a run, so that nothing more is made under a spec that is given up.
 */
import { isJob } from '@swarmkit/sdk/model/task';
import { UpdateConfig_FailureAction } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { takesTasks } from './mode-global.js';
import { isUsable } from './node-fitness.js';
import type { Slot } from './slot.js';
import type { SlotTable } from './slot-table.js';
import { isRollback, isUpdating } from './update-machine.js';
import { type UpdatePolicy, updatePolicy } from './update-policy.js';
import { hasFailed, progressOf } from './update-progress.js';

/** True where the service was changed, and has to be looked at anew. */
export function stopForFailures(table: SlotTable): boolean {
  // A job is never updated in place: what fails is its restart policy's business, also after a rollback.
  if (!isUpdating(table.service) || isJob(table.service)) return false;
  const policy = updatePolicy(table.service);
  if (policy.failureAction === UpdateConfig_FailureAction.CONTINUE) return false;
  const taskId = tooManyFailures(table, policy);
  if (taskId === undefined) return false;
  const forGood =
    policy.failureAction === UpdateConfig_FailureAction.ROLLBACK &&
    table.service.previousSpec !== undefined;
  table.moveUpdate({ type: forGood ? 'failedForGood' : 'failed', taskId });
  return true;
}

/** The id of the task that broke the ratio; undefined while it holds. */
function tooManyFailures(table: SlotTable, policy: UpdatePolicy): string | undefined {
  let failures = 0;
  let total = 0;
  let last: { readonly id: string; readonly at: number } | undefined;
  for (const slot of table.slots) {
    if (!isInReach(table, slot)) continue;
    const { attempt: known, remnant, outdated } = progressOf(table, slot);
    const attempt = remnant ?? known;
    if (outdated ? isAhead(table, slot) : attempt?.ofThisUpdate) total += 1;
    if (attempt?.settledAt === undefined) continue;
    if (!hasFailed(table, attempt, policy.monitorMs)) continue;
    failures += 1;
    if (last === undefined || attempt.settledAt > last.at)
      last = { id: attempt.task.id, at: attempt.settledAt };
  }
  if (failures === 0) return undefined;
  // What a rollback found as it is, and what it made, are of the same version.
  if (isRollback(table.service) && table.lacksSlots()) return undefined;
  total += table.aside?.total ?? 0;
  // The ratio is a 32-bit float on the wire, and 1/10 must equal 0.1.
  return Math.fround(failures / total) > policy.maxFailureRatio ? last?.id : undefined;
}

/** What a global service left on nodes that are gone counts neither way. */
const isInReach = (table: SlotTable, { name }: Slot): boolean =>
  name.nodeId === '' || isUsable(table.world.node(name.nodeId));

/**
 * Whether the update will come to this outdated slot. What was tried on a node that was paused since, or
 * meets the constraints no more, counts still.
 */
const isAhead = (table: SlotTable, { name }: Slot): boolean =>
  name.nodeId === '' || takesTasks(table, table.world.node(name.nodeId));
