import type { Observable } from 'rxjs';
import { token } from '../plugin/token.js';
import type {
  Cluster,
  Config,
  Extension,
  Network,
  Node,
  Resource,
  Secret,
  Service,
  Task,
  Volume,
} from '../wire/gen/swarmkit/objects.js';
import type { NodeSpec_Membership } from '../wire/gen/swarmkit/specs.js';
import type { NodeRole, TaskState } from '../wire/gen/swarmkit/types.js';

/**
 * Cluster state: what every manager agrees on, in memory.
 *
 * Verbs: `view` (committed state, live), `head` (plus what is in flight), `pin` (a stable copy that
 * costs nothing to take), `update` (one atomic write).
 * Streams: `commits$`, one fact a committed entry that changed something, in order.
 * Invariants: objects are readonly and never changed in place: an unchanged object is the same object;
 * committed state changes only by applying an entry; `meta.version.index` is the index before the
 * entry's own and is the same on all objects of one entry; one writer a field (`Writer.writes`).
 * Errors, with SwarmKit's texts, kind unknown: STORE_EXISTS `object already exists`, STORE_MISSING
 * `object does not exist`, STORE_NAME_CONFLICT `name conflicts with an existing object`,
 * STORE_CONFLICT `update out of sequence`; STORE_FIELD (internal: a writer strayed); and those of
 * consensus, which say whether the write may have happened.
 * One provider.
 */
export interface Store {
  /** Committed state. Live: a later call of its verbs sees later commits. */
  view(): View;
  /** Committed state plus writes in flight. What a write is checked against. */
  head(): View;
  /** Committed state as of now, unchanged until `release`. */
  pin(): Pin;
  /**
   * Runs `change` at once on a draft of the head, proposes what it did as one entry, and resolves when
   * that entry is applied here. `change` is synchronous; when it throws nothing is proposed. A draft
   * without changes is not proposed.
   */
  update<T>(writer: Writer, change: (draft: Draft) => T, options?: UpdateOptions): Promise<T>;
  readonly commits$: Observable<Commit>;
}

export interface UpdateOptions {
  /**
   * What becomes of a draft whose entry would be over the wire's 1.5 MiB. `refuse` (default):
   * STORE_TOO_LARGE, nothing is proposed. `split`: several entries in the order of the changes, cut
   * between two of them; readers may see the first without the rest, and after a loss of leadership
   * only the first may stay. Only for level-triggered writers such as the turn.
   */
  readonly oversize?: 'refuse' | 'split';
}

/** Everything the store holds, by kind. */
export interface Objects {
  readonly node: Node;
  readonly service: Service;
  readonly task: Task;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly secret: Secret;
  readonly config: Config;
  readonly volume: Volume;
  readonly resource: Resource;
  readonly extension: Extension;
}
export type ObjectKind = keyof Objects;

/** How to look things up. Everything except `all` and the prefixes is an index: cost of the answer alone. */
export type By =
  | { readonly by: 'all' }
  | { readonly by: 'idPrefix'; readonly value: string }
  /** Case-insensitive. For tasks the service's annotation name is not a name: see `namePrefix`. */
  | { readonly by: 'name'; readonly value: string }
  | { readonly by: 'namePrefix'; readonly value: string }
  /** Tasks of a service. */
  | { readonly by: 'service'; readonly id: string }
  /** Tasks on a node. */
  | { readonly by: 'node'; readonly id: string }
  /** Tasks of one slot. */
  | { readonly by: 'slot'; readonly serviceId: string; readonly slot: bigint }
  | { readonly by: 'desiredState'; readonly state: TaskState }
  | { readonly by: 'taskState'; readonly state: TaskState }
  /** Tasks of a service that are FAILED or REJECTED. */
  | { readonly by: 'failed'; readonly serviceId: string }
  /** Nodes. */
  | { readonly by: 'role'; readonly role: NodeRole }
  | { readonly by: 'membership'; readonly membership: NodeSpec_Membership }
  /** Services and tasks that refer to it. */
  | { readonly by: 'secret'; readonly id: string }
  | { readonly by: 'config'; readonly id: string }
  | { readonly by: 'network'; readonly id: string }
  /** Tasks that were given it. */
  | { readonly by: 'volume'; readonly id: string }
  /** Resources of an extension. */
  | { readonly by: 'kind'; readonly kind: string }
  /** Volumes. */
  | { readonly by: 'volumeGroup'; readonly group: string }
  | { readonly by: 'driver'; readonly name: string };

export interface View {
  /** Index of the last entry seen. */
  readonly index: bigint;
  get<K extends ObjectKind>(kind: K, id: string): Objects[K] | undefined;
  /** In id order where the answer is shown to people; otherwise in no promised order, but the same on every replay. */
  find<K extends ObjectKind>(kind: K, by: By): readonly Objects[K][];
  count(kind: ObjectKind): number;
  /** What tasks take of a node. Kept as they come and go: a look-up, however many there are. */
  tally(nodeId: string): NodeTally;
  /** The slots of a service, as of now: ask again after a write. A look-up, however many there are. */
  slots(serviceId: string): SlotTally;
  /** Ids of the services that tasks are of, also of those that are gone. Costs their number, not that of the tasks. */
  servicesWithTasks(): readonly string[];
  /** Of a network, as of now: ask again after a write. A look-up, however many are held. */
  addresses(networkId: string): AddressTally;
}

