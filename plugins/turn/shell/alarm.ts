import type { Clock } from '@swarmkit/sdk/plugin/env';

/** Timers cannot be longer than about 24 days, and the wall clock may jump: look again once an hour. */
const longestMs = 3_600_000;

/** A sleep that ends at an instant, when somebody rings, or when the plugin stops. */
export class Alarm {
  private wake: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  /** Ends the present sleep. Look for work right before you sleep: ringing earlier is not remembered. */
  ring(): void {
    this.wake?.();
  }

  /** `until`: wall clock, ms; undefined: until it rings. May end early; look why you woke. */
  sleep(until: number | undefined): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wait = until === undefined ? longestMs : Math.min(longestMs, until - this.clock.now());
      const done = (): void => {
        cancel();
        this.signal.removeEventListener('abort', done);
        this.wake = undefined;
        resolve();
      };
      const cancel = this.clock.after(wait, done);
      this.signal.addEventListener('abort', done, { once: true });
      this.wake = done;
    });
  }
}
