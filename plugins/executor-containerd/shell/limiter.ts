/** Lets a bounded number of jobs run at once; the others wait in line, first come first served. */
import { cancelled, throwIfAborted } from './abortable.js';

export class Limiter {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly bound: number) {}

  /** An abort takes a job out of the line; one that runs already is not touched. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal !== undefined) throwIfAborted(signal);
    if (this.running >= this.bound) await this.turn(signal);
    else this.running++;
    try {
      return await work();
    } finally {
      // The place is handed over, so that nobody overtakes the line.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }

  private turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(go), 1);
        reject(cancelled());
      };
      this.waiting.push(go);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
