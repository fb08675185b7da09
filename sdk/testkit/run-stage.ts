/**
 * Runs one reconciler on a fake store, as the turn would: on a draft of the head, committed when it
 * returns. What a stage throws, or names as a failure, comes out, and nothing is committed.
 */
import type { Dirty, ObjectRef, Reconciler } from '../contracts/reconciler.js';
import type { Change, Commit, ObjectKind } from '../contracts/store.js';
import { objectKinds } from '../model/object-name.js';
import type { FakeStore } from './fake-store.js';
import { fixtureTime } from './fixtures.js';

export interface StageOptions {
  /** Wall clock of the turn, ms. Default: the time of the fixtures. */
  readonly now?: number;
  /** Default: `planned0000000000000000001`, counted up within the store, so the same run gives the same ids. */
  readonly id?: () => string;
  /** Default: everything. */
  readonly dirty?: Dirty;
}

export interface StageRun {
  /** What the stage changed, net. Empty when it had nothing to do. */
  readonly changes: readonly Change[];
  readonly wakeAt: number | undefined;
  /** What it left for the next run. */
  readonly unfinished: readonly ObjectRef[];
}

export const everythingDirty: Dirty = {
  everything: true,
  ids: () => new Set(),
  servicesOfTasks: () => new Set(),
  nodesOfTasks: () => new Set(),
};

/** One run of a stage; by default it looks at everything. */
export function runStage(
  store: FakeStore,
  reconciler: Reconciler,
  options: StageOptions = {},
): StageRun {
  const commits = store.commits.length;
  const { wakeAt, unfinished = [] } = store.updateNow(reconciler.writer, (draft) => {
    const result = reconciler.reconcile({
      draft,
      now: options.now ?? fixtureTime,
      id: options.id ?? countedIds(store),
      dirty: options.dirty ?? everythingDirty,
    });
    for (const { error } of result.failures ?? []) throw error;
    return result;
  });
  const changes = store.commits.slice(commits).flatMap((commit) => commit.changes);
  return { changes, wakeAt, unfinished };
}

/**
 * Runs a stage again and again with precise dirty sets, as a leader does: everything on the first run,
 * then what was committed since the run before, by others than the stage itself.
 */
export class StageRunner {
  private seen = 0;
  private first = true;
  private unfinished: readonly ObjectRef[] = [];

  constructor(
    private readonly store: FakeStore,
    private readonly reconciler: Reconciler,
  ) {}

  run(options: Omit<StageOptions, 'dirty'> = {}): StageRun {
    const dirty = this.first ? everythingDirty : this.dirtyNow();
    const result = runStage(this.store, this.reconciler, { ...options, dirty });
    this.first = false;
    this.unfinished = result.unfinished;
    // Its own commit is the last one: a plan on its own result is empty, so it need not look again.
    this.seen = this.store.commits.length;
    return result;
  }

  private dirtyNow(): Dirty {
    return dirtyOf(this.store.commits.slice(this.seen), this.unfinished);
  }
}

/** Exactly what these commits changed, and what a stage left of its own. */
export function dirtyOf(commits: readonly Commit[], left: readonly ObjectRef[] = []): Dirty {
  const ids = new Map<ObjectKind, Set<string>>();
  const services = new Set<string>();
  const nodes = new Set<string>();
  for (const change of commits.flatMap((commit) => commit.changes)) {
    const ofKind = ids.get(change.kind) ?? new Set();
    ids.set(change.kind, ofKind.add(change.id));
    if (change.kind !== 'task') continue;
    services.add(change.object.serviceId);
    nodes.add(change.object.nodeId);
  }
  for (const { kind, id } of left) ids.set(kind, (ids.get(kind) ?? new Set()).add(id));
  services.delete('');
  nodes.delete('');
  return {
    everything: false,
    ids: (kind) => ids.get(kind) ?? new Set(),
    servicesOfTasks: () => services,
    nodesOfTasks: () => nodes,
  };
}

/** Ids that are not in the store yet, in counting order. */
export function countedIds(store: FakeStore): () => string {
  let next = 0;
  const isTaken = (id: string): boolean =>
    objectKinds.some((kind) => store.view().get(kind, id) !== undefined);
  return () => {
    let id: string;
    do {
      next += 1;
      id = `planned${next.toString(36).padStart(18, '0')}`;
    } while (isTaken(id));
    return id;
  };
}
