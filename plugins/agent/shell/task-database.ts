import type { Space } from '@swarmkit/sdk/contracts/storage';
import { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/**
 * Tasks that this node was assigned and how far each got. Its status is the word that counts: the
 * manager's copy only seeds a task that is not here. Writes made at the same time become one.
 */
export class TaskDatabase {
  constructor(private readonly space: Space) {}

  async load(): Promise<
    readonly { readonly task: Task; readonly status: TaskStatus | undefined }[]
  > {
    const tasks = new Map<string, Task>();
    const statuses = new Map<string, TaskStatus>();
    for await (const [key, value] of this.space.scan()) {
      const name = Buffer.from(key).toString();
      if (name.startsWith('task/')) tasks.set(name.slice(5), Task.decode(value));
      else if (name.startsWith('status/')) statuses.set(name.slice(7), TaskStatus.decode(value));
    }
    return [...tasks].map(([id, task]) => ({ task, status: statuses.get(id) }));
  }

  putTask(task: Task): Promise<void> {
    const value = Task.encode({ ...task, status: undefined }).finish();
    return this.space.batch([{ put: taskKey(task.id), value }]);
  }

  putStatus(taskId: string, status: TaskStatus): Promise<void> {
    return this.space.batch([
      { put: statusKey(taskId), value: TaskStatus.encode(status).finish() },
    ]);
  }

  remove(taskId: string): Promise<void> {
    return this.space.batch([{ del: taskKey(taskId) }, { del: statusKey(taskId) }]);
  }

  close(): Promise<void> {
    return this.space.close();
  }
}

const taskKey = (id: string): Buffer => Buffer.from(`task/${id}`);
const statusKey = (id: string): Buffer => Buffer.from(`status/${id}`);
