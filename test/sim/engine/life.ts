/**
 * One life of one node's process: the clock it reads, and the thread that cuts it off from the world.
 * A process can die at any of its acts towards the world (a message, a batch, an alarm, an answer):
 * from then on none of its acts has an effect, and nothing that happens reaches it.
 */
import type { Cancel, Clock } from '@swarmkit/sdk/plugin/env';
import type { Owner, Schedule } from './schedule.js';

/** How a node's clock goes: fast or slow, and wrong by so much. */
export interface Drift {
  readonly rate: number;
  readonly offsetMs: number;
}

/** Never early, also where numbers are rounded: an alarm that finds that it came early would spin. */
const later = (ms: number): number => Math.max(0, ms) + 0.001;

/** 2023-11-14, as everywhere in the tests. */
const EPOCH_MS = 1_700_000_000_000;

export class Life implements Owner {
  alive = true;
  /** Acts left until it dies; undefined: it lives on. */
  private left: number | undefined;
  private readonly ends: (() => void)[] = [];
  readonly clock: Clock;

  constructor(
    readonly name: string,
    readonly schedule: Schedule,
    drift: Drift = { rate: 1, offsetMs: 0 },
  ) {
    const { rate, offsetMs } = drift;
    const bornAt = schedule.now;
    this.clock = {
      now: () => Math.floor(EPOCH_MS + offsetMs + schedule.now * rate),
      monotonic: () => (schedule.now - bornAt) * rate,
      after: (ms, run): Cancel =>
        this.act() ? schedule.after(later(ms / rate), this, 'alarm', run) : () => undefined,
    };
  }

  /** Every act towards the world asks first. False: the process is dead, and nothing happens. */
  act(): boolean {
    if (!this.alive) return false;
    if (this.left !== undefined && this.left-- <= 0) {
      this.die();
      return false;
    }
    return true;
  }

  /** Dies at the act after the next `acts` ones. */
  dieAfter(acts: number): void {
    this.left = acts;
  }

  /** Told to die, and not dead yet. */
  get isDoomed(): boolean {
    return this.left !== undefined;
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    this.schedule.note(`${this.name} dies`);
    for (const end of this.ends) end();
  }

  onEnd(end: () => void): void {
    this.ends.push(end);
  }

  /** Something reaches this process, some time from now. */
  later(ms: number, what: string, run: () => void): Cancel {
    return this.schedule.after(ms, this, what, run);
  }
}

/** What a dead process waits for. */
export const never = <T>(): Promise<T> => new Promise(() => undefined);
