import { type Clock, delay } from '@swarmkit/sdk/plugin/env';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';

/** SwarmKit's: how long a manager that was removed waits for the role that it is to have now. */
const PATIENCE_MS = 16_000;

export interface DismissalParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether this node is to run a manager, as far as the group has said. */
  readonly duty: Channel<boolean>;
  readonly role: () => 'manager' | 'worker';
  readonly forceRenewal: (reason: string) => void;
  readonly signal: AbortSignal;
}

/**
 * A manager that its group has removed is no manager from that moment on, whatever its certificate says.
 * Mostly a worker's certificate follows. Where it does not, the removal was not meant for this node's role:
 * it renews, and is a manager again, as a new member.
 */
export class Dismissal {
  private isWaiting = false;
  private look = new AbortController();

  constructor(private readonly parts: DismissalParts) {
    parts.duty.publish(true);
  }

  dismiss(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.parts.duty.publish(false);
    void this.wait();
  }

  /** There is another certificate. */
  renewed(): void {
    if (this.parts.role() === 'worker') this.look.abort();
  }

  private async wait(): Promise<void> {
    const { clock, log, duty, role, forceRenewal, signal } = this.parts;
    this.look = new AbortController();
    const either = AbortSignal.any([signal, this.look.signal]);
    await delay(clock, PATIENCE_MS, either);
    if (!either.aborted) {
      forceRenewal('the managers have removed this one from among them');
      await delay(clock, PATIENCE_MS, either);
    }
    this.isWaiting = false;
    if (signal.aborted) return;
    if (role() === 'manager')
      log.warn('this node is still to be a manager: it joins the group anew');
    duty.publish(true);
  }
}
