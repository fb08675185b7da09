import type { Store, Writer } from '@swarmkit/sdk/contracts/store';
import { timestampFromMs } from '@swarmkit/sdk/model/time';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { Env } from '@swarmkit/sdk/plugin/env';
import type { TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { taskAfterReport } from '../core/status-report.js';
import { SharedWrite } from './shared-write.js';

/**
 * Reports of agents on their way into the store: of a task the one that is furthest, and one write carries all
 * that came in while the write before it was in flight. A report is answered when it is committed, so
 * that what an agent was told is taken will survive this leader.
 */
export class StatusQueue {
  private waiting = new Map<string, TaskStatus>();
  private readonly write = new SharedWrite(() => this.flush());

  constructor(
    private readonly store: Store,
    private readonly env: Env,
    private readonly writer: Writer,
    private readonly leaderId: string,
  ) {}

  /** Tasks that may wait at once; past it reporters are told to come again. */
  static readonly bound = 100_000;

  /** Resolves when these reports are committed, or were found to change nothing. */
  add(reports: readonly (readonly [taskId: string, status: TaskStatus])[]): Promise<void> {
    if (this.waiting.size + reports.length > StatusQueue.bound)
      throw new SwarmError(
        'resource-exhausted',
        'DISPATCHER_BUSY',
        'too many status reports are waiting; report again later',
      );
    if (reports.length === 0) return Promise.resolve();
    for (const [taskId, status] of reports) {
      // A call may be overtaken by the next one, of another connection. What it says is answered with what came later.
      const waiting = this.waiting.get(taskId);
      if (waiting === undefined || status.state >= waiting.state) this.waiting.set(taskId, status);
    }
    return this.write.request();
  }

  private flush(): Promise<void> {
    const reports = this.waiting;
    this.waiting = new Map();
    const appliedAt = timestampFromMs(this.env.clock.now());
    return this.store.update(
      this.writer,
      (draft) => {
        for (const [taskId, status] of reports) {
          const task = draft.get('task', taskId);
          const changed = task && taskAfterReport(task, status, this.leaderId, appliedAt);
          if (changed) draft.update('task', changed);
        }
      },
      // Each status stands for itself.
      { oversize: 'split' },
    );
  }
}
