/**
 * `AbortSignal.any` for processes that die without a word. Node keeps a combined signal that somebody
 * listens to alive for ever until it aborts (a set at the root of the process); in a simulation most
 * never abort, and each kept its whole world: 3 MB a seed. Here only its sources hold it.
 */

/** For the rest of the process. */
export function takeOverCombinedSignals(): void {
  AbortSignal.any = any;
}

const dependants = new WeakMap<AbortSignal, Set<AbortController>>();

function any(sources: readonly AbortSignal[]): AbortSignal {
  const combined = new AbortController();
  const aborted = sources.find((source) => source.aborted);
  if (aborted !== undefined) combined.abort(aborted.reason);
  else for (const source of sources) dependantsOf(source).add(combined);
  return combined.signal;
}

function dependantsOf(source: AbortSignal): Set<AbortController> {
  const known = dependants.get(source);
  if (known !== undefined) return known;
  const made = new Set<AbortController>();
  dependants.set(source, made);
  source.addEventListener('abort', () => abortAll(made, source.reason), { once: true });
  return made;
}

function abortAll(combined: ReadonlySet<AbortController>, reason: unknown): void {
  for (const one of combined) one.abort(reason);
}
