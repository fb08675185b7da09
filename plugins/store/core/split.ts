/**
 * An oversize draft as several entries. Each entry gets the version of its own place in the log and the
 * state that it leaves, so that each can be applied, or dropped with all after it, like any other.
 */
import type { Change, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { splitChanges } from './entry.js';
import { changeOf } from './journal.js';
import { type State, StateEditor } from './state.js';

export interface EntryPlan {
  readonly state: State;
  readonly changes: readonly Change[];
}

/** `index`: the last entry before the first of these. `from`: the state before all of them. */
export function planEntries(
  from: State,
  changes: readonly Change[],
  index: bigint,
): readonly EntryPlan[] {
  const editor = new StateEditor(from);
  return splitChanges(changes).map((run, i) => {
    const version = { index: index + BigInt(i) };
    const stamped = run.map((change) => {
      if (change.action === 'remove') {
        editor.remove(change.kind, change.id);
        return change;
      }
      const object = stamp(change.object, version);
      editor.put(change.kind, object);
      return changeOf(change.kind, change.id, change.old, object);
    });
    return { state: editor.freeze(), changes: stamped };
  });
}

const stamp = (object: Objects[ObjectKind], version: { readonly index: bigint }) => ({
  ...object,
  meta: { createdAt: undefined, updatedAt: undefined, ...object.meta, version },
});
