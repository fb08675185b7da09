/**
 * The watchers of this manager. Each has a line of commits that wait for its reader; a reader that lets
 * too much pile up is told to begin again, so that no watcher costs more than its bound.
 */
import type { Call } from '@swarmkit/sdk/contracts/rpc';
import type { Commit } from '@swarmkit/sdk/contracts/store';
import type { WatchMessage, WatchRequest } from '@swarmkit/sdk/wire/gen/swarmkit/watch';
import { RecentCommits } from '../core/recent-commits.js';
import { eventOf, type Selection, selectionOf } from '../core/selection.js';
import { ahead, compacted, tooSlow } from '../core/watch-errors.js';

const KEPT = { commits: 10_000, changes: 100_000 };
/** Changes that may wait for one reader; they are the store's own objects, so this costs references. */
const MAX_WAITING = 50_000;

export interface WatcherBounds {
  readonly kept: { readonly commits: number; readonly changes: number };
  readonly waiting: number;
}

interface Watcher {
  readonly selects: Selection;
  waiting: Commit[];
  changes: number;
  isTooSlow: boolean;
  wake: () => void;
}

export class Watchers {
  private readonly recent: RecentCommits;
  private readonly watchers = new Set<Watcher>();

  constructor(
    index: bigint,
    private readonly bounds: WatcherBounds = { kept: KEPT, waiting: MAX_WAITING },
  ) {
    this.recent = new RecentCommits(index, bounds.kept);
  }

  get count(): number {
    return this.watchers.size;
  }

  onCommit(commit: Commit): void {
    this.recent.add(commit);
    for (const watcher of this.watchers) this.offer(watcher, commit);
  }

  async watch(
    request: WatchRequest,
    { signal }: Pick<Call, 'signal'>,
    send: (message: WatchMessage) => Promise<void>,
  ): Promise<void> {
    const selects = selectionOf(request);
    const missed = this.missedSince(request.resumeFrom?.index);
    const watcher: Watcher = {
      selects,
      waiting: [],
      changes: 0,
      isTooSlow: false,
      wake: () => undefined,
    };
    const leave = (): void => watcher.wake();
    signal.addEventListener('abort', leave, { once: true });
    // From here on nothing is missed.
    this.watchers.add(watcher);
    try {
      await send({ events: [], version: undefined });
      // What came before is told without what it was before, as SwarmKit does from its log.
      for (const commit of missed) await tell(commit, selects, false, send);
      while (!signal.aborted) {
        const commit = watcher.waiting.shift();
        if (commit !== undefined) {
          watcher.changes -= commit.changes.length;
          await tell(commit, selects, request.includeOldObject, send);
        } else if (watcher.isTooSlow) throw tooSlow();
        else
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', leave);
      this.watchers.delete(watcher);
    }
  }

  private missedSince(index: bigint | undefined): readonly Commit[] {
    if (index === undefined) return [];
    if (index > this.recent.index) throw ahead();
    const missed = this.recent.after(index);
    if (missed === undefined) throw compacted();
    return missed;
  }

  private offer(watcher: Watcher, commit: Commit): void {
    if (watcher.isTooSlow || !commit.changes.some(watcher.selects)) return;
    if (
      watcher.waiting.length > 0 &&
      watcher.changes + commit.changes.length > this.bounds.waiting
    ) {
      watcher.isTooSlow = true;
      watcher.waiting = [];
    } else {
      watcher.waiting.push(commit);
      watcher.changes += commit.changes.length;
    }
    watcher.wake();
  }
}

async function tell(
  { index, changes }: Commit,
  selects: Selection,
  includeOld: boolean,
  send: (message: WatchMessage) => Promise<void>,
): Promise<void> {
  const events = changes.filter(selects).map((change) => eventOf(change, includeOld));
  if (events.length > 0) await send({ events, version: { index } });
}
