/**
 * When all is mended, a member without a vote that the leader reaches gets its vote within a time: the log
 * is short here, and whoever waits longer than it takes to learn it waits for nothing.
 */
import type { World } from '../world/world.js';

/** Ten election timeouts of a group of ours. Groups with SwarmKit's managers have no such members for longer. */
const PATIENCE_MS = 10_000;

export class Votes {
  /** Since when the same leader reaches those that have no vote, by term and id. */
  private since = new Map<string, number>();

  constructor(private readonly world: World) {}

  /** From time to time, and only when nothing is broken any more. */
  look(): void {
    const { leader, schedule, verdict } = this.world;
    const waiting = new Map<string, number>();
    const { consensus } = leader ?? {};
    for (const { raftId, nodeId, reachable, votes } of consensus?.members() ?? []) {
      if (votes || !reachable) continue;
      const key = `${consensus?.leadership().term}/${raftId}`;
      const since = this.since.get(key) ?? schedule.now;
      waiting.set(key, since);
      verdict.holds(
        schedule.now - since <= PATIENCE_MS,
        'a vote for each',
        () => `${nodeId} (${raftId.toString(16)}) waits for its vote since ${since} ms`,
      );
    }
    this.since = waiting;
  }
}
