import type { TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';

/** Statuses that no manager has taken yet: the latest one a task, never a lower state after a higher. */
export class PendingReports {
  private readonly waiting = new Map<string, TaskStatus>();

  get size(): number {
    return this.waiting.size;
  }

  add(taskId: string, status: TaskStatus): void {
    const before = this.waiting.get(taskId);
    if (before === undefined || status.state >= before.state) this.waiting.set(taskId, status);
  }

  forget(taskId: string): void {
    this.waiting.delete(taskId);
  }

  /** Takes up to `limit` out, oldest first. */
  take(limit: number): readonly (readonly [taskId: string, status: TaskStatus])[] {
    const taken = [...this.waiting].slice(0, limit);
    for (const [taskId] of taken) this.waiting.delete(taskId);
    return taken;
  }

  /** What could not be delivered; a status that came in meanwhile is newer. */
  giveBack(reports: readonly (readonly [taskId: string, status: TaskStatus])[]): void {
    for (const [taskId, status] of reports) {
      const newer = this.waiting.get(taskId);
      if (newer === undefined || newer.state < status.state) this.waiting.set(taskId, status);
    }
  }
}
