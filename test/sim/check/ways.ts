/**
 * Whose ways the group has, as its heartbeats tell: quick ones where all managers are ours, one a second
 * where one of them is SwarmKit's. Before that is known everywhere some seconds may pass.
 */
import { type Message, MessageType } from '@swarmkit/sdk/wire/gen/raftpb/raft';

/** Ten a second and one a second; in between lies what neither is. */
const QUICK_MS = 200;
const SLOW_MS = 700;

export class Ways {
  private beats = 0;
  private since = 0;

  sent({ type }: Message): void {
    if (type === MessageType.MsgHeartbeat) this.beats++;
  }

  listen(now: number): void {
    this.beats = 0;
    this.since = now;
  }

  /** What is wrong with what was heard since, from one leader to so many others. */
  heard(now: number, others: number, quick: boolean): string | undefined {
    const spanMs = ((now - this.since) * others) / Math.max(this.beats, 1);
    if (quick ? spanMs <= QUICK_MS : spanMs >= SLOW_MS) return undefined;
    const who = quick ? 'all managers are ours' : 'some manager is one of SwarmKit’s';
    return `${who}, and heartbeats come every ${Math.round(spanMs)} ms`;
  }
}
