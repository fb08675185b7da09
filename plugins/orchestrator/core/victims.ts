/**
 * Which slots a replicated service gives up when it is scaled down: first those that are on no node or
 * hold several tasks, then from the fullest nodes, those that do not run before those that do, high
 * numbers before low.
 */
import { observedState } from '@swarmkit/sdk/model/task';
import type { Task } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { Slot } from './slot.js';

export interface Filled {
  readonly slot: Slot;
  /** Never empty. */
  readonly standing: readonly Task[];
}

/** All of them, the ones to keep first. */
export function bestFirst(filled: readonly Filled[]): readonly Filled[] {
  const ordered = [...filled].sort(
    (a, b) => Number(runs(b)) - Number(runs(a)) || compareNumbers(a.slot, b.slot),
  );
  // Its rank among the slots seen so far on its node: a node with many gives up its high ranks first.
  const seen = new Map<string, number>();
  const ranked = ordered.map((each) => {
    const node = onlyNode(each.standing);
    if (node === undefined) return { each, rank: Number.POSITIVE_INFINITY };
    const rank = (seen.get(node) ?? 0) + 1;
    seen.set(node, rank);
    return { each, rank };
  });
  return ranked.sort((a, b) => (a.rank === b.rank ? 0 : a.rank - b.rank)).map(({ each }) => each);
}

const compareNumbers = (a: Slot, b: Slot): number => Number(a.name.slot - b.name.slot);

const runs = ({ standing }: Filled): boolean =>
  standing.some((task) => observedState(task) === TaskState.RUNNING);

const onlyNode = (standing: readonly Task[]): string | undefined =>
  standing.length === 1 ? standing[0]?.nodeId || undefined : undefined;
