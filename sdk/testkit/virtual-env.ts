import type { Cancel, Clock, Env, Random } from '../plugin/env.js';

/**
 * An env whose time stands still until told to move and whose dice come from a seed, for tests and
 * simulation: the same seed replays the same run. Never for production: its random is not secret.
 */
export class VirtualEnv implements Env {
  readonly clock: VirtualClock;
  readonly random: Random;
  private readonly idSource: Random;

  /** `startAt` is the wall clock at the beginning, ms. */
  constructor(seed: string, startAt = 1_700_000_000_000, clock?: VirtualClock) {
    this.clock = clock ?? new VirtualClock(startAt);
    this.random = seededRandom(seed);
    this.idSource = seededRandom(`${seed}/ids`);
  }

  id(): string {
    let id = '';
    for (let i = 0; i < 25; i++)
      id += '0123456789abcdefghijklmnopqrstuvwxyz'.charAt(this.idSource.int(36));
    return id;
  }
}

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  off: boolean;
}

/** Alarms run in the order of time, then of arming. Promises settle between two alarms. */
export class VirtualClock implements Clock {
  private readonly startAt: number;
  private elapsed = 0;
  private order = 0;
  private alarms: Alarm[] = [];

  constructor(startAt: number) {
    this.startAt = startAt;
  }

  now(): number {
    return this.startAt + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
  }

  after(ms: number, run: () => void): Cancel {
    const alarm: Alarm = {
      at: this.elapsed + Math.max(0, ms),
      order: this.order++,
      run,
      off: false,
    };
    let low = 0;
    let high = this.alarms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.alarms[middle] as Alarm;
      // Kept latest first, so that the next alarm is popped from the end.
      if (other.at > alarm.at || (other.at === alarm.at && other.order > alarm.order))
        low = middle + 1;
      else high = middle;
    }
    this.alarms.splice(low, 0, alarm);
    return () => {
      alarm.off = true;
    };
  }

  /** How many alarms wait. */
  get armed(): number {
    return this.alarms.reduce((count, alarm) => count + (alarm.off ? 0 : 1), 0);
  }

  /** Runs everything that is due within the next `ms`, letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsed + ms;
    for (;;) {
      await settle();
      const next = this.alarms.at(-1);
      if (next === undefined || next.at > until) break;
      this.alarms.pop();
      if (next.off) continue;
      this.elapsed = Math.max(this.elapsed, next.at);
      next.run();
    }
    this.elapsed = until;
    await settle();
  }

  /** Advances alarm by alarm until `fact` holds; throws when `limitMs` of virtual time have passed. */
  async until(fact: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.elapsed + limitMs;
    await settle();
    while (!fact()) {
      while (this.alarms.at(-1)?.off) this.alarms.pop();
      const next = this.alarms.at(-1);
      if (next === undefined || next.at > end)
        throw new Error(`the fact did not come true within ${limitMs} ms of virtual time`);
      await this.advance(next.at - this.elapsed);
    }
  }
}

/** Lets every promise that can settle do so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** sfc32: small and good enough for simulation. */
export function seededRandom(seed: string): Random {
  let hash = 2166136261;
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 16777619);
  let a = hash >>> 0;
  let b = Math.imul(hash ^ 0x9e3779b9, 2246822519) >>> 0;
  let c = Math.imul(hash ^ 0x85ebca6b, 3266489917) >>> 0;
  let d = 1;
  const word = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) word();
  return {
    next: () => word() / 4294967296,
    int: (below) => Math.floor((word() / 4294967296) * below),
    bytes: (count) => Uint8Array.from({ length: count }, () => word() & 255),
    fork: (label) => seededRandom(`${seed}/${label}`),
  };
}
