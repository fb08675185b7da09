/**
 * Cluster state as one immutable value: a trie of objects and one trie an index, for each kind. Taking
 * a copy of it is keeping a reference. A `StateEditor` makes the next value.
 */
import type { By, ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import { type Index, indexes } from './indexes.js';
import { Edit, Trie } from './trie.js';

type AnyObject = Objects[ObjectKind];
/** Most keys lead to one object: it stands there without a set around it. */
export type IdSet = string | Trie<string>;

export interface Table<T = AnyObject> {
  readonly objects: Trie<T>;
  readonly indexes: ReadonlyMap<By['by'], Trie<IdSet>>;
}

export type State = { readonly [K in ObjectKind]: Table<Objects[K]> };

const emptyTable = (kind: ObjectKind): Table<never> => ({
  objects: Trie.empty(),
  indexes: new Map(indexes[kind].map((index) => [index.by, Trie.empty<IdSet>()])),
});

export const emptyState: State = Object.fromEntries(
  objectKinds.map((kind) => [kind, emptyTable(kind)]),
) as unknown as State;

/** Makes a new state out of an old one, in place as far as nobody has seen it. */
export class StateEditor {
  private readonly tables: { [K in ObjectKind]: Table };
  private edited = new Set<ObjectKind>();
  private edit = new Edit();

  constructor(state: State) {
    this.tables = { ...state };
  }

  /** The state so far. What comes later does not change it. */
  freeze(): State {
    this.edit = new Edit();
    this.edited = new Set();
    return { ...this.tables } as unknown as State;
  }

  /** Puts a frozen state in the place of the present one. */
  reset(state: State): void {
    this.edit = new Edit();
    this.edited = new Set();
    Object.assign(this.tables, state);
  }

  /** The present tables, for reading. Live: changed by `put` and `remove`. */
  get present(): State {
    return this.tables as unknown as State;
  }

  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined {
    return this.tables[kind].objects.get(id) as Objects[K] | undefined;
  }

  put(kind: ObjectKind, object: AnyObject): void {
    this.change(kind, object.id, this.tables[kind].objects.get(object.id), object);
  }

  remove(kind: ObjectKind, id: string): void {
    this.change(kind, id, this.tables[kind].objects.get(id), undefined);
  }

  private change(
    kind: ObjectKind,
    id: string,
    before: AnyObject | undefined,
    after: AnyObject | undefined,
  ): void {
    const table = this.own(kind);
    table.objects =
      after === undefined
        ? table.objects.delete(id, this.edit)
        : table.objects.set(id, after, this.edit);
    for (const index of indexes[kind] as readonly Index<AnyObject>[]) {
      if (before !== undefined && after !== undefined && index.same?.(before, after)) continue;
      const old = before === undefined ? undefined : index.keys(before);
      const now = after === undefined ? undefined : index.keys(after);
      if (old === now) continue;
      let trie = table.indexes.get(index.by) as Trie<IdSet>;
      for (const key of keyList(old)) trie = withoutId(trie, key, id, this.edit);
      for (const key of keyList(now)) trie = withId(trie, key, id, this.edit);
      table.indexes.set(index.by, trie);
    }
  }

  /** A table that this editor may write on. */
  private own(kind: ObjectKind): {
    objects: Trie<AnyObject>;
    readonly indexes: Map<By['by'], Trie<IdSet>>;
  } {
    const table = this.tables[kind];
    if (!this.edited.has(kind)) {
      this.edited.add(kind);
      this.tables[kind] = { objects: table.objects, indexes: new Map(table.indexes) };
    }
    return this.tables[kind] as { objects: Trie<AnyObject>; indexes: Map<By['by'], Trie<IdSet>> };
  }
}

const noKeys: readonly string[] = [];
const keyList = (keys: string | readonly string[] | undefined): readonly string[] =>
  keys === undefined ? noKeys : typeof keys === 'string' ? [keys] : keys;

function withId(index: Trie<IdSet>, key: string, id: string, edit: Edit): Trie<IdSet> {
  const ids = index.get(key);
  if (ids === undefined) return index.set(key, id, edit);
  if (ids === id) return index;
  if (typeof ids === 'string')
    return index.set(key, Trie.empty<string>().set(ids, ids, edit).set(id, id, edit), edit);
  return index.set(key, ids.set(id, id, edit), edit);
}

function withoutId(index: Trie<IdSet>, key: string, id: string, edit: Edit): Trie<IdSet> {
  const ids = index.get(key);
  if (ids === undefined) return index;
  if (typeof ids === 'string') return ids === id ? index.delete(key, edit) : index;
  const left = ids.delete(id, edit);
  if (left.size > 1) return index.set(key, left, edit);
  let last: string | undefined;
  left.forEach((only) => {
    last = only;
  });
  return last === undefined ? index.delete(key, edit) : index.set(key, last, edit);
}
