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

/** From now until any of these has taken a write, in s; who refuses, or says nothing, is asked again. */
export async function untilWritten(writers: readonly Write[]): Promise<number> {
  const from = performance.now();
  let isWritten = false;
  const ask = async (write: Write): Promise<void> => {
    while (!isWritten)
      try {
        await writeOne(write);
        isWritten = true;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
  };
  await Promise.race(writers.map(ask));
  return (performance.now() - from) / 1000;
}
