import type { SubscriptionMessage } from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';

/**
 * What one node is still to be told. Of each subscription only the last word waits, and one that came
 * and went while the node was not reading is not told at all; so it holds at most what is open.
 */
export class Listener {
  private readonly waiting = new Map<string, SubscriptionMessage>();
  private readonly told = new Set<string>();
  private wake: () => void = () => undefined;

  put(message: SubscriptionMessage): void {
    if (message.close && !this.told.has(message.id)) this.waiting.delete(message.id);
    else this.waiting.set(message.id, message);
    this.wake();
  }

  /** Until `signal` aborts or the node is gone. */
  async pass(
    send: (message: SubscriptionMessage) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const wake = (): void => this.wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        for (const [id, message] of this.waiting) {
          this.waiting.delete(id);
          if (message.close) this.told.delete(id);
          else this.told.add(id);
          await send(message);
          if (signal.aborted) return;
        }
        if (this.waiting.size > 0) continue;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          if (signal.aborted) resolve();
        });
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
