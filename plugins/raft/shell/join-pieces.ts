import { setImmediate } from 'node:timers/promises';

/** Copying this much takes about a millisecond. */
const COPIED_AT_ONCE = 4 * 1024 * 1024;

/** The pieces as one buffer. Lets the event loop turn between copies. */
export async function joinPieces(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = Buffer.allocUnsafeSlow(length);
  let at = 0;
  let rested = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
    if (at - rested < COPIED_AT_ONCE) continue;
    rested = at;
    await setImmediate();
  }
  return joined;
}
