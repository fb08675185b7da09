/** All that one service needs, in one pass: which spec, what ended, which slots, who may start. */
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Mode } from './mode.js';
import { global } from './mode-global.js';
import { globalJob } from './mode-global-job.js';
import { replicated } from './mode-replicated.js';
import { replicatedJob } from './mode-replicated-job.js';
import { letGo, restart } from './restart.js';
import { SlotTable } from './slot-table.js';
import { update } from './update.js';
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

/** At most `share` changes, and what belongs to the last one. False where something is left to do. */
export function reconcileService(world: World, service: Service, share: number): boolean {
  let table = new SlotTable(world, service, share);
  // At most twice: a rollback, and a rollback that fails as well.
  while (stopForFailures(table)) table = new SlotTable(world, table.service, share);
  // Not before: a rollback brings another spec.
  const mode = modeOf(table.service);
  if (mode === undefined) return true;
  repair(table, mode);
  // Each step counts on the one before it having come to its end.
  if (table.isSpent) return false;
  const slots = mode.shape(table);
  if (table.isSpent) return false;
  update(table, slots);
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
  const wanted = world.draft
    .find('task', { by: 'service', id: serviceId })
    .filter((task) => task.desiredState < TaskState.REMOVE);
  for (const task of wanted.slice(0, share))
    world.draft.update('task', { ...task, desiredState: TaskState.REMOVE });
  return wanted.length <= share;
}
