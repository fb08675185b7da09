/**
 * A list after its flags: `set` replaces what was there, `rm` takes away by key, `add` puts at the end and
 * in the place of one with the same key.
 */
export function changedList<T>(
  before: readonly T[],
  set: readonly T[] | undefined,
  add: readonly T[] | undefined,
  rm: readonly string[] | undefined,
  keyOf: (item: T) => string,
): readonly T[] {
  if ((set ?? add ?? rm) === undefined) return before;
  const gone = new Set([...(rm ?? []), ...(add ?? []).map(keyOf)]);
  return [...(set ?? before).filter((item) => !gone.has(keyOf(item))), ...(add ?? [])];
}

/** Of words that are their own keys. */
export const changedWords = (
  before: readonly string[],
  set: readonly string[] | undefined,
  add: readonly string[] | undefined,
  rm: readonly string[] | undefined,
): readonly string[] => changedList(before, set, add, rm, (word) => word);
