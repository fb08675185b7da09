import type { Clock } from '@swarmkit/sdk/plugin/env';

/** "Look again", for one waiter. A wake that comes before the wait is kept, two are one. */
export class Wakeup {
  private woken = false;
  private resume: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  wake(): void {
    this.woken = true;
    this.resume?.();
  }

  /** Until woken, or for `ms` at most. */
  async wait(ms?: number): Promise<void> {
    if (!this.woken)
      await new Promise<void>((resolve) => {
        const cancel = ms === undefined ? undefined : this.clock.after(ms, resolve);
        this.resume = () => {
          cancel?.();
          resolve();
        };
      });
    this.resume = undefined;
    this.woken = false;
  }
}
