import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { SchedulerFilter, SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import { builtInFilters } from '@swarmkit/sdk/model/placement/built-in-filters';
import { type Policies, schedule } from '../core/schedule.js';
import { builtInScorers } from '../core/scorers.js';
import { guardedFilter, guardedScorer } from './guard.js';

/** A placement costs about 50 µs with all that is written, and no stage shall hold the turn for more than 5 ms. */
const defaultLimit = 100;

export interface Contributions {
  /** Placements a turn. */
  readonly limit?: number;
  /** Asked for once, at the first turn, when all contributors have started. */
  readonly filters?: () => readonly SchedulerFilter[];
  readonly scorers?: () => readonly SchedulerScorer[];
  /** A contribution threw; told once a turn and contribution. */
  readonly fault?: (where: string, error: unknown) => void;
}

/** The stage that the turn runs: the built-in filters and scorers together with everyone else's. */
export class Scheduler implements Reconciler {
  readonly writer: Writer = { id: 'scheduler', writes: ['task.placement'] };
  readonly order = Ring.scheduler;
  private policies: Policies | undefined;
  private readonly reported = new Set<string>();

  constructor(private readonly contributions: Contributions = {}) {}

  reconcile(input: TurnInput): TurnResult {
    this.policies ??= this.gather();
    this.reported.clear();
    return schedule(input, this.policies, this.contributions.limit ?? defaultLimit);
  }

  private gather(): Policies {
    const { filters = () => [], scorers = () => [], fault } = this.contributions;
    const report = (where: string, error: unknown): void => {
      if (this.reported.has(where)) return;
      this.reported.add(where);
      fault?.(where, error);
    };
    return {
      filters: inOrder([
        ...builtInFilters,
        ...filters().map((filter) => guardedFilter(filter, report)),
      ]),
      scorers: inOrder([
        ...builtInScorers,
        ...scorers().map((scorer) => guardedScorer(scorer, report)),
      ]),
    };
  }
}

const inOrder = <T extends { readonly order: number }>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => a.order - b.order);
