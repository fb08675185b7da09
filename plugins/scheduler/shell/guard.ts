/**
 * Filters and scorers of others are asked at arm's length: one that throws must neither stop all
 * placement nor let a task onto a node it may not have. The task says so, and the fault is reported.
 */
import type { SchedulerFilter, SchedulerScorer } from '@swarmkit/sdk/contracts/scheduling';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

type Report = (where: string, error: unknown) => void;

/** A filter that fails lets no node pass. */
export const guardedFilter = (filter: SchedulerFilter, report: Report): SchedulerFilter => {
  const ask = <T>(question: () => T, otherwise: T): T =>
    attempt(`filter ${filter.id}`, question, otherwise, report);
  return {
    id: filter.id,
    order: filter.order,
    nodeOnly: filter.nodeOnly === true,
    applies: (task) => ask(() => filter.applies(task), true),
    passes: (task, node) => ask(() => filter.passes(task, node), false),
    explain: (nodes) => ask(() => filter.explain(nodes), `filter ${filter.id} failed`),
  };
};

/** A scorer that fails, or gives no number, has no say. */
export const guardedScorer = (scorer: SchedulerScorer, report: Report): SchedulerScorer => ({
  id: scorer.id,
  order: scorer.order,
  score: (task, node) =>
    attempt(`scorer ${scorer.id}`, () => finite(scorer, scorer.score(task, node)), 0, report),
});

function attempt<T>(where: string, question: () => T, otherwise: T, report: Report): T {
  try {
    return question();
  } catch (error) {
    report(where, error);
    return otherwise;
  }
}

function finite({ id }: SchedulerScorer, score: number): number {
  if (Number.isFinite(score)) return score;
  throw new SwarmError(
    'internal',
    'SCHED_SCORE',
    `scorer ${id} gave ${score}, which is no finite number`,
  );
}
