// When to renew: at a random minute of the certificate's later life, so that nodes that joined together
// do not renew together, and with growing pauses while it fails.

const MINUTE_MS = 60_000;
const RETRY_BASE_MS = 5_000;
const RETRY_FACTOR_MS = 5_000;
const RETRY_CAP_MS = 3_600_000;

interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A whole minute in [50 %, 80 %) of the life, wall clock ms. `random` is uniform in [0, 1). */
export function renewAt({ notBefore, notAfter }: Validity, random: number): number {
  const life = notAfter - notBefore;
  const from = Math.ceil((life * 0.5) / MINUTE_MS);
  const to = Math.ceil((life * 0.8) / MINUTE_MS);
  return notBefore + (from + Math.floor(random * (to - from))) * MINUTE_MS;
}

/** Pause after the `failures`-th failure in a row, ms. `random` is uniform in [0, 1). */
export function retryAfter(failures: number, random: number): number {
  const limit = RETRY_BASE_MS + RETRY_FACTOR_MS * 2 ** Math.min(failures - 1, 30);
  return Math.floor(random * Math.min(limit, RETRY_CAP_MS));
}
