import { setImmediate } from 'node:timers/promises';

/** Copying this much takes about a millisecond. */
const copiedAtOnce = 4 * 1024 * 1024;

/** The slices as one buffer. Lets the event loop turn after each slice, and between copies. */
export async function joinSlices(slices: Iterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let length = 0;
  for (const slice of slices) {
    all.push(slice);
    length += slice.length;
    await setImmediate();
  }
  const joined = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let rested = 0;
  for (const slice of all) {
    joined.set(slice, at);
    at += slice.length;
    if (at - rested < copiedAtOnce) continue;
    rested = at;
    await setImmediate();
  }
  return joined;
}
