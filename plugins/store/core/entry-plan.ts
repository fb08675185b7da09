/**
 * What a finished draft becomes: one entry, or several where it is too large and its writer allows that.
 * Each of several gets the version of its own place in the log and the state that it leaves, so that it
 * can be applied, or dropped with all after it, like any other.
 */
import type { Change, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { encodeAction, framed, roomForActions } from './entry.js';
import { changeOf } from './journal.js';
import { type State, StateEditor } from './state.js';
import { storeErrors } from './store-errors.js';

export interface EntryPlan {
  /** The head after it. */
  readonly state: State;
  readonly changes: readonly Change[];
  /** The changes, encoded. */
  readonly actions: readonly Uint8Array[];
}

/**
 * `from`: the state that the draft was made on. `index`: the last entry of the log. Throws
 * STORE_TOO_LARGE when it does not fit and may not be split, or one change alone does not fit.
 */
export function planEntries(
  draft: { readonly state: State; readonly changes: readonly Change[] },
  from: State,
  index: bigint,
  oversize: 'refuse' | 'split',
): readonly EntryPlan[] {
  const actions = draft.changes.map(encodeAction);
  const total = actions.reduce((sum, action) => sum + framed(action), 0);
  if (total <= roomForActions) return [{ ...draft, actions }];
  if (oversize === 'refuse') throw storeErrors.tooLarge(total);
  const editor = new StateEditor(from);
  return cut(actions).map(({ start, end }, part) => {
    const version = { index: index + BigInt(part) };
    const changes = draft.changes.slice(start, end).map((change) => stamped(change, version));
    for (const change of changes) {
      if (change.action === 'remove') editor.remove(change.kind, change.id);
      else editor.put(change.kind, change.object);
    }
    return { state: editor.freeze(), changes, actions: changes.map(encodeAction) };
  });
}

/** Runs that fit an entry each. A version a little later in the log is at most a few bytes longer. */
function cut(actions: readonly Uint8Array[]): { readonly start: number; end: number }[] {
  const runs: { readonly start: number; end: number }[] = [];
  let room = 0;
  actions.forEach((action, i) => {
    const bytes = framed(action) + laterVersionBytes;
    if (bytes > roomForActions) throw storeErrors.tooLarge(bytes);
    let run = runs.at(-1);
    if (run === undefined || bytes > room) {
      run = { start: i, end: i };
      runs.push(run);
      room = roomForActions;
    }
    run.end = i + 1;
    room -= bytes;
  });
  return runs;
}

const laterVersionBytes = 4;

function stamped(change: Change, version: { readonly index: bigint }): Change {
  if (change.action === 'remove') return change;
  const object: Objects[ObjectKind] = {
    ...change.object,
    meta: { createdAt: undefined, updatedAt: undefined, ...change.object.meta, version },
  };
  return changeOf(change.kind, change.id, change.old, object);
}
