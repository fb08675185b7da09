import { extensionPoint } from '../plugin/token.js';
import type { Draft, ObjectKind, View, Writer } from './store.js';

/**
 * One stage of the leader's turn.
 *
 * A turn runs every stage in ring order on one draft and proposes the sum as one entry. A stage is a
 * pure function of what it is given: no clock, no dice, no memory between two turns.
 * Invariants: the same input gives the same plan; a plan on its own result is empty (both are property
 * tests in the testkit). A stage that throws has its part of the turn undone and is reported as a
 * fault; the other stages go on. A stage may itself undo what threw for one object and go on with the
 * others: then it names the object in `failures`. Times are instants in the store; `wakeAt` asks for a turn then.
 * Answers combine by order: each stage sees what the ones before it planned.
 */
export interface Reconciler {
  /** Writer id, and the fields this stage owns. Two stages that own one field are refused at start. */
  readonly writer: Writer;
  /** Ring position; lower is earlier. See `Ring`. Ties run in the order of writer ids. */
  readonly order: number;
  reconcile(input: TurnInput): TurnResult;
}

export interface TurnInput {
  /** What the stage before left. Read through it, write through it. */
  readonly draft: Draft;
  /** Wall clock, ms. The same for all stages of a turn. */
  readonly now: number;
  /** Ids for new objects. */
  id(): string;
  /**
   * What others changed since this stage last saw the store, including what earlier stages planned in
   * this turn. May be empty in a turn that was asked for by time: what is due is found in the store.
   */
  readonly dirty: Dirty;
}

/** Which objects to look at. An event means "look at the state again". */
export interface Dirty {
  /** True on the first turn of a leader and after a failed turn: look at everything. */
  readonly everything: boolean;
  /** Ids that were created, changed or removed. Empty when `everything`. */
  ids(kind: ObjectKind): ReadonlySet<string>;
  /** Services with a changed task (also a removed one). */
  servicesOfTasks(): ReadonlySet<string>;
  /** Nodes that a changed task is on (also a removed one). */
  nodesOfTasks(): ReadonlySet<string>;
}

export interface TurnResult {
  /**
   * Earliest instant (wall clock, ms) at which this stage wants to look again without a change. Every
   * instant asked for is kept until it has passed, so it may cover only what was looked at.
   */
  readonly wakeAt?: number | undefined;
  /**
   * What this run did not come to, so that the turn stays short: it is shown to this stage again, as
   * changed, in the next turn, which follows at once. A plan on its own result is empty only when
   * nothing is left unfinished.
   */
  readonly unfinished?: readonly ObjectRef[] | undefined;
  /**
   * Objects that could not be worked out because of a bug, and of which nothing is left in the draft: each is
   * a fault. They are shown to this stage again when they change, and after a while.
   */
  readonly failures?: readonly ObjectFailure[] | undefined;
}

export interface ObjectFailure {
  readonly object: ObjectRef;
  readonly error: unknown;
}

export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly id: string;
}

/** Positions in the ring; a third party picks a number between two of them. */
export const Ring = {
  orchestrator: 100,
  updater: 200,
  restart: 300,
  constraintEnforcer: 400,
  allocator: 500,
  scheduler: 600,
  reaper: 700,
} as const;

export type { Draft, View };
export const Reconcilers = extensionPoint<Reconciler>('swarmkit.reconciler.v1');
