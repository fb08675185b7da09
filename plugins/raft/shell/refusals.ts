/**
 * Messages of other managers that were not taken, by reason: counted in full, and logged once a minute and
 * reason, so that a flood costs few lines.
 */
import type { Clock } from '@swarmkit/sdk/plugin/env';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';

const LOG_EVERY_MS = 60_000;

interface Count {
  times: number;
  loggedAt: number;
  loggedTimes: number;
}

export class Refusals {
  private readonly counts = new Map<string, Count>();

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly log: Logger,
  ) {}

  /** `node`: whose connection it came by. `times`: now more than were counted of this reason before. */
  count(reason: string, node: string, times = 1): void {
    const now = this.clock.monotonic();
    const known = this.counts.get(reason);
    const count = known ?? { times: 0, loggedAt: now, loggedTimes: 0 };
    if (known === undefined) this.counts.set(reason, count);
    count.times += times;
    if (known !== undefined && now - count.loggedAt < LOG_EVERY_MS) return;
    this.log.warn(
      { reason, node, times: count.times - count.loggedTimes },
      'messages of another manager were dropped',
    );
    count.loggedAt = now;
    count.loggedTimes = count.times;
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.counts].map(([reason, { times }]) => [reason, times]));
  }
}
