import {
  type Reconciler,
  Ring,
  type TurnInput,
  type TurnResult,
} from '@swarmkit/sdk/contracts/reconciler';
import type { SchedulerFilter, SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import type { View, Writer } from '@swarmkit/sdk/contracts/store';
import { builtInFilters } from '@swarmkit/sdk/model/placement/built-in-filters';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import type { NodeVerdict } from '@swarmkit/sdk/wire/gen/node/placement';
import { verdicts } from '../core/contributed-verdicts.js';
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
  private contributed: readonly SchedulerFilter[] = [];
  private readonly reported = new Set<string>();

  constructor(private readonly contributions: Contributions = {}) {}

  reconcile(input: TurnInput): TurnResult {
    this.policies ??= this.gather();
    this.reported.clear();
    return schedule(input, this.policies, this.contributions.limit ?? defaultLimit);
  }

  /** What contributed filters say of each node; the built-in ones are known to who asks. */
  explain(view: View, now: number, taskId: string): readonly NodeVerdict[] {
    const task = view.get('task', taskId);
    if (task === undefined)
      throw new SwarmError('not-found', 'SCHED_NO_TASK', `task ${taskId} not found`);
    this.policies ??= this.gather();
    return verdicts(view, now, this.contributed, task);
  }

  private gather(): Policies {
    const { filters = () => [], scorers = () => [], fault } = this.contributions;
    const report = (where: string, error: unknown): void => {
      if (this.reported.has(where)) return;
      this.reported.add(where);
      fault?.(where, error);
    };
    this.contributed = inOrder(filters().map((filter) => guardedFilter(filter, report)));
    return {
      filters: inOrder([...builtInFilters, ...this.contributed]),
      scorers: inOrder([
        ...builtInScorers,
        ...scorers().map((scorer) => guardedScorer(scorer, report)),
      ]),
    };
  }
}

const inOrder = <T extends { readonly order: number }>(items: readonly T[]): readonly T[] =>
  [...items].sort((a, b) => a.order - b.order);
