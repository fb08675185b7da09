// How long the fuzzers run: a few seconds as a part of `npm test`, longer by `npm run fuzz -- --seconds N`.
// Every finding names its seed; FUZZ_SEED runs that one again.

export const fuzzSeconds = (inTests: number): number => Number(process.env.FUZZ_SECONDS ?? inTests);

/** Seeds until the time is over; in `npm test` always the same ones first. */
export function* seeds(seconds: number): Generator<string, void, undefined> {
  const only = process.env.FUZZ_SEED;
  if (only !== undefined) {
    yield only;
    return;
  }
  const from = process.env.FUZZ_SECONDS === undefined ? 0 : Date.now();
  const end = performance.now() + seconds * 1_000;
  for (let i = 0; performance.now() < end; i++) yield `${from + i}`;
}
