/**
 * The order in which SwarmKit prefers nodes: those where the service does not keep failing, then those
 * with fewer of its tasks, then those with fewer tasks.
 */
import type { SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';

/** From so many recent failures on, a node is avoided. */
const faultyFrom = 5;

const faultyNodeScorer: SchedulerScorer = {
  id: 'faulty-node',
  order: 100,
  score(task, node) {
    const failures = node.recentFailures(task);
    return failures >= faultyFrom ? failures : 0;
  },
};

const serviceSpreadScorer: SchedulerScorer = {
  id: 'service-spread',
  order: 200,
  score: (task, node) => node.activeTasksOf(task.serviceId),
};

const leastLoadedScorer: SchedulerScorer = {
  id: 'least-loaded',
  order: 300,
  score: (_task, node) => node.activeTasks,
};

export const builtInScorers: readonly SchedulerScorer[] = [
  faultyNodeScorer,
  serviceSpreadScorer,
  leastLoadedScorer,
];
