/**
 * The commits of late, for those who come back: what a watcher missed is here, or it is told to look at
 * everything again. Bounded by commits and by changes, oldest out first.
 */
import type { Commit } from '@swarmkit/sdk/contracts/store';

export interface RecentBounds {
  readonly commits: number;
  readonly changes: number;
}

/** In the place of one that is out, so that its objects may go. After no index. */
const GONE: Commit = { index: 0n, by: [], changes: [] };

export class RecentCommits {
  private kept: Commit[] = [];
  /** Of `kept`, how many at its beginning are out. Moving the rest up at each commit costs more than the commit. */
  private out = 0;
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
    while (
      this.out < this.kept.length &&
      (this.kept.length - this.out > this.bounds.commits || this.changes > this.bounds.changes)
    ) {
      const oldest = this.kept[this.out] as Commit;
      this.kept[this.out++] = GONE;
      this.changes -= oldest.changes.length;
      this.complete = oldest.index;
    }
    if (this.out * 2 > this.kept.length) {
      this.kept.splice(0, this.out);
      this.out = 0;
    }
  }

  /** Those after this index. Undefined where some of them are not kept. */
  after(index: bigint): readonly Commit[] | undefined {
    if (index < this.complete) return undefined;
    const at = this.kept.findIndex((commit) => commit.index > index);
    return at < 0 ? [] : this.kept.slice(at);
  }
}
