/**
 * Cluster state as one immutable value: a trie of objects and one trie an index, for each kind. Taking
 * a copy of it is keeping a reference. A `StateEditor` makes the next value.
 */
import type { ObjectKind, Objects } from '@swarmkit/sdk/contracts/store';
import { objectKinds } from '@swarmkit/sdk/model/object-name';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { counted, type HeldAddresses, movedAddresses } from './address-tally.js';
import { type Index, indexes, keyOf, positionOf } from './indexes.js';
import {
  movesSlot,
  noStanding,
  numberless,
  type ServiceSlots,
  type Standing,
  slotMoved,
  standingOf,
} from './slot-tally.js';
import { type Tally, tallied } from './tally.js';
import { Edit, Trie } from './trie.js';

type AnyObject = Objects[ObjectKind];
/** What an index leads to: an id, or the object itself where the index is `direct`. */
export type Member = string | AnyObject;
/** Most keys lead to one member: it stands there without a set around it. A set is by id. */
export type Members = Member | Trie<Member>;

export interface Table<T = AnyObject> {
  readonly objects: Trie<T>;
  /** In the order of `indexes[kind]`. */
  readonly indexes: readonly Trie<Members>[];
  /** By node; only of tasks. */
  readonly tallies: Trie<Tally>;
  /** By service; only of tasks. */
  readonly slots: Trie<ServiceSlots>;
  /** By network; only of networks, though services, nodes and tasks hold them. */
  readonly addresses: Trie<HeldAddresses>;
}

export type State = { readonly [K in ObjectKind]: Table<Objects[K]> };

const emptyTable = (kind: ObjectKind): Table<never> => ({
  objects: Trie.empty(),
  indexes: indexes[kind].map(() => Trie.empty<Members>()),
  tallies: Trie.empty(),
  slots: Trie.empty(),
  addresses: Trie.empty(),
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
    const places = kind === 'task' ? movedSlots(before as Task, after as Task) : noPlaces;
    const were = places.map((place) => standingIn(table, place));
    table.objects =
      after === undefined
        ? table.objects.delete(id, this.edit)
        : table.objects.set(id, after, this.edit);
    if (kind === 'task')
      table.tallies = tallied(
        table.tallies,
        before as Task | undefined,
        after as Task | undefined,
        this.edit,
      );
    const moved = movedAddresses(kind, before, after);
    if (moved !== undefined) {
      const networks = this.own('network');
      const without = counted(networks.addresses, moved.left, -1, this.edit);
      networks.addresses = counted(without, moved.taken, 1, this.edit);
    }
    const specs = indexes[kind] as readonly Index<AnyObject>[];
    specs.forEach((index, at) => {
      const direct = index.direct === true;
      const same = before !== undefined && after !== undefined && index.same?.(before, after);
      if (same && !direct) return;
      let trie = table.indexes[at] as Trie<Members>;
      const now = after === undefined ? undefined : index.keys(after);
      if (!same && before !== undefined) {
        const old = index.keys(before);
        if (old === now && !direct) return;
        if (old !== now) for (const key of keyList(old)) trie = without(trie, key, id, this.edit);
      }
      const member = direct && after !== undefined ? after : id;
      for (const key of keyList(now)) trie = withMember(trie, key, id, member, this.edit);
      table.indexes[at] = trie;
    });
    places.forEach(({ serviceId, slot }, i) => {
      const is = standingIn(table, { serviceId, slot });
      table.slots = slotMoved(table.slots, serviceId, slot, were[i] ?? noStanding, is, this.edit);
    });
  }

  /** A table that this editor may write on. */
  private own(kind: ObjectKind): OwnTable {
    if (!this.edited.has(kind)) {
      this.edited.add(kind);
      const table = this.tables[kind];
      this.tables[kind] = { ...table, indexes: [...table.indexes] };
    }
    return this.tables[kind] as OwnTable;
  }
}

interface OwnTable {
  objects: Trie<AnyObject>;
  tallies: Trie<Tally>;
  slots: Trie<ServiceSlots>;
  addresses: Trie<HeldAddresses>;
  readonly indexes: Trie<Members>[];
}

interface Place {
  readonly serviceId: string;
  readonly slot: bigint;
}

const noPlaces: readonly Place[] = [];

/** The slots that the change of a task may move, of services. */
function movedSlots(before: Task | undefined, after: Task | undefined): readonly Place[] {
  if (!movesSlot(before, after)) return noPlaces;
  const places: Place[] = [];
  if (before !== undefined && before.serviceId !== '') places.push(before);
  if (
    after !== undefined &&
    after.serviceId !== '' &&
    (after.serviceId !== before?.serviceId || after.slot !== before.slot)
  )
    places.push(after);
  return places;
}

const slotIndex = positionOf('task', 'slot');

function standingIn(table: OwnTable, { serviceId, slot }: Place): Standing {
  const members = table.indexes[slotIndex]?.get(keyOf({ by: 'slot', serviceId, slot }) as string);
  if (members === undefined) return noStanding;
  if (slot === 0n) return numberless;
  return standingOf((members instanceof Trie ? [...members.values()] : [members]) as Task[]);
}

const noKeys: readonly string[] = [];
const keyList = (keys: string | readonly string[] | undefined): readonly string[] =>
  keys === undefined ? noKeys : typeof keys === 'string' ? [keys] : keys;

const idOf = (member: Member): string => (typeof member === 'string' ? member : member.id);

function withMember(
  index: Trie<Members>,
  key: string,
  id: string,
  member: Member,
  edit: Edit,
): Trie<Members> {
  const members = index.get(key);
  if (members instanceof Trie) return index.set(key, members.set(id, member, edit), edit);
  if (members === undefined || idOf(members) === id) return index.set(key, member, edit);
  const both = Trie.empty<Member>().set(idOf(members), members, edit).set(id, member, edit);
  return index.set(key, both, edit);
}

function without(index: Trie<Members>, key: string, id: string, edit: Edit): Trie<Members> {
  const members = index.get(key);
  if (members === undefined) return index;
  if (!(members instanceof Trie)) return idOf(members) === id ? index.delete(key, edit) : index;
  const left = members.delete(id, edit);
  const [only, more] = left.size > 2 ? [] : left.values();
  return only === undefined || more !== undefined
    ? index.set(key, left, edit)
    : index.set(key, only, edit);
}
