import type { Cancel, Clock, Random } from '@swarmkit/sdk/plugin/env';
import { messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { type RenewalWindow, renewAt, retryAfter } from '../core/renewal.js';
import { NOTHING_WANTED, reasonToRenew, type Wanted } from '../core/wanted.js';
import type { Held } from './held-identity.js';

/** Timers cannot run for months and the wall clock may jump: look at it at least this often. */
const LOOK_MS = 3_600_000;
/** What asks for a renewal at once comes in company: a moment of patience saves a second one. */
const SOON_MS = 500;

export interface RenewerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly window?: RenewalWindow | undefined;
  /** Resolves to what is held then; may be the same as before only if nothing was wrong with it. */
  readonly renew: () => Promise<Held>;
}

/**
 * Renews in good time, and soon when the managers or the key file ask for it, for as long as it runs; a
 * failure is tried again with growing pauses.
 */
export class Renewer {
  private held: Held | undefined;
  private cancel: Cancel | undefined;
  private failures = 0;
  private isRunning = false;
  private stopped = false;
  private wanted: Wanted = NOTHING_WANTED;
  /** The rotation that was obeyed last. */
  private done: string | undefined;
  private forced: string | undefined;

  constructor(private readonly parts: RenewerParts) {}

  watch(held: Held): void {
    const { random, window } = this.parts;
    this.held = held;
    const validity = { notBefore: held.notBefore, notAfter: held.identity.notAfter };
    this.waitUntil(renewAt(validity, random.next(), window));
    this.look();
  }

  /** The managers' word. Only what is new in it does anything. */
  want(wanted: Wanted): void {
    this.wanted = wanted;
    this.look();
  }

  /** Renews soon, whatever the managers say. */
  force(reason: string): void {
    this.forced = reason;
    this.look();
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private get reason(): string | undefined {
    if (this.held === undefined) return undefined;
    return this.forced ?? reasonToRenew(this.wanted, this.held.identity.role, this.done);
  }

  /** While failures are being waited out there is nothing to hurry. */
  private look(): void {
    const { reason } = this;
    if (reason === undefined || this.isRunning || this.failures > 0) return;
    this.parts.log.info(`renewing the certificate soon: ${reason}`);
    this.waitUntil(this.parts.clock.now() + SOON_MS);
  }

  private waitUntil(at: number): void {
    this.cancel?.();
    if (this.stopped) return;
    const { clock } = this.parts;
    this.cancel = clock.after(Math.min(at - clock.now(), LOOK_MS), () => {
      if (clock.now() < at) this.waitUntil(at);
      else void this.attempt();
    });
  }

  /** Never rejects: a failure is logged, and tried again. */
  private async attempt(): Promise<void> {
    const { rotate } = this.wanted;
    const { forced } = this;
    this.isRunning = true;
    try {
      const next = await this.parts.renew();
      if (rotate !== undefined) this.done = rotate;
      if (this.forced === forced) this.forced = undefined;
      this.isRunning = false;
      const { role } = next.identity;
      if (this.wanted.role !== undefined && this.wanted.role !== role) {
        this.held = next;
        this.later(new Error(`the new certificate is still that of a ${role}`));
        return;
      }
      this.failures = 0;
      this.watch(next);
    } catch (error) {
      this.isRunning = false;
      this.later(error);
    }
  }

  private later(error: unknown): void {
    if (this.stopped) return;
    const { clock, random, log } = this.parts;
    this.failures += 1;
    const pauseMs = retryAfter(this.failures, random.next());
    log.warn(
      { err: error, pauseMs },
      `the certificate could not be renewed, trying again: ${messageOf(error)}`,
    );
    this.waitUntil(clock.now() + pauseMs);
  }
}
