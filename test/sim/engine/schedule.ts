/**
 * The simulation's only loop. Everything that happens (an alarm, a message that arrives, a batch that
 * reached the disk, a turn of the event loop) is an event with an instant and an owner; the next one
 * begins when every promise that the one before settled has run its course. So virtual time stands
 * still while anything can still move, and the owner of an event owns all that follows from it.
 * Never a real timer, and no order that does not come from the seed.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Cancel } from '@swarmkit/sdk/plugin/env';

/** Whoever events belong to. What is due when its owner is dead does not happen. */
export interface Owner {
  readonly name: string;
  readonly alive: boolean;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner;
  readonly what: string;
  readonly run: () => void;
  off: boolean;
}

/** The world itself: never dies. */
export const nature: Owner = { name: 'nature', alive: true };

const realImmediate = globalThis.setImmediate;
/** So often the real event loop gets a turn, for rejections that nobody handled, and signals. */
const EVENTS_A_TURN = 4_000;

export class Schedule {
  /** Whose event runs now. */
  current: Owner = nature;
  events = 0;
  private elapsed = 0;
  private order = 0;
  private hash = 2166136261;
  private readonly heap: Event[] = [];

  /** Told of every event, for people. */
  trace: ((line: string) => void) | undefined;

  /** Virtual ms since the beginning. */
  get now(): number {
    return this.elapsed;
  }

  /** A number that two runs share exactly when the same happened in the same order. */
  get fingerprint(): string {
    return (this.hash >>> 0).toString(16).padStart(8, '0');
  }

  /** `run` once, `ms` from now. */
  after(ms: number, owner: Owner, what: string, run: () => void): Cancel {
    const at = this.elapsed + Math.max(0, ms);
    const event: Event = { at, order: this.order++, owner, what, run, off: false };
    this.push(event);
    return () => {
      event.off = true;
    };
  }

  /** Puts a fact into the trace. */
  note(what: string): void {
    this.mark(what);
    this.trace?.(`${this.elapsed.toFixed(3).padStart(11)} ${what}`);
  }

  private mark(what: string, who = ''): void {
    const fact = Math.imul(this.hash ^ numberOf(what), 16777619) ^ numberOf(who);
    this.hash = Math.imul(fact ^ Math.round(this.elapsed * 1000), 16777619);
  }

  /** Runs events until `done` says so, or `limitMs` have passed, or nothing is left. True when done. */
  run(limitMs: number, done: () => boolean): Promise<boolean> {
    const end = this.elapsed + limitMs;
    return new Promise((resolve, reject) => {
      const next = (): void => {
        try {
          if (done()) {
            resolve(true);
            return;
          }
          const event = this.pop(end);
          if (event === undefined) {
            this.elapsed = end;
            resolve(done());
            return;
          }
          this.elapsed = event.at;
          this.current = event.owner;
          this.events++;
          this.mark(event.what, event.owner.name);
          this.trace?.(`${this.elapsed.toFixed(3).padStart(11)} ${event.owner.name} ${event.what}`);
          event.run();
        } catch (error) {
          reject(error);
          return;
        }
        if (this.events % EVENTS_A_TURN === 0) realImmediate(next);
        else queueMicrotask(afterMicrotasks);
      };
      // A tick comes when no microtask is left, also none that microtasks queued.
      const afterMicrotasks = (): void => process.nextTick(next);
      realImmediate(next);
    });
  }

  private pop(end: number): Event | undefined {
    for (;;) {
      const top = this.heap[0];
      if (top === undefined || top.at > end) return undefined;
      this.removeTop();
      if (!top.off && top.owner.alive) return top;
    }
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  private removeTop(): void {
    const { heap } = this;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

/** FNV-1a. The same few words come again and again. */
function numberOf(text: string): number {
  const known = numbers.get(text);
  if (known !== undefined) return known;
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  if (numbers.size > 10_000) numbers.clear();
  numbers.set(text, hash);
  return hash;
}

const numbers = new Map<string, number>();

const isBefore = (a: Event, b: Event): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);

/**
 * From here on `setImmediate`, in all its forms, is an event of the schedule: code that yields to the
 * event loop yields to the simulation. For the rest of the process; one schedule at a time.
 */
export function takeOverImmediates(current: () => Schedule | undefined): void {
  const later = (run: () => void): object => {
    const schedule = current();
    if (schedule === undefined) return realImmediate(run);
    const cancel = schedule.after(0, schedule.current, 'yield', run);
    return { cancel };
  };
  globalThis.setImmediate = ((run: (...args: unknown[]) => void, ...args: unknown[]) =>
    later(() => run(...args))) as unknown as typeof setImmediate;
  const timers = createRequire(import.meta.url)('node:timers/promises') as {
    setImmediate: (value?: unknown) => Promise<unknown>;
  };
  timers.setImmediate = (value) =>
    new Promise((resolve) => {
      later(() => resolve(value));
    });
  syncBuiltinESMExports();
}
