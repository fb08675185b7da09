/** All that one service needs, in one pass: which spec, what ended, which slots, who may start. */
import { isCleanForGood } from '@swarmkit/sdk/model/dirty-task';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { isOfIteration } from './job-iteration.js';
import type { Mode } from './mode.js';
import { global } from './mode-global.js';
import { globalJob } from './mode-global-job.js';
import { replicated } from './mode-replicated.js';
import { replicatedJob } from './mode-replicated-job.js';
import { letGo, restart } from './restart.js';
import { type Reach, SlotTable } from './slot-table.js';
import { update } from './update.js';
import { isPausedUpdate, isUpdating } from './update-machine.js';
import { stopForFailures } from './update-failure.js';
import type { World } from './world.js';

/** undefined: a spec without a mode, which the API refuses. It asks for nothing. */
function modeOf({ spec }: Service): Mode | undefined {
  const mode = spec?.mode;
  switch (mode?.$case) {
    case 'replicated':
      return replicated(Number(mode.value.replicas));
    case 'global':
      return global;
    case 'replicatedJob':
      return replicatedJob(mode.value);
    case 'globalJob':
      return globalJob;
    case undefined:
      return undefined;
  }
}

/**
 * About `share` changes, and what belongs to the last one. False where something is left to do.
 * Most runs find a service calm and read what moves in it; an update, what it is about. The whole of it is
 * read where that matters.
 */
export const reconcileService = (world: World, service: Service, share: number): boolean =>
  reconcile(world, service, share, reaches(world, service));

function reconcile(
  world: World,
  service: Service,
  share: number,
  [reach, ...further]: Reaches,
): boolean {
  // At most twice: a rollback, and a rollback that fails as well.
  let table = new SlotTable(world, service, share, reach);
  let finished: boolean | undefined;
  while (finished === undefined) {
    while (stopForFailures(table)) table = new SlotTable(world, table.service, share, reach);
    finished = !table.isShort && takeSteps(table);
    if (finished === undefined) table = new SlotTable(world, table.service, share, reach);
  }
  if (!table.isShort || !isReaches(further)) return finished;
  return table.room > 0 && reconcile(world, table.service, table.room, further);
}

type Reaches = readonly [Reach, ...Reach[]];
const isReaches = (reaches: readonly Reach[]): reaches is Reaches => reaches.length > 0;

/** The one that costs least first; the next one where that falls short. The last never does. */
function reaches(world: World, service: Service): Reaches {
  const mode = service.spec?.mode?.$case;
  if (mode === 'replicatedJob' && isOfOneIteration(world, service)) return ['restless'];
  if (mode !== 'replicated') return ['whole'];
  return isCalm(world, service) ? ['restless', 'moving', 'whole'] : ['moving', 'whole'];
}

/** Its quiet slots have what this iteration asks for, done or under way. */
const isOfOneIteration = (world: World, service: Service): boolean =>
  world.draft.slots(service.id).groups.every(({ live }) => isOfIteration(service, live));

/** No update is under way or due, as far as its quiet slots can tell; or a person has to say how it goes on. */
function isCalm(world: World, service: Service): boolean {
  if (isPausedUpdate(service)) return true;
  if (isUpdating(service)) return false;
  return world.draft.slots(service.id).groups.every(({ live }) => isCleanForGood(service, live));
}

/** undefined: an update was stopped on the way, and all is to be looked at anew. */
function takeSteps(table: SlotTable): boolean | undefined {
  // Not before: a rollback brings another spec.
  const mode = modeOf(table.service);
  if (mode === undefined) return true;
  repair(table, mode);
  // Each step counts on the one before it having come to its end.
  // What was just made may have filled a slot's history, and only then an earlier failure in it counts.
  if (!table.isSpent && stopForFailures(table)) return undefined;
  if (table.isSpent || table.isShort) return false;
  const slots = mode.shape(table);
  if (table.isSpent || table.isShort) return false;
  update(table, slots);
  if (table.isShort) return false;
  letGo(table);
  return !table.isSpent;
}

function repair(table: SlotTable, mode: Mode): void {
  for (const slot of table.slots)
    for (const task of table.live(slot)) {
      if (table.isSpent) return;
      const verdict = mode.judge(table, task);
      if (verdict === 'restart') restart(table, slot, task);
      else if (verdict === 'stop') table.raise(slot, task, TaskState.SHUTDOWN);
    }
}

/** The service is gone: its tasks stop, and history goes with them. False where some are left. */
export function dissolve(world: World, serviceId: string, share: number): boolean {
  let room = share;
  // Each of them has a task that is wanted: of one more than the share, one is left.
  for (const slot of someSlots(world, serviceId, share + 1))
    for (const task of world.draft.find('task', { by: 'slot', serviceId, slot })) {
      world.slotsRead += 1;
      if (task.desiredState >= TaskState.REMOVE) continue;
      if (room === 0) return false;
      world.draft.update('task', { ...task, desiredState: TaskState.REMOVE });
      room -= 1;
    }
  return true;
}

function someSlots(world: World, serviceId: string, count: number): readonly bigint[] {
  const { restless, groups } = world.draft.slots(serviceId);
  const quiet = groups.flatMap((group) => [
    ...group.starting(count, () => false),
    ...group.running(count, () => false),
  ]);
  return [...restless, ...quiet].slice(0, count);
}
