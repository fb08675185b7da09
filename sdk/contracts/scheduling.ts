import { extensionPoint } from '../plugin/token.js';
import type { Node, Task } from '../wire/gen/swarmkit/objects.js';

/**
 * Filters and scorers of the scheduler.
 *
 * A node is eligible when every filter that applies to the task passes; the first that fails, in
 * `order`, is charged, and its `explain` is what the user reads. Among eligible nodes scorers are
 * compared one after the other in `order`; the first that differs decides, lower is better; equal
 * nodes are ordered by id. Both are pure functions of what they are given.
 * Any number of contributions.
 */
export interface SchedulerFilter {
  readonly id: string;
  /** Built-in filters have 100, 200, … in SwarmKit's order. */
  readonly order: number;
  /** Whether this task needs the check at all. Called once a group of equal tasks. */
  applies(task: Task): boolean;
  passes(task: Task, node: NodeLoad): boolean;
  /**
   * True when `passes` looks at `node.node` alone and not at what runs there: it is then asked once a
   * group and node, and not again after each placement.
   */
  readonly nodeOnly?: boolean;
  /** `1 node not available for new tasks`, `3 nodes not available for new tasks`. */
  explain(nodes: number): string;
}

export interface SchedulerScorer {
  readonly id: string;
  readonly order: number;
  /** Lower is better. Finite. */
  score(task: Task, node: NodeLoad): number;
}

/** A node and what is on it, as the scheduler counts within one turn. */
export interface NodeLoad {
  readonly node: Node;
  /** Tasks with desired state up to COMPLETE that are on the node and not past RUNNING. */
  readonly activeTasks: number;
  activeTasksOf(serviceId: string): number;
  /** FAILED or REJECTED tasks of this service and spec version on this node in the last 5 minutes. */
  recentFailures(task: Task): number;
  /** What is left: described resources minus reservations. */
  readonly availableNanoCpus: bigint;
  readonly availableMemoryBytes: bigint;
  /** Discrete amount, or number of named values, left of a generic resource kind. */
  availableGeneric(kind: string): bigint;
  /** Whether a host-mode port is taken; protocol is the wire number. */
  hostPortInUse(protocol: number, port: number): boolean;
}

export const SchedulerFilters = extensionPoint<SchedulerFilter>('swarmkit.scheduler-filter.v1');
export const SchedulerScorers = extensionPoint<SchedulerScorer>('swarmkit.scheduler-scorer.v1');
