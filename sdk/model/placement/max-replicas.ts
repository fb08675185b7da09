import type { SchedulerFilter } from '../../contracts/scheduling.js';

/** `max_replicas`: how many tasks of the service one node may run. */
export const maxReplicasFilter: SchedulerFilter = {
  id: 'max-replicas',
  order: 700,
  applies: (task) => (task.spec?.placement?.maxReplicas ?? 0n) > 0n,
  passes: (task, node) =>
    BigInt(node.activeTasksOf(task.serviceId)) < (task.spec?.placement?.maxReplicas ?? 0n),
  // SwarmKit's text, which has no count.
  explain: () => 'max replicas per node limit exceed',
};
