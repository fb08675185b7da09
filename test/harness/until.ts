/** Waiting for facts with a deadline: what tests do instead of sleeping. */

/** Asks `fact` every 20 ms until it answers something other than undefined or false. */
export async function until<T>(
  what: string,
  fact: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 30_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await fact();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end)
      throw new Error(
        `${what}: not within ${deadlineMs} ms${last instanceof Error ? `; last: ${last.message}` : ''}`,
        last ? { cause: last } : undefined,
      );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
