import { randomBytes, randomInt } from 'node:crypto';
import type { Clock, Env, Random } from '@swarmkit/sdk/plugin/env';

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  /** Never early, good for any span. Keeps the process alive, or it would end while plugins wait. */
  after(ms, run) {
    const at = performance.now() + Math.max(0, ms);
    const left = (): number => Math.max(0, Math.ceil(at - performance.now()));
    // Asked for more than 2^31 - 1 ms, setTimeout fires at once.
    const wait = (): NodeJS.Timeout => setTimeout(fire, Math.min(left(), 2 ** 31 - 1));
    const fire = (): void => {
      if (left() === 0) run();
      else timer = wait();
    };
    let timer = wait();
    return () => clearTimeout(timer);
  },
};

/** Each draw of a cryptographic source is independent of all others, so a fork is the source itself. */
const random: Random = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  int: (below) => randomInt(below),
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fork: () => random,
};

/**
 * SwarmKit's object id from 17 random bytes. With the top bit set they print as 27 base-36 digits; the
 * first and the last are not uniform and are dropped. 25 digits, about 129 bits.
 */
export const idFromBytes = (bytes: Uint8Array): string =>
  (BigInt(`0x${Buffer.from(bytes).toString('hex')}`) | (1n << 135n)).toString(36).slice(1, -1);

/** The same clock; dice and ids that do not depend on what others draw. */
export function forkEnv({ clock, random }: Omit<Env, 'id'>, label: string): Env {
  const own = random.fork(label);
  return { clock, random: own, id: () => idFromBytes(own.bytes(17)) };
}

/** Time and randomness of a real process. */
export const realEnv = forkEnv({ clock, random }, 'real');
