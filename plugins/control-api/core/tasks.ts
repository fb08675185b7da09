import type { RemoveTaskRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { missingArgument, notFound } from './refusals.js';
import { remove, type WriteContext } from './write-context.js';

/** Removes the task's record, whatever it does; its node stops what is no longer assigned. */
export function removeTask(context: WriteContext, { taskId }: RemoveTaskRequest): void {
  if (taskId === '') throw missingArgument();
  const task = context.draft.get('task', taskId);
  if (task === undefined) throw notFound('task', taskId);
  remove(context, 'task', task);
}
