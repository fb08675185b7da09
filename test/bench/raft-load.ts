/** Load for whoever keeps a replicated log: many callers for the rate, one for the time that a write takes. */
import { randomBytes } from 'node:crypto';

/** Resolves when the write was acknowledged. */
export type Write = (name: string, data: Buffer) => Promise<void>;

const BYTES = 512;
const payload = randomBytes(BYTES);
const run = randomBytes(4).toString('hex');
let written = 0;

export const writeOne = (write: Write): Promise<void> => write(`${run}-${written++}`, payload);

/** Acknowledged writes a second. */
export async function writesASecond(
  write: Write,
  callers: number,
  spanMs: number,
): Promise<number> {
  const from = performance.now();
  let done = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - from < spanMs) {
      await writeOne(write);
      done++;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return (done / (performance.now() - from)) * 1000;
}

/** Of so many writes, one after the other, in s. */
export async function latencies(write: Write, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await writeOne(write);
    times.push((performance.now() - from) / 1000);
  }
  return times;
}

const ASK_EVERY_MS = 50;

/**
 * From now until any of these has taken a write, in s. Asked again and again without waiting for answers: a
 * call that came while nobody led may be held, or lost, for seconds.
 */
export function untilWritten(writers: readonly Write[]): Promise<number> {
  const from = performance.now();
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(timer);
      resolve((performance.now() - from) / 1000);
    };
    const ask = (): void => {
      for (const write of writers) void writeOne(write).then(done, () => undefined);
    };
    const timer = setInterval(ask, ASK_EVERY_MS);
    ask();
  });
}
