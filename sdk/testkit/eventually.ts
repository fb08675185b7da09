/** For tests: wait for a fact with a deadline, never for a span of time. */

export interface EventuallyOptions {
  /** Default 10 s. */
  readonly limitMs?: number;
  /** Said when the fact did not come true. */
  readonly explain?: () => string;
}

/** Polls `fact` until it holds; throws a sentence that names it when the limit has passed. */
export async function eventually(
  what: string,
  fact: () => boolean | Promise<boolean>,
  options: EventuallyOptions = {},
): Promise<void> {
  const limitMs = options.limitMs ?? 10_000;
  const deadline = performance.now() + limitMs;
  while (!(await fact())) {
    if (performance.now() > deadline) {
      const more = options.explain === undefined ? '' : `: ${options.explain()}`;
      throw new Error(`waited ${limitMs} ms for ${what}${more}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The promise's outcome, or an error that names it when it takes longer. */
export async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
