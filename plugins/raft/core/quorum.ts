/** Majorities, of one electorate or of the two of a joint change. An empty electorate agrees to all. */
import { minOf } from './bigint.js';
import type { Configuration } from './configuration.js';

export type Outcome = 'won' | 'lost' | 'open';

const NO_BOUND = (1n << 64n) - 1n;

/** The highest value that a majority has reached, in both electorates; `reachedBy` says how far each one is. */
export function agreedValue(
  { voters, outgoing }: Configuration,
  reachedBy: (id: bigint) => bigint,
): bigint {
  const agreed = agreedIn(voters, reachedBy);
  if (outgoing.length === 0) return agreed;
  const before = agreedIn(outgoing, reachedBy);
  return minOf(before, agreed);
}

export function isMajority(configuration: Configuration, has: (id: bigint) => boolean): boolean {
  return outcomeOf(configuration, has) === 'won';
}

/** `answerOf`: undefined while the answer is not known. */
export function outcomeOf(
  { voters, outgoing }: Configuration,
  answerOf: (id: bigint) => boolean | undefined,
): Outcome {
  const now = outcomeIn(voters, answerOf);
  const before = outcomeIn(outgoing, answerOf);
  if (now === 'lost' || before === 'lost') return 'lost';
  return now === 'won' && before === 'won' ? 'won' : 'open';
}

function agreedIn(voters: readonly bigint[], reachedBy: (id: bigint) => bigint): bigint {
  if (voters.length === 0) return NO_BOUND;
  // Electorates are small: inserting beats sorting.
  const values: bigint[] = [];
  for (const id of voters) {
    const value = reachedBy(id);
    let at = values.length;
    values.push(value);
    for (; at > 0 && (values[at - 1] as bigint) < value; at--)
      values[at] = values[at - 1] as bigint;
    values[at] = value;
  }
  return values[majority(voters) - 1] as bigint;
}

function outcomeIn(
  voters: readonly bigint[],
  answerOf: (id: bigint) => boolean | undefined,
): Outcome {
  if (voters.length === 0) return 'won';
  let yes = 0;
  let no = 0;
  for (const id of voters) {
    const answer = answerOf(id);
    if (answer === true) yes++;
    else if (answer === false) no++;
  }
  if (yes >= majority(voters)) return 'won';
  return yes + voters.length - yes - no < majority(voters) ? 'lost' : 'open';
}

const majority = (voters: readonly bigint[]): number => Math.floor(voters.length / 2) + 1;
