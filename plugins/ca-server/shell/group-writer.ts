/**
 * Many small writes as few commits: what comes while a commit is under way goes into the next one. Each
 * write succeeds or fails by itself.
 */
import type { Draft, Store, Writer } from '@swarmkit/sdk/contracts/store';

/** Keeps a draft well under 10 ms. */
const MAX_WRITES = 64;

interface Waiting {
  readonly change: (draft: Draft) => unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class GroupWriter {
  private waiting: Waiting[] = [];
  private busy = false;

  constructor(
    private readonly store: Store,
    private readonly writer: Writer,
  ) {}

  write<T>(change: (draft: Draft) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({ change, resolve: resolve as (value: unknown) => void, reject });
      if (!this.busy) void this.drain();
    });
  }

  /** Never rejects. */
  private async drain(): Promise<void> {
    this.busy = true;
    // Whoever calls in the same turn of the event loop comes along.
    await new Promise<void>((turned) => setImmediate(turned));
    while (this.waiting.length > 0) await this.commit(this.waiting.splice(0, MAX_WRITES));
    this.busy = false;
  }

  private async commit(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.store.update(
        this.writer,
        (draft) => group.map((one) => attempt(draft, one)),
        // The writes have nothing to do with each other.
        { oversize: 'split' },
      );
      for (const settle of outcomes) settle();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

/** What to tell the caller once the group is committed. */
function attempt(draft: Draft, { change, resolve, reject }: Waiting): () => void {
  const mark = draft.mark();
  try {
    const value = change(draft);
    return () => resolve(value);
  } catch (error) {
    draft.rollback(mark);
    return () => reject(error);
  }
}
