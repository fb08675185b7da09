/** How long to wait before the next try of a session. Spans in ms. */

const firstMs = 100;
const capMs = 8_000;

/**
 * The bound after another session ended, which lasted so long (0: it did not begin). A session that
 * outlived the bound before it begins anew: one that registers and fails at once, over and over, must
 * become slower too. (SwarmKit resets at every registration.)
 */
export const nextBackoffMs = (before: number, lastedMs = 0): number =>
  Math.min(firstMs + 2 * (lastedMs > before ? 0 : before), capMs);

/** The wait itself: uniform below the bound, so that agents do not come back in step. `dice` in [0, 1). */
export const waitMs = (backoffMs: number, dice: number): number => Math.floor(backoffMs * dice);
