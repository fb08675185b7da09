import type { SchedulerFilter } from '../../contracts/scheduling.js';
import { onNodes } from './on-nodes.js';

/** What the task reserves must be left on the node: CPU, memory, and generic resources. */
export const resourcesFilter: SchedulerFilter = {
  id: 'resources',
  order: 200,
  applies(task) {
    const wanted = task.spec?.resources?.reservations;
    return (
      wanted !== undefined &&
      (wanted.nanoCpus !== 0n || wanted.memoryBytes !== 0n || wanted.generic.length > 0)
    );
  },
  passes(task, node) {
    const wanted = task.spec?.resources?.reservations;
    if (wanted === undefined) return true;
    if (wanted.nanoCpus > node.availableNanoCpus) return false;
    if (wanted.memoryBytes > node.availableMemoryBytes) return false;
    return wanted.generic.every(({ resource }) => {
      // Only amounts can be reserved: a task that names a single device is never satisfied.
      if (resource?.$case !== 'discreteResourceSpec') return false;
      const left = node.availableGeneric(resource.value.kind);
      return left > 0n && resource.value.value <= left;
    });
  },
  explain: (nodes) => `insufficient resources ${onNodes(nodes)}`,
};
