import type { Cancel, Clock, Random } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { renewAt, retryAfter } from '../core/renewal.js';
import type { Held } from './held-identity.js';

/** Timers cannot run for months and the wall clock may jump: look at it at least this often. */
const LOOK_MS = 3_600_000;

/** Renews in good time, for as long as it runs; a failure is tried again with growing pauses. */
export class Renewer {
  private cancel: Cancel | undefined;
  private failures = 0;
  private stopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly log: Logger,
    private readonly renew: (held: Held) => Promise<Held>,
  ) {}

  watch(held: Held): void {
    const { notBefore, identity } = held;
    const validity = { notBefore, notAfter: identity.notAfter };
    this.waitUntil(renewAt(validity, this.random.next()), held);
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private waitUntil(at: number, held: Held): void {
    if (this.stopped) return;
    const left = at - this.clock.now();
    this.cancel = this.clock.after(Math.min(left, LOOK_MS), () => {
      if (this.clock.now() < at) this.waitUntil(at, held);
      else void this.attempt(held);
    });
  }

  /** Never rejects: a failure is logged, and tried again. */
  private async attempt(held: Held): Promise<void> {
    try {
      const next = await this.renew(held);
      this.failures = 0;
      this.watch(next);
    } catch (error) {
      this.failures += 1;
      const pauseMs = retryAfter(this.failures, this.random.next());
      this.log.warn({ err: error, pauseMs }, 'the certificate could not be renewed: trying again');
      this.waitUntil(this.clock.now() + pauseMs, held);
    }
  }
}
