import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';

/**
 * How well this process does, on request: SIGUSR2 logs one line with how late the event loop was since
 * the signal before, and the memory in use. The first one begins to look; nothing is measured before it.
 */

const resolutionMs = 10;

export function watchSelfOnSignal(log: Logger): void {
  let delays: IntervalHistogram | undefined;
  process.on('SIGUSR2', () => {
    if (delays === undefined) {
      delays = monitorEventLoopDelay({ resolution: resolutionMs });
      delays.enable();
      log.info('the event loop is watched: send SIGUSR2 again for figures');
      return;
    }
    // What is recorded is the time between two looks; what is above the pause between them is delay.
    const ms = (nanoseconds: number): number =>
      Math.max(0, Math.round(nanoseconds / 1e4) / 100 - resolutionMs);
    const { rss, heapUsed } = process.memoryUsage();
    log.info(
      {
        eventLoop: {
          p50Ms: ms(delays.percentile(50)),
          p99Ms: ms(delays.percentile(99)),
          maxMs: ms(delays.max),
        },
        rss,
        heapUsed,
      },
      'figures of this process',
    );
    delays.reset();
  });
}
