/** One reader that waits for more. News that comes while it reads is not lost: it looks once more. */
export class Follower {
  private news = false;
  private over = false;
  private resume: (() => void) | undefined;
  private readonly onAbort = (): void => this.end();

  constructor(private readonly signal: AbortSignal | undefined) {
    if (signal?.aborted === true) this.over = true;
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  get ended(): boolean {
    return this.over;
  }

  /** Something was written. */
  wake(): void {
    this.news = true;
    this.resume?.();
  }

  /** Nothing more is wanted, or will come. */
  end(): void {
    this.over = true;
    this.signal?.removeEventListener('abort', this.onAbort);
    this.resume?.();
  }

  /** Resolves at once when there was news since the last time. */
  async more(): Promise<void> {
    if (!this.news && !this.over) {
      await new Promise<void>((resolve) => {
        this.resume = resolve;
      });
    }
    this.resume = undefined;
    this.news = false;
  }
}
