import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { SchedulerFilter, SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import type { Writer } from '@swarmkit/sdk/contracts/store';
import { builtInFilters } from '../core/built-in-filters.js';
import { type Policies, schedule } from '../core/schedule.js';
import { builtInScorers } from '../core/scorers.js';

/** The stage that the turn runs: the built-in filters and scorers together with everyone else's. */
export class Scheduler implements Reconciler {
  readonly writer: Writer = { id: 'scheduler', writes: ['task.placement'] };
  readonly order = Ring.scheduler;
  private policies: Policies | undefined;

  /** The lists are asked for once, at the first turn, when all contributors have started. */
  constructor(
    private readonly filters: () => readonly SchedulerFilter[] = () => [],
    private readonly scorers: () => readonly SchedulerScorer[] = () => [],
  ) {}

  reconcile(input: TurnInput): TurnResult {
    this.policies ??= {
      filters: inOrder([...builtInFilters, ...this.filters()]),
      scorers: inOrder([...builtInScorers, ...this.scorers()]),
    };
    return schedule(input, this.policies);
  }
}

const inOrder = <T extends { readonly order: number }>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => a.order - b.order);
