/** Tasks of a job carry the iteration they were made for; those of former ones are cleared away. */
import type { Service, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { SlotTable } from './slot-table.js';

export const isOfIteration = (service: Service, task: Task): boolean =>
  (task.jobIteration?.index ?? 0n) === (service.jobStatus?.jobIteration?.index ?? 0n);

export function retireFormerTasks(table: SlotTable, which: (task: Task) => boolean): void {
  for (const slot of table.slots)
    for (const task of [...slot.tasks])
      if (!table.isSpent && !isOfIteration(table.service, task) && which(task))
        table.raise(slot, task, TaskState.REMOVE);
}
