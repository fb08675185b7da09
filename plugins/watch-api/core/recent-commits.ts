/**
 * The commits of late, for those who come back: what a watcher missed is here, or it is told to look at
 * everything again. Bounded by commits and by changes, oldest out first.
 */
import type { Commit } from '@swarmkit/sdk/contracts/store';

export interface RecentBounds {
  readonly commits: number;
  readonly changes: number;
}

export class RecentCommits {
  private kept: Commit[] = [];
  private changes = 0;
  private last: bigint;

  /** `complete`: everything after this index is here. */
  constructor(
    private complete: bigint,
    private readonly bounds: RecentBounds,
  ) {
    this.last = complete;
  }

  get index(): bigint {
    return this.last;
  }

  add(commit: Commit): void {
    // Of before we were there to see it.
    if (commit.index <= this.last) return;
    this.kept.push(commit);
    this.changes += commit.changes.length;
    this.last = commit.index;
    let gone = 0;
    while (
      gone < this.kept.length &&
      (this.kept.length - gone > this.bounds.commits || this.changes > this.bounds.changes)
    ) {
      const oldest = this.kept[gone++] as Commit;
      this.changes -= oldest.changes.length;
      this.complete = oldest.index;
    }
    if (gone > 0) this.kept.splice(0, gone);
  }

  /** Those after this index. Undefined where some of them are not kept. */
  after(index: bigint): readonly Commit[] | undefined {
    if (index < this.complete) return undefined;
    const at = this.kept.findIndex((commit) => commit.index > index);
    return at < 0 ? [] : this.kept.slice(at);
  }
}
