/**
 * A store that is obviously right and not at all fast: maps that are copied whole and searched from end
 * to end. Reconcilers are unit-tested on it, and the real store is compared with it.
 * Writes commit at once; there is nothing in flight, so the head is the committed state.
 */
import { type Observable, Subject } from 'rxjs';
import type {
  AddressTally,
  By,
  Change,
  Commit,
  Draft,
  DraftMark,
  NodeTally,
  ObjectKind,
  Objects,
  Pin,
  SlotGroup,
  SlotTally,
  Store,
  View,
  Writer,
} from '../contracts/store.js';
import { checkOwnership } from '../model/field-ownership.js';
import { heldAddresses } from '../model/held-addresses.js';
import { hasUniqueName, nameKey, objectKinds, objectName } from '../model/object-name.js';
import {
  groupOfSlot,
  holdsTasks,
  isStarting,
  type QuietSlot,
  quietSlot,
  secondOf,
  settledAt,
} from '../model/quiet-slot.js';
import { hasFailed, holdsResources, isWantedActive } from '../model/task.js';
import { timestampFromMs } from '../model/time.js';
import { wireEqual } from '../model/wire-equal.js';
import { SwarmError } from '../plugin/errors.js';
import type { Service, Task } from '../wire/gen/swarmkit/objects.js';
import { fixtureTime } from './fixtures.js';

type AnyObject = Objects[ObjectKind];
/** One map a kind, never changed in place once it is shared. */
type Tables = { readonly [K in ObjectKind]: Map<string, AnyObject> };

export interface FakeStoreOptions {
  /** Wall clock for meta, ms. Default: the time of the fixtures, standing still. */
  readonly now?: () => number;
  /** Refuse writers that stray from their fields, as the real store does. Default true. */
  readonly ownership?: boolean;
}

export class FakeStore implements Store {
  /** Every commit so far, oldest first. */
  readonly commits: Commit[] = [];
  readonly commits$: Observable<Commit>;
  private readonly subject = new Subject<Commit>();
  private readonly now: () => number;
  private readonly ownership: boolean;
  private tables: Tables = emptyTables();
  /** Index of the last entry. Not 0 at first, so that an object that lost its version is noticed. */
  index = 10n;
  private refusal: unknown;

  constructor(options: FakeStoreOptions = {}) {
    this.now = options.now ?? (() => fixtureTime);
    this.ownership = options.ownership ?? true;
    this.commits$ = this.subject.asObservable();
  }

  view(): View {
    return new TablesView(
      () => this.tables,
      () => this.index,
    );
  }

  head(): View {
    return this.view();
  }

  pin(): Pin {
    const tables = this.tables;
    const index = this.index;
    const view = new TablesView(
      () => tables,
      () => index,
    );
    return Object.assign(view, { release: () => undefined });
  }

  async update<T>(writer: Writer, change: (draft: Draft) => T): Promise<T> {
    return this.updateNow(writer, change);
  }

  /** The same, without a promise. */
  updateNow<T>(writer: Writer, change: (draft: Draft) => T): T {
    if (this.refusal !== undefined) {
      const error = this.refusal;
      this.refusal = undefined;
      throw error;
    }
    const state: DraftState = {
      tables: this.tables,
      writers: [],
      marks: [],
      before: this.tables,
      index: this.index,
      now: this.now(),
      ownership: this.ownership,
    };
    const result = change(new FakeDraft(state, writer));
    const changes = differences(this.tables, state.tables);
    if (changes.length === 0) return result;
    this.tables = state.tables;
    this.index += 1n;
    const commit: Commit = {
      index: this.index,
      by: [...new Set(state.writers)],
      changes,
    };
    this.commits.push(commit);
    this.subject.next(commit);
    return result;
  }

  /** Puts objects in as they are, names and versions unchecked, without a commit. For the start of a test. */
  seed(objects: { readonly [K in ObjectKind]?: readonly Objects[K][] }): this {
    const tables = copyTables(this.tables);
    for (const kind of objectKinds)
      for (const object of objects[kind] ?? []) tables[kind].set(object.id, object);
    this.tables = tables;
    return this;
  }

  /** Puts in what another store committed, without a commit. */
  replay(changes: readonly Change[]): void {
    const tables = copyTables(this.tables);
    for (const { kind, id, action, object } of changes) {
      if (action === 'remove') tables[kind].delete(id);
      else tables[kind].set(id, object);
    }
    this.tables = tables;
  }

