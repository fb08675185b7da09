/** What filters say of each node for one task, outside of a turn: for people, and never decided upon. */
import type { SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import type { View } from '@swarmkit/sdk/contracts/store';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { NodeVerdict } from '@swarmkit/sdk/wire/gen/node/placement';
import { ClusterLoad } from './cluster-load.js';

/** Of the nodes that fail any of these filters. A task that is bound to a node has that one alone. */
export function verdicts(
  view: View,
  now: number,
  filters: readonly SchedulerFilter[],
  task: Task,
): readonly NodeVerdict[] {
  const asked = filters.filter((filter) => filter.applies(task));
  if (asked.length === 0) return [];
  const cluster = new ClusterLoad(view, now);
  const nodes = cluster.nodes().filter(({ node }) => task.nodeId === '' || task.nodeId === node.id);
  return nodes.flatMap((state) => {
    const against = asked
      .filter((filter) => !filter.passes(task, state))
      .map((filter) => filter.explain(1));
    return against.length === 0 ? [] : [{ nodeId: state.node.id, against }];
  });
}
