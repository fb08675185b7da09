import {
  type AssignmentsMessage,
  AssignmentsMessage_Type,
  AssignmentChange_AssignmentAction,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Config, Secret, Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { VolumeAssignment } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** What one message of the assignments stream asks of the worker, in the order in which to do it. */
export interface AssignmentPlan {
  /** Complete messages replace everything that is not named. */
  readonly complete: boolean;
  readonly secrets: Changes<Secret>;
  readonly configs: Changes<Config>;
  readonly tasks: Changes<Task>;
  readonly volumes: Changes<VolumeAssignment>;
}

export interface Changes<T> {
  readonly put: readonly T[];
  /** Ids. */
  readonly remove: readonly string[];
}

/** Follows the chain of messages; a stream begins with none. */
export class AssignmentChain {
  private last: string | undefined;

  /** The plan of a message, or `gap` when one before it is missing: then open the stream again. */
  accept(message: AssignmentsMessage): AssignmentPlan | 'gap' {
    const complete = message.type === AssignmentsMessage_Type.COMPLETE;
    if (!complete && (this.last === undefined || message.appliesTo !== this.last)) {
      this.last = undefined;
      return 'gap';
    }
    this.last = message.resultsIn;
    return planOf(message, complete);
  }
}

function planOf(message: AssignmentsMessage, complete: boolean): AssignmentPlan {
  const plan = {
    complete,
    secrets: { put: [] as Secret[], remove: [] as string[] },
    configs: { put: [] as Config[], remove: [] as string[] },
    tasks: { put: [] as Task[], remove: [] as string[] },
    volumes: { put: [] as VolumeAssignment[], remove: [] as string[] },
  };
  for (const { action, assignment } of message.changes) {
    const item = assignment?.item;
    if (item === undefined) continue;
    const removed = action === AssignmentChange_AssignmentAction.REMOVE;
    switch (item.$case) {
      case 'secret':
        add(plan.secrets, item.value, removed);
        break;
      case 'config':
        add(plan.configs, item.value, removed);
        break;
      case 'task':
        add(plan.tasks, item.value, removed);
        break;
      case 'volume':
        add(plan.volumes, item.value, removed);
        break;
    }
  }
  return plan;
}

function add<T extends { readonly id: string }>(
  to: { readonly put: T[]; readonly remove: string[] },
  item: T,
  removed: boolean,
): void {
  if (removed) to.remove.push(item.id);
  else to.put.push(item);
}