  /** The next update is refused with this error, before its change runs. */
  refuseNext(error: unknown): void {
    this.refusal = error;
  }

  /** An independent copy of the state as it is now, without its commits. */
  fork(): FakeStore {
    const fork = new FakeStore({ now: this.now, ownership: this.ownership });
    fork.tables = this.tables;
    fork.index = this.index;
    return fork;
  }
}

interface DraftState {
  tables: Tables;
  writers: readonly string[];
  readonly marks: { readonly tables: Tables; readonly writers: readonly string[] }[];
  readonly before: Tables;
  readonly index: bigint;
  readonly now: number;
  readonly ownership: boolean;
}

class TablesView implements View {
  constructor(
    private readonly tablesNow: () => Tables,
    private readonly indexNow: () => bigint,
  ) {}

  get index(): bigint {
    return this.indexNow();
  }

  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined {
    return this.tablesNow()[kind].get(id) as Objects[K] | undefined;
  }

  find<K extends ObjectKind>(kind: K, by: By): readonly Objects[K][] {
    const all = [...this.tablesNow()[kind].values()] as Objects[K][];
    checkFind(kind, by);
    return all.filter((object) => matches(kind, object, by)).sort(byId);
  }

  count(kind: ObjectKind): number {
    return this.tablesNow()[kind].size;
  }

  tally(nodeId: string): NodeTally {
    const holders = this.find('task', { by: 'node', id: nodeId }).filter(holdsResources);
    const active = holders.filter(isWantedActive);
    const sum = (of: 'nanoCpus' | 'memoryBytes'): bigint =>
      holders.reduce((total, task) => total + (task.spec?.resources?.reservations?.[of] ?? 0n), 0n);
    return {
      active: active.length,
      activeOf: (serviceId) => active.filter((task) => task.serviceId === serviceId).length,
      nanoCpus: sum('nanoCpus'),
      memoryBytes: sum('memoryBytes'),
    };
  }

  servicesWithTasks(): readonly string[] {
    return [...new Set(this.find('task', { by: 'all' }).map(({ serviceId }) => serviceId))];
  }

  addresses(networkId: string): AddressTally {
    const held = new Set<string>();
    for (const kind of ['service', 'node', 'task'] as const)
      for (const object of this.tablesNow()[kind].values())
        for (const one of heldAddresses(kind, object))
          if (one.networkId === networkId) held.add(one.address);
    return held;
  }

  slots(serviceId: string): SlotTally {
    const slots = new Map<bigint, Task[]>();
    for (const task of this.find('task', { by: 'service', id: serviceId }))
      slots.set(task.slot, [...(slots.get(task.slot) ?? []), task]);
    const quiet = new Map<bigint, QuietSlot>();
    const restless: bigint[] = [];
    for (const [slot, tasks] of slots) {
      const is = quietSlot(tasks);
      if (is !== undefined) quiet.set(slot, is);
      else if (slot === 0n || holdsTasks(tasks)) restless.push(slot);
    }
    const live = [...quiet.values()].map((slot) => slot.live);
    const keys = new Set([...quiet.values()].map(groupOfSlot));
    return {
      quiet: quiet.size,
      largest: Math.max(0, ...[...slots].map(([slot, { length }]) => (slot === 0n ? 0 : length))),
      restless: serviceId === '' ? [] : restless,
      groups: [...keys].map((key) =>
        groupOf(new Map([...quiet].filter(([, slot]) => groupOfSlot(slot) === key))),
      ),
      nodes: [...new Set(live.map(({ nodeId }) => nodeId))].filter((id) => id !== ''),
      freeFrom(from) {
        let slot = from;
        while (quiet.has(slot)) slot += 1n;
        return slot;
      },
    };
  }
}

function groupOf(slots: ReadonlyMap<bigint, QuietSlot>): SlotGroup {
  const [first] = slots.values();
  if (first === undefined) throw new Error('a group has slots');
  const numbers = [...slots.keys()].sort((a, b) => Number(a - b));
  const liveOf = (slot: bigint): Task => (slots.get(slot) as QuietSlot).live;
  const running = numbers.filter((slot) => !isStarting(liveOf(slot)));
  const secondIn = (slot: bigint): number => secondOf(settledAt(liveOf(slot)));
  return {
    ...first,
    count: slots.size,
    has: (slot) => slots.has(slot),
    starting: (limit, leftOut) =>
      numbers.filter((slot) => isStarting(liveOf(slot)) && !leftOut(slot)).slice(0, limit),
    running: (limit, leftOut) => running.filter((slot) => !leftOut(slot)).slice(0, limit),
    seconds: [...new Set(running.map(secondIn))],
    inSecond: (second) => running.filter((slot) => secondIn(slot) === second),
  };
}

