/** How long to wait before the next try of a session. Spans in ms. */

const firstMs = 100;
const capMs = 8_000;

/** The bound after another failure; start with 0, go back to 0 after a registration. */
export const nextBackoffMs = (before: number): number => Math.min(firstMs + 2 * before, capMs);

/** The wait itself: uniform below the bound, so that agents do not come back in step. `dice` in [0, 1). */
export const waitMs = (backoffMs: number, dice: number): number => Math.floor(backoffMs * dice);
