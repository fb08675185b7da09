import type { RpcConnection } from '@swarmkit/sdk/contracts/rpc';
import { isSwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  DispatcherService,
  UpdateTaskStatusRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { TaskStatus } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { PendingReports } from '../core/pending-reports.js';

/** One call carries what came in while the call before it was under way. */
const batchSize = 1_000;

/** Brings statuses to the manager of the present session, until each was taken. */
export class Reporter {
  private readonly pending = new PendingReports();
  private wake: (() => void) | undefined;

  add(taskId: string, status: TaskStatus): void {
    this.pending.add(taskId, status);
    this.wake?.();
  }

  /** Runs until `signal` aborts; throws where the session is over. */
  async deliver(connection: RpcConnection, sessionId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.pending.size === 0) {
        await this.untilMore(signal);
        continue;
      }
      const reports = this.pending.take(batchSize);
      try {
        await connection.unary(
          DispatcherService.updateTaskStatus,
          UpdateTaskStatusRequest.create({
            sessionId,
            updates: reports.map(([taskId, status]) => ({ taskId, status })),
          }),
          { signal },
        );
      } catch (error) {
        // The manager does not know such a task: nobody wants to hear of it.
        if (isSwarmError(error) && error.kind === 'not-found') continue;
        this.pending.giveBack(reports);
        throw error;
      }
    }
  }

  private untilMore(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.wake = undefined;
        resolve();
      };
      this.wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
