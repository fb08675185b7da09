/**
 * How long a tick is. SwarmKit's managers count in seconds; ours alone count in tenths, and so notice a
 * dead leader ten times faster. In one group all must count alike, so one foreign member decides.
 */

export const timings = ['auto', 'swarmkit', 'fast'] as const;
export type Timing = (typeof timings)[number];

const SWARMKIT_MS = 1_000;
const FAST_MS = 100;

export function tickSpan(timing: Timing, areAllOurs: boolean): number {
  switch (timing) {
    case 'swarmkit':
      return SWARMKIT_MS;
    case 'fast':
      return FAST_MS;
    case 'auto':
      return areAllOurs ? FAST_MS : SWARMKIT_MS;
  }
}
