// When to renew: at a random minute of the certificate's later life, so that nodes that joined together
// do not renew together, and with growing pauses while it fails. All randomness is handed in, uniform in
// [0, 1).

const MINUTE_MS = 60_000;

interface Pauses {
  readonly baseMs: number;
  readonly factorMs: number;
  readonly capMs: number;
}

const RETRY: Pauses = { baseMs: 5_000, factorMs: 5_000, capMs: 3_600_000 };
const POLL: Pauses = { baseMs: 1_000, factorMs: 1_000, capMs: 30_000 };

export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Parts of a certificate's life between which it is renewed. */
export interface RenewalWindow {
  readonly from: number;
  readonly to: number;
}

const RENEWAL_WINDOW: RenewalWindow = { from: 0.5, to: 0.8 };

/** A whole minute in [from, to) of the life, wall clock ms. */
export function renewAt(
  { notBefore, notAfter }: Validity,
  random: number,
  window: RenewalWindow = RENEWAL_WINDOW,
): number {
  const life = notAfter - notBefore;
  const from = Math.ceil((life * window.from) / MINUTE_MS);
  const to = Math.ceil((life * window.to) / MINUTE_MS);
  return notBefore + (from + Math.floor(random * (to - from))) * MINUTE_MS;
}

/** Pause after the `failures`-th failed renewal in a row, ms. */
export const retryAfter = (failures: number, random: number): number =>
  pauseAfter(RETRY, failures, random);

/** Pause after the `failures`-th look at a certificate that is not there yet, ms. */
export const pollAfter = (failures: number, random: number): number =>
  pauseAfter(POLL, failures, random);

function pauseAfter({ baseMs, factorMs, capMs }: Pauses, failures: number, random: number): number {
  const limit = baseMs + factorMs * 2 ** Math.min(failures - 1, 30);
  return Math.floor(random * Math.min(limit, capMs));
}
