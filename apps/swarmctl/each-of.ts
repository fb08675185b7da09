import { isSwarmError, messageOf, SwarmError } from '@swarmkit/sdk/plugin/errors';

/**
 * Does the same to each word, in their order, and goes on past refusals: `rm a b c` removes what it can.
 * Throws what the first refusal was, with the sentences of all.
 */
export async function eachOf(
  words: readonly string[],
  action: (word: string) => Promise<void>,
): Promise<void> {
  const refusals: unknown[] = [];
  for (const word of words) await action(word).catch((error: unknown) => refusals.push(error));
  const [first, ...rest] = refusals;
  if (first === undefined) return;
  if (rest.length === 0 || !isSwarmError(first)) throw first;
  throw new SwarmError(first.kind, first.code, refusals.map(messageOf).join('; '), {
    cause: first,
  });
}
