/**
 * "There is something new, look again", for one waiting reader. Raising it twice before the reader
 * comes back is raising it once, so a slow reader costs nothing but its own delay.
 */
export class SignalFlag {
  private raised = false;
  private wake: (() => void) | undefined;

  raise(): void {
    this.raised = true;
    this.wake?.();
  }

  /** Resolves true when raised, false when `signal` aborts first. Lowers the flag. */
  async wait(signal: AbortSignal): Promise<boolean> {
    if (!this.raised && !signal.aborted)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener('abort', done);
          this.wake = undefined;
          resolve();
        };
        this.wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    if (signal.aborted) return false;
    this.raised = false;
    return true;
  }
}