/** Marks are whole states: rolling back is putting one back. */
class FakeDraft extends TablesView implements Draft {
  constructor(
    private readonly state: DraftState,
    private readonly writer: Writer,
  ) {
    super(
      () => state.tables,
      () => state.index,
    );
  }

  create<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] {
    if (object.id === '')
      throw new SwarmError('internal', 'STORE_ID', `A ${kind} without an id was to be created.`);
    this.checkRules(kind, object);
    if (this.get(kind, object.id) !== undefined)
      throw new SwarmError('unknown', 'STORE_EXISTS', 'object already exists');
    const now = timestampFromMs(this.state.now);
    const meta = { version: { index: this.state.index }, createdAt: now, updatedAt: now };
    return this.write(kind, object.id, { ...object, meta });
  }

  update<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] {
    this.checkRules(kind, object);
    const before = this.get(kind, object.id);
    if (before === undefined)
      throw new SwarmError('unknown', 'STORE_MISSING', 'object does not exist');
    if (versionOf(before) !== versionOf(object))
      throw new SwarmError('unknown', 'STORE_CONFLICT', 'update out of sequence');
    if (sameButMeta(before, object)) return before;
    if (kind === 'extension')
      throw new SwarmError('unknown', 'STORE_EXTENSION_UPDATE', 'extensions are immutable');
    const meta = {
      ...before.meta,
      version: { index: this.state.index },
      createdAt: before.meta?.createdAt,
      updatedAt: timestampFromMs(this.state.now),
    };
    return this.write(kind, object.id, { ...object, meta });
  }

  remove(kind: ObjectKind, id: string): void {
    const before = this.get(kind, id);
    if (before === undefined)
      throw new SwarmError('unknown', 'STORE_MISSING', 'object does not exist');
    if (
      kind === 'extension' &&
      this.find('resource', { by: 'kind', kind: objectName(kind, before) }).length > 0
    )
      throw new SwarmError(
        'unknown',
        'STORE_EXTENSION_USED',
        'cannot delete extension because objects of this type exist in the data store',
      );
    this.put(kind, id, undefined);
  }

  as(writer: Writer): Draft {
    return new FakeDraft(this.state, writer);
  }

  mark(): DraftMark {
    this.state.marks.push({ tables: this.state.tables, writers: this.state.writers });
    return { at: this.state.marks.length - 1 };
  }

  rollback(mark: DraftMark): void {
    const saved = this.state.marks[mark.at];
    if (saved === undefined) throw new Error(`There is no mark ${mark.at} in this draft.`);
    this.state.tables = saved.tables;
    this.state.writers = saved.writers;
  }

  changes(since?: DraftMark): readonly Change[] {
    const from = since === undefined ? this.state.before : this.state.marks[since.at]?.tables;
    if (from === undefined) throw new Error('There is no such mark in this draft.');
    return differences(from, this.state.tables);
  }

  private write<K extends ObjectKind>(kind: K, id: string, object: Objects[K]): Objects[K] {
    this.put(kind, id, object);
    return object;
  }

  private put(kind: ObjectKind, id: string, object: AnyObject | undefined): void {
    const change = changeOf(kind, id, this.state.tables[kind].get(id), object);
    if (change !== undefined && this.state.ownership) checkOwnership(this.writer, change);
    const tables = copyTables(this.state.tables);
    if (object === undefined) tables[kind].delete(id);
    else tables[kind].set(id, object);
    this.state.tables = tables;
    this.state.writers = [...this.state.writers, this.writer.id];
  }

  private checkRules(kind: ObjectKind, object: AnyObject): void {
    const key = nameKey(objectName(kind, object));
    const taken =
      hasUniqueName(kind) &&
      [...this.state.tables[kind].values()].some(
        (other) => other.id !== object.id && nameKey(objectName(kind, other)) === key,
      );
    const reserved =
      kind === 'extension' && (objectKinds as readonly string[]).includes(objectName(kind, object));
    if (taken || reserved)
      throw new SwarmError(
        'unknown',
        'STORE_NAME_CONFLICT',
        'name conflicts with an existing object',
      );
    if (
      kind === 'resource' &&
      this.find('extension', { by: 'name', value: (object as Objects['resource']).kind }).length ===
        0
    )
      throw new SwarmError('unknown', 'STORE_NO_KIND', 'object kind is unregistered');
  }
}

