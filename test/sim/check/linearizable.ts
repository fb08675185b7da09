/**
 * Is this history of one register linearizable? Wing and Gong's search with a memory of dead ends: it
 * looks for an order of the operations that agrees with real time and in which each read and each
 * compare-and-set tells the truth. An operation without an answer may have happened at any time after
 * its call, or never.
 */

export interface RegisterOp {
  readonly client: string;
  /** Virtual ms. */
  readonly calledAt: number;
  /** Infinity: nobody knows how it ended. */
  readonly answeredAt: number;
  /** `read` saw `value`; `cas` found `expected` and put `value`. */
  readonly kind: 'read' | 'cas';
  readonly expected: string;
  readonly value: string;
}

/** Undefined when it is; else the longest prefix that could be explained, as a sentence. */
export function explainRegister(
  initial: string,
  history: readonly RegisterOp[],
): string | undefined {
  const ops = history.toSorted((a, b) => a.calledAt - b.calledAt);
  const answered = ops.filter((op) => Number.isFinite(op.answeredAt)).length;
  const done = new Array<boolean>(ops.length).fill(false);
  const deadEnds = new Set<string>();
  let best = 0;

  const search = (value: string, explained: number): boolean => {
    if (explained === answered) return true;
    best = Math.max(best, explained);
    const key = `${value}|${done.map((one) => (one ? 1 : 0)).join('')}`;
    if (deadEnds.has(key)) return false;
    // Nothing that was called after the first answer still open can come before that one.
    let firstAnswer = Number.POSITIVE_INFINITY;
    for (const [i, op] of ops.entries())
      if (!done[i]) firstAnswer = Math.min(firstAnswer, op.answeredAt);
    for (const [i, op] of ops.entries()) {
      if (done[i]) continue;
      if (op.calledAt > firstAnswer) break;
      const fits = op.kind === 'read' ? op.value === value : op.expected === value;
      if (!fits) continue;
      done[i] = true;
      const counts = Number.isFinite(op.answeredAt) ? 1 : 0;
      if (search(op.kind === 'read' ? value : op.value, explained + counts)) return true;
      done[i] = false;
    }
    deadEnds.add(key);
    return false;
  };

  if (search(initial, 0)) return undefined;
  const last = ops.map(describe).join('; ');
  return `${best} of ${answered} answered operations can be put in an order: ${last}`;
}

const describe = ({ client, kind, expected, value, calledAt, answeredAt }: RegisterOp): string => {
  const what = kind === 'read' ? `read ${value}` : `cas ${expected}->${value}`;
  return `${client} ${what} [${calledAt.toFixed(1)}, ${answeredAt.toFixed(1)}]`;
};
