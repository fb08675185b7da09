/**
 * The store: runs drafts on the head, sends them to consensus without waiting for each other, and makes
 * them true when their entries come back. Committed state changes only in `apply` and `restore`; an
 * update never waits for another one and holds no lock.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Consensus, Entry, StateMachine } from '@swarmkit/sdk/contracts/consensus';
import type {
  Commit,
  Draft,
  Pin,
  Store,
  UpdateOptions,
  View,
  Writer,
} from '@swarmkit/sdk/contracts/store';
import type { Clock } from '@swarmkit/sdk/plugin/env';
import { invariant } from '@swarmkit/sdk/plugin/errors';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import type { Observable } from 'rxjs';
import type { RaftConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { type DraftResult, StateDraft } from '../core/draft.js';
import { encodeEntry } from '../core/entry.js';
import { type EntryPlan, planEntries } from '../core/entry-plan.js';
import { encodeSnapshot, readSnapshot } from '../core/snapshot.js';
import { StatePin, StateView } from '../core/state-view.js';
import { type Outcome, Timeline } from '../core/timeline.js';
import { joinSlices } from './join-slices.js';

export interface StoreServiceOptions {
  readonly consensus: Pick<Consensus, 'lastIndex' | 'propose'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Unique in the cluster: how our own entries are known when they come back. */
  readonly requestId: () => bigint;
  readonly commits: Channel<Commit>;
  readonly log: Logger;
}

export class StoreService implements Store, StateMachine {
  readonly commits$: Observable<Commit>;
  /** Entries that broke a rule and were left out, here and on every other replica. */
  skippedEntries = 0;
  private readonly timeline = new Timeline();
  private readonly committedView: View;
  private readonly headView: View;
  private drafting = false;

  constructor(private readonly options: StoreServiceOptions) {
    this.commits$ = options.commits.facts$;
    const { timeline } = this;
    this.committedView = new StateView(
      () => timeline.committed,
      () => timeline.index,
    );
    this.headView = new StateView(
      () => timeline.head,
      () => timeline.headIndex,
    );
  }

  view(): View {
    return this.committedView;
  }

  head(): View {
    return this.headView;
  }

  pin(): Pin {
    return new StatePin(this.timeline.committed, this.timeline.index);
  }

  /** Writes in flight now. */
  get inFlight(): number {
    return this.timeline.inFlight;
  }

  // Not `async`: the draft must run and be proposed before this returns.
  update<T>(writer: Writer, change: (draft: Draft) => T, options?: UpdateOptions): Promise<T> {
    try {
      const { result, done } = this.draft(writer, change);
      if (done.changes.length === 0) return Promise.resolve(result);
      return this.send(done, options?.oversize ?? 'refuse').then(() => result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Leadership is lost or has moved on: what is in flight may commit, but no longer as ours. */
  dropInFlight(): void {
    if (this.timeline.inFlight === 0) return;
    this.options.log.info({ writes: this.timeline.inFlight }, 'writes in flight dropped');
    this.timeline.dropAll();
  }

  apply(entry: Entry): void {
    this.publish(entry.index, this.timeline.apply(entry.index, entry.data));
  }

  /** Takes the state at once and encodes it in slices, so that the event loop stays free. */
  snapshot(): Promise<Uint8Array> {
    return joinSlices(encodeSnapshot(this.timeline.committed));
  }

  /** Decodes in slices, and puts the new state in the place of the old one at the end. */
  async restore(storeSnapshot: Uint8Array, index: bigint): Promise<void> {
    const steps = this.timeline.restore(storeSnapshot, index);
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) {
        this.publish(index, step.value);
        return;
      }
      await nextTurn();
    }
  }

  async canRestore(storeSnapshot: Uint8Array): Promise<boolean> {
    const steps = readSnapshot(storeSnapshot);
    for (;;) {
      try {
        if (steps.next().done === true) return true;
      } catch {
        // What it throws is the answer.
        return false;
      }
      await nextTurn();
    }
  }

  /** Of the one cluster there is. */
  raftConfig(): RaftConfig | undefined {
    const [cluster] = this.timeline.committed.cluster.objects.values();
    return cluster?.spec?.raft;
  }

  private draft<T>(
    writer: Writer,
    change: (draft: Draft) => T,
  ): { readonly result: T; readonly done: DraftResult } {
    // An update within an update would be proposed first and pull the ground from under the outer one.
    invariant(!this.drafting, 'STORE_NESTED_UPDATE', { writer: writer.id });
    const { consensus, clock } = this.options;
    const draft = StateDraft.on(this.timeline.head, writer, consensus.lastIndex, clock.now());
    this.drafting = true;
    try {
      const result = change(draft);
      invariant(!isPromise(result), 'STORE_ASYNC_UPDATE', { writer: writer.id });
      return { result, done: draft.finish() };
    } finally {
      this.drafting = false;
      draft.discard();
    }
  }

  private send(done: DraftResult, oversize: 'refuse' | 'split'): Promise<unknown> {
    const { consensus } = this.options;
    const sent: Promise<void>[] = [];
    for (const plan of planEntries(done, this.timeline.head, consensus.lastIndex, oversize)) {
      const before = consensus.lastIndex;
      sent.push(this.propose(plan, done.by));
      // Refused: what follows was made on top of it.
      if (consensus.lastIndex === before) break;
    }
    return Promise.all(sent);
  }

  private propose({ state, changes, actions }: EntryPlan, by: readonly string[]): Promise<void> {
    const requestId = this.options.requestId();
    const data = encodeEntry(requestId, actions);
    const { consensus } = this.options;
    const index = consensus.lastIndex + 1n;
    this.timeline.proposed({ requestId, index, state, changes, by });
    const proposal = attempt(() => consensus.propose(data));
    // Not appended: the next update must not build on it, and may come before the promise tells.
    if (consensus.lastIndex < index) this.timeline.dropFrom(requestId);
    return proposal.then(
      () => undefined,
      (error: unknown) => {
        this.timeline.dropFrom(requestId);
        throw error;
      },
    );
  }

  private publish(index: bigint, outcome: Outcome): void {
    if (outcome.kind === 'changed')
      this.options.commits.publish({ index, by: outcome.by, changes: outcome.changes });
    if (outcome.kind !== 'skipped') return;
    this.skippedEntries += 1;
    this.options.log.error(
      { index, reason: outcome.reason, skipped: this.skippedEntries },
      'an entry that breaks the rules of the store was skipped',
    );
  }
}

/** What is thrown at once is a rejection like any other. */
const attempt = async <T>(call: () => Promise<T>): Promise<T> => call();

const isPromise = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'then' in value;
