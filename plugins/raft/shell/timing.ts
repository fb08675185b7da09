/**
 * How long a tick is. SwarmKit's managers count in seconds; ours alone count in tenths, and so notice a
 * dead leader ten times faster. In one group all must count alike, so one foreign member decides.
 */
import type { Logger } from '@swarmkit/sdk/plugin/plugin';

export const timings = ['auto', 'swarmkit', 'fast'] as const;
export type Timing = (typeof timings)[number];

const OUR_WAYS = 'all managers are ours: quick ticks, pre-votes, learners, joint changes';
const SWARMKIT_WAYS =
  'some manager is not ours, or keeps to SwarmKit’s timing: ticks, votes and changes of members are as SwarmKit has them';

const SWARMKIT_MS = 1_000;
const FAST_MS = 100;

/** Says when the group changes its ways; whoever operates it wants to know why a failover takes ten seconds. */
export class Pace {
  private last: boolean | undefined;

  constructor(
    private readonly timing: Timing,
    private readonly log: Pick<Logger, 'info'>,
  ) {}

  /** Until the next tick. `areAllOurs` is undefined while nobody is known. */
  spanMs(areAllOurs: boolean | undefined): number {
    if (areAllOurs !== undefined && areAllOurs !== this.last) {
      this.last = areAllOurs;
      this.log.info(areAllOurs ? OUR_WAYS : SWARMKIT_WAYS);
    }
    return tickSpan(this.timing, areAllOurs ?? false);
  }
}

function tickSpan(timing: Timing, areAllOurs: boolean): number {
  switch (timing) {
    case 'swarmkit':
      return SWARMKIT_MS;
    case 'fast':
      return FAST_MS;
    case 'auto':
      return areAllOurs ? FAST_MS : SWARMKIT_MS;
  }
}
