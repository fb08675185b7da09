/**
 * Lines of many tasks for one reader. Whoever brings a line waits while the reader is behind, so that
 * nothing is kept beyond the bound and nothing is lost.
 */
export class LineFunnel<T> {
  private waiting: T[] = [];
  private ended = false;
  private wakeReader: () => void = () => undefined;
  private roomMade: (() => void)[] = [];

  constructor(private readonly bound: number) {}

  async put(line: T): Promise<void> {
    while (this.waiting.length >= this.bound && !this.ended)
      await new Promise<void>((resolve) => this.roomMade.push(resolve));
    if (this.ended) return;
    this.waiting.push(line);
    this.wakeReader();
  }

  /** No more is to come: what waits is still read. */
  end(): void {
    this.ended = true;
    this.wakeReader();
    this.makeRoom();
  }

  /** What waits now, at least one line; undefined when it has ended and nothing waits. */
  async take(): Promise<readonly T[] | undefined> {
    while (this.waiting.length === 0) {
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
    const taken = this.waiting;
    this.waiting = [];
    this.makeRoom();
    return taken;
  }

  private makeRoom(): void {
    const waiters = this.roomMade;
    this.roomMade = [];
    for (const wake of waiters) wake();
  }
}