/** The addresses of a network that a service, a node or a live task holds (`sdk/model/held-addresses`). */
export interface AddressTally {
  /** How many different ones. */
  readonly size: number;
  /** Without its prefix length: `10.0.1.2`. */
  has(address: string): boolean;
}

/** Of the tasks that hold resources of a node: placed, and not past RUNNING, whatever is desired. */
export interface NodeTally {
  /** How many of them are wanted, up to COMPLETE. */
  readonly active: number;
  /** The same of one service. */
  activeOf(serviceId: string): number;
  /** Reserved by all of them. */
  readonly nanoCpus: bigint;
  readonly memoryBytes: bigint;
}

/**
 * The slots of a service without reading its tasks. Quiet: one live task, wanted RUNNING (of a job: COMPLETE), of
 * a known spec version and not past that (`sdk/model/quiet-slot`), whatever its history.
 */
export interface SlotTally {
  /** How many are quiet. */
  readonly quiet: number;
  /** The others that have a task which is not to be removed; 0 stands for all tasks of a global service. */
  readonly restless: readonly bigint[];
  /** The quiet slots by what they are to an update. */
  readonly groups: readonly SlotGroup[];
  /** How many tasks the fullest numbered slot has, whatever is wanted of them. */
  readonly largest: number;
  /** Ids of nodes that tasks of quiet slots are on. */
  readonly nodes: readonly string[];
  /** The lowest number from this one on that is not that of a quiet slot. */
  freeFrom(slot: bigint): bigint;
}

/**
 * Quiet slots of a service whose live tasks are of one spec version and endpoint, and so are the tasks before
 * those. Their ages are told in seconds: whoever wants more reads the slots of that second.
 */
export interface SlotGroup {
  readonly count: number;
  /** Of one of the slots. Maybe as it was some time ago; only its specs count. */
  readonly live: Task;
  /** Of the same slot the youngest other task; undefined where there is none. Only its specs count. */
  readonly before: Task | undefined;
  /** That one is younger than the live task. */
  readonly overtaken: boolean;
  has(slot: bigint): boolean;
  /** Lowest numbers first, without those left out: slots whose live task does not run (has not completed) yet. */
  starting(limit: number, leftOut: (slot: bigint) => boolean): readonly bigint[];
  /** The same of those whose live task runs. */
  running(limit: number, leftOut: (slot: bigint) => boolean): readonly bigint[];
  /** The seconds since the epoch in which one of those that run began to, in no order. */
  readonly seconds: readonly number[];
  inSecond(second: number): readonly bigint[];
}

export interface Pin extends View {
  release(): void;
}

export interface Draft extends View {
  /** The id must be set by the caller; `meta` is set by the store. */
  create<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K];
  /** The object must carry the version it was read with. */
  update<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K];
  remove(kind: ObjectKind, id: string): void;
  /** The same draft for another writer: its changes are checked against that writer's fields. */
  as(writer: Writer): Draft;
  /** Undoes everything done through this draft since `mark`; for one stage that failed in a shared draft. */
  mark(): DraftMark;
  rollback(mark: DraftMark): void;
  /** What this draft changed since `mark`, or since its beginning: one change an object, net. */
  changes(since?: DraftMark): readonly Change[];
}
export type DraftMark = { readonly at: number };

/**
 * Who writes, and which fields it owns. No two reconcilers own the same field (checked at start); the
 * APIs write what users decide: specs, and the removal of what users may remove.
 */
export interface Writer {
  /** Plugin or stage id, shown as `by`. */
  readonly id: string;
  readonly writes: readonly Field[];
}

/**
 * What can be owned. For a change, the store finds the fields it touches; a touched field that the
 * writer does not own is refused with STORE_FIELD, which names both.
 */
export type Field =
  | 'spec' // specs, names, labels of any object, and their creation and removal by users
  | 'task.existence' // creation (by the orchestrator) of tasks
  | 'task.deletion' // removal of tasks
  | 'task.attachment' // creation and removal of tasks that attach a container to a network
  | 'task.desiredState'
  | 'task.allocation' // NEW -> PENDING, endpoint, networks
  | 'task.placement' // node id, resources, PENDING -> ASSIGNED, and why not (status.err while PENDING)
  | 'task.observed' // status from ASSIGNED on
  | 'task.eviction' // REJECTED by a manager
  | 'service.updateStatus' // update status, and the spec swap of a rollback
  | 'service.endpoint'
  | 'service.jobStatus'
  | 'service.deletion' // removal after pendingDelete
  | 'node.existence'
  | 'node.observed' // status, description, manager status
  | 'node.role'
  | 'node.certificate'
  | 'node.attachments'
  | 'network.allocation' // driver state, ipam
  | 'cluster.existence'
  | 'cluster.ca' // root CA, tokens, unlock keys, blacklisted certificates
  | 'cluster.keys' // network bootstrap keys
  | 'volume.observed'
  | 'any'; // restore and tests only

export type Change = { readonly [K in ObjectKind]: ChangeOf<K> }[ObjectKind];
export interface ChangeOf<K extends ObjectKind> {
  readonly kind: K;
  readonly action: 'create' | 'update' | 'remove';
  readonly id: string;
  /** After the change; for `remove` the object as it was. */
  readonly object: Objects[K];
  /** Before the change; undefined for `create`. */
  readonly old: Objects[K] | undefined;
}

export interface Commit {
  /** Raft index of the entry. */
  readonly index: bigint;
  /** Writer ids, where the entry was proposed here; empty on followers and on replay. */
  readonly by: readonly string[];
  readonly changes: readonly Change[];
}

export const Store = token<Store>('swarmkit.store.v1');
