/**
 * The two states of a store and what lies between them: the committed state, and the head, which has
 * the writes in flight on top. Each write in flight holds the state that it leaves; committing it is
 * making that state the committed one. Knows no log and no promises: it is told what happened.
 */
import type { Change } from '@swarmkit/sdk/contracts/store';
import { InvariantError, invariant, messageOf } from '@swarmkit/sdk/plugin/errors';
import { applyActions } from './apply.js';
import { decodeEntry, entryId } from './entry.js';
import { restoreSnapshot } from './snapshot.js';
import { emptyState, type State } from './state.js';

/** A write that was proposed and is not applied yet. */
export interface InFlight {
  readonly requestId: bigint;
  /** Log index that the write was appended at. */
  readonly index: bigint;
  /** The head after it. */
  readonly state: State;
  readonly changes: readonly Change[];
  readonly by: readonly string[];
}

export type Outcome =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'changed';
      readonly changes: readonly Change[];
      readonly by: readonly string[];
    }
  /** Skipped as a whole, here and on every other replica. */
  | { readonly kind: 'skipped'; readonly reason: string };

const nothing: Outcome = { kind: 'nothing' };

export class Timeline {
  private committedState = emptyState;
  private committedIndex = 0n;
  private flight: InFlight[] = [];

  get committed(): State {
    return this.committedState;
  }

  /** Index of the last entry applied. */
  get index(): bigint {
    return this.committedIndex;
  }

  get head(): State {
    return this.flight.at(-1)?.state ?? this.committedState;
  }

  get headIndex(): bigint {
    return this.flight.at(-1)?.index ?? this.committedIndex;
  }

  get inFlight(): number {
    return this.flight.length;
  }

  /** The write was appended to the log; it was made on the present head. */
  proposed(write: InFlight): void {
    invariant(write.index > this.headIndex, 'STORE_ORDER', {
      index: write.index,
      head: this.headIndex,
    });
    this.flight.push(write);
  }

  /** The write, and so all that were made on top of it, will not be applied as ours. */
  dropFrom(requestId: bigint): void {
    const at = this.flight.findIndex((write) => write.requestId === requestId);
    if (at >= 0) this.flight.length = at;
  }

  /** The head falls back to the committed state. */
  dropAll(): void {
    this.flight = [];
  }

  /** An entry is committed. Throws only InvariantError. */
  apply(index: bigint, data: Uint8Array): Outcome {
    invariant(index > this.committedIndex, 'STORE_APPLY_ORDER', {
      index,
      applied: this.committedIndex,
    });
    this.committedIndex = index;
    // A leader's first entry, or a change of membership.
    if (data.length === 0) return nothing;
    const id = this.flight.length === 0 ? 0n : entryId(data);
    const at = id === 0n ? -1 : this.flight.findIndex((write) => write.requestId === id);
    if (at < 0) return this.applyForeign(index, data);
    invariant(at === 0, 'STORE_APPLY_ORDER', { index, overtook: at });
    const own = this.flight.shift() as InFlight;
    invariant(own.index === index, 'STORE_APPLY_INDEX', { index, proposedAt: own.index });
    this.committedState = own.state;
    return { kind: 'changed', changes: own.changes, by: own.by };
  }

  /** The state is replaced by a snapshot taken at `index`, with the last step. Nothing is applied meanwhile. */
  *restore(bytes: Uint8Array, index: bigint): Generator<number, Outcome> {
    const steps = restoreSnapshot(bytes, this.committedState);
    let step = this.readable(index, () => steps.next());
    while (step.done !== true) {
      yield step.value;
      step = this.readable(index, () => steps.next());
    }
    const { state, changes } = step.value;
    this.dropAll();
    this.committedState = state;
    this.committedIndex = index;
    return changes.length === 0 ? nothing : { kind: 'changed', changes, by: [] };
  }

  private applyForeign(index: bigint, data: Uint8Array): Outcome {
    // What is in flight was made on a state that this entry changes under it.
    this.dropAll();
    const { actions } = this.readable(index, () => decodeEntry(data));
    if (actions === undefined) return { kind: 'skipped', reason: 'unrecognized action type' };
    const applied = applyActions(this.committedState, actions);
    if ('refused' in applied) return { kind: 'skipped', reason: applied.refused };
    this.committedState = applied.state;
    return applied.changes.length === 0
      ? nothing
      : { kind: 'changed', changes: applied.changes, by: [] };
  }

  /** Committed bytes that cannot be read are a damaged log: going on would be another cluster. */
  private readable<T>(index: bigint, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw new InvariantError('STORE_UNREADABLE', { index, error: messageOf(error) });
    }
  }
}