/** Which kinds can be looked up by what, where not all can. */
const findable: { readonly [B in By['by']]?: readonly ObjectKind[] } = {
  service: ['task'],
  node: ['task'],
  slot: ['task'],
  desiredState: ['task'],
  taskState: ['task'],
  failed: ['task'],
  role: ['node'],
  membership: ['node'],
  secret: ['service', 'task'],
  config: ['service', 'task'],
  network: ['service', 'task'],
  volume: ['task'],
  kind: ['resource'],
  volumeGroup: ['volume'],
  driver: ['volume'],
};

function checkFind(kind: ObjectKind, by: By): void {
  if (findable[by.by]?.includes(kind) === false)
    throw new SwarmError('internal', 'STORE_FIND', 'invalid find argument type', {
      detail: { kind, by: by.by },
    });
}

function matches<K extends ObjectKind>(kind: K, object: Objects[K], by: By): boolean {
  const task = kind === 'task' ? (object as Task) : undefined;
  const service = kind === 'service' ? (object as Service) : undefined;
  const node = kind === 'node' ? (object as Objects['node']) : undefined;
  const volume = kind === 'volume' ? (object as Objects['volume']) : undefined;
  const spec = task?.spec ?? service?.spec?.task;
  const container = spec?.runtime?.$case === 'container' ? spec.runtime.value : undefined;
  switch (by.by) {
    case 'all':
      return true;
    case 'idPrefix':
      return object.id.startsWith(by.value);
    case 'name':
      return nameKey(objectName(kind, object)) === nameKey(by.value);
    case 'namePrefix':
      return nameKey(objectName(kind, object)).startsWith(nameKey(by.value));
    case 'service':
      return task?.serviceId === by.id;
    case 'node':
      return task?.nodeId === by.id;
    case 'slot':
      return task?.serviceId === by.serviceId && task.slot === by.slot;
    case 'desiredState':
      return task?.desiredState === by.state;
    case 'taskState':
      return task !== undefined && (task.status?.state ?? 0) === by.state;
    case 'failed':
      return task !== undefined && task.serviceId === by.serviceId && hasFailed(task);
    case 'role':
      return node?.role === by.role;
    case 'membership':
      return node?.spec?.membership === by.membership;
    case 'secret':
      return container?.secrets.some((reference) => reference.secretId === by.id) ?? false;
    case 'config':
      return container?.configs.some((reference) => reference.configId === by.id) ?? false;
    case 'network':
      return (
        (service?.spec?.networks.some((network) => network.target === by.id) ?? false) ||
        (spec?.networks.some((network) => network.target === by.id) ?? false) ||
        (task?.networks.some((attachment) => attachment.network?.id === by.id) ?? false)
      );
    case 'volume':
      return task?.volumes.some((volume) => volume.id === by.id) ?? false;
    case 'kind':
      return kind === 'resource' && (object as Objects['resource']).kind === by.kind;
    case 'volumeGroup':
      return volume?.spec?.group === by.group;
    case 'driver':
      return volume?.spec?.driver?.name === by.name;
  }
}

function differences(before: Tables, after: Tables): Change[] {
  const changes: Change[] = [];
  for (const kind of objectKinds) {
    for (const id of new Set([...before[kind].keys(), ...after[kind].keys()])) {
      const change = changeOf(kind, id, before[kind].get(id), after[kind].get(id));
      if (change !== undefined) changes.push(change);
    }
  }
  return changes;
}

function changeOf(
  kind: ObjectKind,
  id: string,
  old: AnyObject | undefined,
  object: AnyObject | undefined,
): Change | undefined {
  if (old === object) return undefined;
  if (object === undefined) return { kind, action: 'remove', id, object: old, old } as Change;
  if (old === undefined) return { kind, action: 'create', id, object, old } as Change;
  return { kind, action: 'update', id, object, old } as Change;
}

const sameButMeta = (a: AnyObject, b: AnyObject): boolean =>
  wireEqual({ ...a, meta: undefined }, { ...b, meta: undefined });

const versionOf = (object: AnyObject): bigint => object.meta?.version?.index ?? 0n;

const byId = (a: AnyObject, b: AnyObject): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

const copyTables = (tables: Tables): Tables =>
  Object.fromEntries(objectKinds.map((kind) => [kind, new Map(tables[kind])])) as Tables;

const emptyTables = (): Tables =>
  Object.fromEntries(objectKinds.map((kind) => [kind, new Map()])) as unknown as Tables;
