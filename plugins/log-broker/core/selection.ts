/** Which nodes have output for a subscription, as the store has it now. Never remembers anything. */
import type { View } from '@swarmkit/sdk/contracts/store';
import type { LogSelector } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';

export interface Selection {
  readonly nodes: ReadonlySet<string>;
  /** Selected tasks that no node has yet. */
  readonly unplaced: readonly string[];
}

export function select(view: View, selector: LogSelector, follow: boolean): Selection {
  const nodes = new Set<string>();
  const unplaced: string[] = [];
  const take = (task: Task): void => {
    if (task.nodeId === '') unplaced.push(task.id);
    else nodes.add(task.nodeId);
  };
  // What never ran said nothing; a follower is there when it begins to.
  for (const id of selector.serviceIds)
    for (const task of view.find('task', { by: 'service', id }))
      if (follow || (task.status?.state ?? 0) >= TaskState.RUNNING) take(task);
  for (const id of selector.taskIds) {
    const task = view.get('task', id);
    if (task !== undefined) take(task);
  }
  for (const id of selector.nodeIds) if (view.get('node', id) !== undefined) nodes.add(id);
  return { nodes, unplaced };
}

export const isEmpty = (selector: LogSelector): boolean =>
  selector.serviceIds.length + selector.nodeIds.length + selector.taskIds.length === 0;
