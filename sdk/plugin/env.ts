/**
 * The only door to time, randomness and ids. A simulation hands out its own and so replays a run from
 * one seed; nothing else in a plugin may read a clock or throw dice.
 */

/** Undoes what was armed. Calling it twice, or late, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Wall clock, ms since the epoch. May jump; for what is stored and shown. */
  now(): number;
  /** Monotonic ms from an arbitrary start. For spans and deadlines. */
  monotonic(): number;
  /** Calls `run` once after `ms` (clamped to 0). Never synchronously. */
  after(ms: number, run: () => void): Cancel;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, below). `below` is 1 to 2^32. */
  int(below: number): number;
  /** Fit for keys and tokens in production, seeded in a simulation. */
  bytes(count: number): Uint8Array;
  /** An independent source; the same label of the same source gives the same one. */
  fork(label: string): Random;
}

export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  /** A new object, node or session id: 25 characters of 0-9a-z, about 129 bits. */
  id(): string;
}

/** Resolves after `ms`, or at once (without throwing) when `signal` aborts. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
