/**
 * One write at a time, shared by everybody who asks for it before it begins: what comes in while a write
 * is on its way goes with the next one, so a burst costs a handful of commits and nobody waits for a timer.
 */
export class SharedWrite {
  private last: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;

  /** `write` takes whatever waits then. */
  constructor(private readonly write: () => Promise<void>) {}

  /** Resolves or rejects as the write that carries what waits now. */
  request(): Promise<void> {
    const begin = (): Promise<void> => {
      this.next = undefined;
      this.last = this.write();
      return this.last;
    };
    this.next ??= this.last.then(begin, begin);
    return this.next;
  }
}
