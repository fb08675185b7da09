/** The filters that apply to one group of equal tasks, and what they have to say about the nodes. */
import type { NodeLoad, SchedulerFilter } from '@swarmkit/sdk/contracts/scheduling';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';

export class Pipeline {
  private readonly filters: readonly SchedulerFilter[];
  /** Those whose answer may change when a task is placed on the node. */
  private readonly onLoad: readonly SchedulerFilter[];

  /** `filters` in the order in which nodes are charged. */
  constructor(
    filters: readonly SchedulerFilter[],
    private readonly task: Task,
  ) {
    this.filters = filters.filter((filter) => filter.applies(task));
    this.onLoad = this.filters.filter((filter) => filter.nodeOnly !== true);
  }

  passes(node: NodeLoad): boolean {
    for (const filter of this.filters) if (!filter.passes(this.task, node)) return false;
    return true;
  }

  /** For a node that passed before and has taken on tasks since. */
  stillPasses(node: NodeLoad): boolean {
    for (const filter of this.onLoad) if (!filter.passes(this.task, node)) return false;
    return true;
  }

  /**
   * Why none of these nodes will do, each charged to the first filter it fails: most nodes first, ties
   * in filter order. Empty when there are no nodes.
   */
  explain(nodes: readonly NodeLoad[]): string {
    const charged = new Map<SchedulerFilter, number>();
    for (const node of nodes) {
      const filter = this.filters.find((each) => !each.passes(this.task, node));
      if (filter !== undefined) charged.set(filter, (charged.get(filter) ?? 0) + 1);
    }
    // Ties in filter order: sorting keeps it.
    return this.filters
      .flatMap((filter) => {
        const count = charged.get(filter);
        return count === undefined ? [] : [{ filter, count }];
      })
      .sort((a, b) => b.count - a.count)
      .map(({ filter, count }) => filter.explain(count))
      .join('; ');
  }
}
