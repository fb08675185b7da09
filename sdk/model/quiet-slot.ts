/**
 * Slots of replicated services that need no look: one live task, wanted RUNNING and not past it. Whatever
 * its history says, nothing is to be done there as long as its node may be used, its spec is the service's,
 * and no slot is too many. The store counts them, so that a service costs a look at its other slots alone.
 */
import type { Task } from '../wire/gen/swarmkit/objects.js';
import { TaskState } from '../wire/gen/swarmkit/types.js';
import { isTerminal, isWantedActive } from './task.js';

/** Slot numbers begin with 1; 0 is where the tasks of global services are. */
export const mayBeQuiet = (task: Task): boolean =>
  task.slot > 0n &&
  task.desiredState === TaskState.RUNNING &&
  !isTerminal(task) &&
  task.specVersion !== undefined;

/** The live task of a quiet slot; undefined: not a quiet one. `tasks`: all that the slot has. */
export function quietTask(tasks: readonly Task[]): Task | undefined {
  let live: Task | undefined;
  for (const task of tasks) {
    if (!isWantedActive(task)) continue;
    if (live !== undefined) return undefined;
    live = task;
  }
  return live !== undefined && mayBeQuiet(live) ? live : undefined;
}

/** Has a task that counts: one that is not to be removed. */
export const holdsTasks = (tasks: readonly Task[]): boolean =>
  tasks.some((task) => task.desiredState < TaskState.REMOVE);

/**
 * Tasks of one service with the same key have equal specs and equal endpoint specs: what a spec says
 * goes by its version; the endpoint may be younger than that.
 */
export function kindOfTask({ specVersion, endpoint }: Task): string {
  const spec = endpoint?.spec;
  if (spec === undefined) return `${specVersion?.index}`;
  const ports = spec.ports.map(
    ({ name, protocol, targetPort, publishedPort, publishMode }) =>
      `${protocol}:${targetPort}:${publishedPort}:${publishMode}:${name}`,
  );
  return `${specVersion?.index}/${spec.mode}/${ports.join('/')}`;
}
