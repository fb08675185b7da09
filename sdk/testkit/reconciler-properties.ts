/**
 * What every reconciler must hold, as tests that each one gets for the asking:
 *
 *     reconcilerProperties('reaper', () => reaperStage);
 *
 * - Determinism: the same input gives the same plan, also from a new instance.
 * - Idempotence: a plan on its own result is empty.
 * - Precise dirt: shown only what others changed, woken only when it asked to be, a stage plans what it
 *   would plan if it were shown everything.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Reconciler } from '../contracts/reconciler.js';
import type { Change } from '../contracts/store.js';
import { FakeStore } from './fake-store.js';
import { fixtureTime } from './fixtures.js';
import { type ClusterEvent, clusterEvent, happen } from './random-cluster.js';
import { dirtyOf, everythingDirty, runStage } from './run-stage.js';

export interface ReconcilerPropertyOptions {
  /** What else may happen, for a stage that reads what the common events do not touch. */
  readonly events?: fc.Arbitrary<(store: FakeStore, now: number) => void>;
  /** What of a change must be the same in a precise run. Default: all of it but new ids. */
  readonly project?: (change: Change) => unknown;
  /** Default 300. */
  readonly numRuns?: number;
}

type Step =
  | { readonly kind: 'event'; readonly event: ClusterEvent }
  | { readonly kind: 'own'; readonly event: (store: FakeStore, now: number) => void }
  | { readonly kind: 'run' };

export function reconcilerProperties(
  name: string,
  make: () => Reconciler,
  options: ReconcilerPropertyOptions = {},
): void {
  const steps = fc.array(stepOf(options), { minLength: 10, maxLength: 80, size: 'max' });
  const parameters = { numRuns: options.numRuns ?? 300, includeErrorInReport: true };
  const property = (what: string, check: (life: Life) => void): void => {
    test(`${name}: ${what}`, () => {
      fc.assert(
        fc.property(steps, (list) => live(make, list, check)),
        parameters,
      );
    });
  };

  property('the same input gives the same plan', ({ store, now }) => {
    const plan = (): readonly Change[] => everythingRun(store.fork(), make(), now);
    assert.deepEqual(plan(), plan());
  });

  property('a plan on its own result is empty', ({ store, now }) => {
    const fork = store.fork();
    const stage = make();
    everythingRun(fork, stage, now);
    assert.deepEqual(everythingRun(fork, stage, now).map(summary), []);
  });

  property('precise dirt gives the plan that everything gives', (life) => {
    const all = everythingRun(life.store.fork(), make(), life.now);
    const precise = life.precisePlan();
    const project = options.project ?? wholeChange;
    assert.deepEqual(canonical(precise.map(project)), canonical(all.map(project)));
  });
}

/** One stage's life under one leader. */
class Life {
  readonly store = new FakeStore({ now: () => this.now });
  now = fixtureTime;
  private seen = -1;
  private readonly wakes = new Set<number>();
  /** The plan of the run that is due now, made once. */
  private plan: readonly Change[] | undefined;

  constructor(private readonly stage: Reconciler) {}

  /** Runs the stage as the turn would: only when something is new to it, or due. */
  precisePlan(): readonly Change[] {
    if (this.plan !== undefined) return this.plan;
    const first = this.seen < 0;
    const dirty = first ? everythingDirty : dirtyOf(this.store.commits.slice(this.seen));
    const due = [...this.wakes].filter((at) => at <= this.now);
    const news = first || this.store.commits.length > this.seen;
    if (!news && due.length === 0) {
      this.plan = [];
      return this.plan;
    }
    for (const at of due) this.wakes.delete(at);
    const { changes, wakeAt } = runStage(this.store, this.stage, { now: this.now, dirty });
    if (wakeAt !== undefined) this.wakes.add(wakeAt);
    this.seen = this.store.commits.length;
    this.plan = changes;
    return changes;
  }

  next(): void {
    this.precisePlan();
    this.plan = undefined;
  }
}

function live(make: () => Reconciler, steps: readonly Step[], check: (life: Life) => void): void {
  const life = new Life(make());
  for (const step of [...steps, { kind: 'run' } as const]) {
    if (step.kind === 'event') {
      if (step.event.do === 'time') life.now += step.event.ms;
      happen(life.store, step.event, life.now);
    } else if (step.kind === 'own') step.event(life.store, life.now);
    else {
      check(life);
      life.next();
    }
  }
}

function stepOf({ events }: ReconcilerPropertyOptions): fc.Arbitrary<Step> {
  const event = fc.record({ kind: fc.constant('event' as const), event: clusterEvent });
  const run = fc.constant({ kind: 'run' as const });
  if (events === undefined)
    return fc.oneof({ weight: 3, arbitrary: event }, { weight: 2, arbitrary: run });
  const own = fc.record({ kind: fc.constant('own' as const), event: events });
  return fc.oneof(
    { weight: 3, arbitrary: event },
    { weight: 2, arbitrary: own },
    { weight: 3, arbitrary: run },
  );
}

const everythingRun = (store: FakeStore, stage: Reconciler, now: number): readonly Change[] =>
  runStage(store, stage, { now, dirty: everythingDirty }).changes;

/** The version is the store's; a new object's id is drawn in the order of work. */
const wholeChange = (change: Change): unknown => ({
  kind: change.kind,
  action: change.action,
  id: change.action === 'create' ? 'new' : change.id,
  object: { ...change.object, id: '', meta: undefined },
});

const summary = (change: Change): string => `${change.action} ${change.kind} ${change.id}`;

/** In an order of its own, since two runs may work in different orders. */
const canonical = (items: readonly unknown[]): readonly unknown[] =>
  items
    .map((item) => ({ item, text: JSON.stringify(item, bigints) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ item }) => item);

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;
