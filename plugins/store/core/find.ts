/** Queries on a state. The order of an answer depends on the ids alone; it is not the order of the ids. */
import type { By, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { nameKey, objectName } from '@swarmkit/sdk/model/object-name';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { keyOf, positionOf } from './indexes.js';
import type { Member, Members, State, Table } from './state.js';
import { storeErrors } from './store-errors.js';
import { Trie } from './trie.js';

export function find<K extends ObjectKind>(state: State, kind: K, by: By): readonly Objects[K][] {
  const table = state[kind] as unknown as Table<Objects[K]>;
  switch (by.by) {
    case 'all':
      return filter(table, () => true);
    case 'idPrefix':
      return filter(table, (_object, id) => id.startsWith(by.value));
    case 'namePrefix': {
      const prefix = nameKey(by.value);
      return filter(table, (object) => nameKey(objectName(kind, object)).startsWith(prefix));
    }
    case 'name':
      return kind === 'task'
        ? (findTasksByName(state, nameKey(by.value)) as readonly Objects[K][])
        : lookUp(table, kind, by);
    default:
      return lookUp(table, kind, by);
  }
}

/** What an index leads to, as it stands there; for checks that need no objects. */
export function membersOf(
  state: State,
  kind: ObjectKind,
  by: By['by'],
  key: string,
): Members | undefined {
  return state[kind].indexes[positionOf(kind, by)]?.get(key);
}

/** Everything that an index leads from. */
export function keysOf(state: State, kind: ObjectKind, by: By['by']): readonly string[] {
  const keys: string[] = [];
  state[kind].indexes[positionOf(kind, by)]?.forEach((_members, key) => {
    keys.push(key);
  });
  return keys;
}

function filter<T extends Objects[ObjectKind]>(
  table: Table<T>,
  wanted: (object: T, id: string) => boolean,
): readonly T[] {
  const found: T[] = [];
  table.objects.forEach((object, id) => {
    if (wanted(object, id)) found.push(object);
  });
  return found;
}

function lookUp<T extends Objects[ObjectKind]>(
  table: Table<T>,
  kind: ObjectKind,
  by: By,
): readonly T[] {
  const index = table.indexes[positionOf(kind, by.by)];
  const key = keyOf(by);
  if (index === undefined || key === undefined) throw storeErrors.find(kind, by.by);
  const members = index.get(key);
  if (members === undefined) return [];
  const resolve = (member: Member): T =>
    (typeof member === 'string' ? table.objects.get(member) : member) as T;
  if (!(members instanceof Trie)) return [resolve(members)];
  const found: T[] = [];
  members.forEach((member) => {
    found.push(resolve(member));
  });
  return found;
}

/**
 * A task is called by a name of its own, or by service, slot and its id: then the last part of the name
 * leads to it, and no index of 100,000 long names is kept.
 */
function findTasksByName(state: State, name: string): readonly Task[] {
  const own = lookUp(state.task, 'task', { by: 'name', value: name });
  const task = state.task.objects.get(name.slice(name.lastIndexOf('.') + 1));
  return task === undefined || own.includes(task) || nameKey(objectName('task', task)) !== name
    ? own
    : [...own, task];
}
