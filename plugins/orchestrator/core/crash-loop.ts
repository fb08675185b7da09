/**
 * How long the replacement of a task that failed is held back, on top of its restart delay: not at all
 * after the first failure, then twice as long each time. The count stands in the tasks themselves, so it
 * neither needs a memory nor depends on how much history is kept, and a new leader goes on counting.
 */
import { backsOff } from '@swarmkit/sdk/model/service-label';
import { hasFailed } from '@swarmkit/sdk/model/task';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import type { RestartBackoff, Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { restartDelayMs } from './restart-policy.js';
import { createdAt, statusAt } from './slot.js';

/** After the second failure in a row. */
const FIRST_MS = 1000;
const LAST_MS = 300_000;
/** What ran for so long is no part of a loop any more. */
const STABLE_MS = 60_000;

/** What the replacement of this task carries; undefined where the task did not fail. */
export function backoffAfter(
  service: Service,
  task: Task,
  now: number,
): RestartBackoff | undefined {
  if (!hasFailed(task)) return undefined;
  if (!backsOff(service.spec?.annotations)) return undefined;
  // Another spec deserves a new beginning.
  if (service.specVersion?.index !== task.specVersion?.index) return undefined;
  const failures = (isStable(task) ? 0 : (task.restartBackoff?.failures ?? 0)) + 1;
  if (failures === 1) return { failures, startAfter: undefined };
  const longest = Math.min(LAST_MS, FIRST_MS * 2 ** (failures - 2));
  // Somewhere in its upper half, so that what failed together does not come back together.
  const extra = Math.round(longest * (0.5 + dice(task.id) / 2));
  return { failures, startAfter: timestampFromMs(now + restartDelayMs(task) + extra) };
}

/** How long after its creation the task may start at the earliest; 0 where nothing holds it back. */
export const backoffMs = (task: Task, now: number): number =>
  Math.max(0, (timestampToMs(task.restartBackoff?.startAfter) ?? 0) - createdAt(task, now));

function isStable(task: Task): boolean {
  const since = timestampToMs(task.status?.runningSince);
  return since !== undefined && statusAt(task) - since >= STABLE_MS;
}

/** 0 to 1, the same for the same id on every leader. Ids are random; this only spreads them evenly. */
function dice(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
