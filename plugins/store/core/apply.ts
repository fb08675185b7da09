/**
 * Applies the changes of an entry to the committed state. All or nothing, and the same on every replica:
 * an entry that breaks a rule at any of its changes changes nothing, and the caller is told why.
 */
import type { Change, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { changeOf } from './journal.js';
import { whyNotPut, whyNotRemove } from './rules.js';
import { sharePartsOf, shareSpecOf } from './sharing.js';
import { type State, StateEditor } from './state.js';

/** One change as an entry tells it. */
export interface Action {
  readonly action: 'create' | 'update' | 'remove';
  readonly kind: ObjectKind;
  readonly object: Objects[ObjectKind];
}

export type Applied =
  | { readonly state: State; readonly changes: readonly Change[] }
  | { readonly refused: string };

export function applyActions(state: State, actions: readonly Action[]): Applied {
  const editor = new StateEditor(state);
  const changes: Change[] = [];
  for (const { action, kind, object } of actions) {
    const { id } = object;
    const before = editor.get(kind, id);
    const refused = whyNot(editor.present, action, kind, object, before);
    if (refused !== undefined) return { refused: `${action} of ${kind} ${id}: ${refused}` };
    if (action === 'remove') {
      editor.remove(kind, id);
      changes.push(changeOf(kind, id, before, undefined));
      continue;
    }
    const shared =
      before !== undefined
        ? sharePartsOf(before, object)
        : kind === 'task'
          ? shareSpecOf(
              editor.get('service', (object as Objects['task']).serviceId),
              object as Objects['task'],
            )
          : object;
    editor.put(kind, shared);
    changes.push(changeOf(kind, id, before, shared));
  }
  return { state: editor.freeze(), changes };
}

function whyNot(
  state: State,
  action: Action['action'],
  kind: ObjectKind,
  object: Objects[ObjectKind],
  before: Objects[ObjectKind] | undefined,
): string | undefined {
  if (object.id === '') return 'no id';
  if (action === 'create' && before !== undefined) return 'object already exists';
  if (action !== 'create' && before === undefined) return 'object does not exist';
  if (action === 'update' && kind === 'extension') return 'extensions are immutable';
  const refusal =
    action === 'remove'
      ? whyNotRemove(state, kind, before as Objects[ObjectKind])
      : whyNotPut(state, kind, object);
  return refusal?.message;
}
