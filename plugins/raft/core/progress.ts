/**
 * What a leader knows of one member, and how fast it may send to it:
 * `probe` sends one append and waits, because it does not know where the logs part; `replicate` sends
 * ahead of the answers, up to a window; `snapshot` sends nothing until the snapshot has arrived.
 */
import { maxOf, minOf } from './bigint.js';
import { Inflight } from './inflight.js';

export type Pace = 'probe' | 'replicate' | 'snapshot';

/** For people and for who decides about members: a copy, not the thing. */
export interface ProgressView {
  readonly match: bigint;
  readonly next: bigint;
  readonly pace: Pace;
  readonly active: boolean;
  readonly paused: boolean;
  readonly inflight: number;
  readonly inflightBytes: number;
  readonly pendingSnapshot: bigint;
}

export class Progress {
  /** Known to be on the member's disk. */
  match = 0n;
  next: bigint;
  pace: Pace = 'probe';
  /** Index of the snapshot on its way. */
  pendingSnapshot = 0n;
  /** Heard from since the last check of the quorum. */
  active = false;
  /** The last round of read checks that the member answered, see read-index.ts. */
  confirmed = 0n;
  /** One append is out that must be answered (or a heartbeat must be) before the next one. */
  private waiting = false;
  private readonly inflight: Inflight;

  constructor(next: bigint, window: number, windowBytes: number) {
    this.next = next;
    this.inflight = new Inflight(window, windowBytes);
  }

  get paused(): boolean {
    return this.pace === 'snapshot' || this.waiting;
  }

  get windowFull(): boolean {
    return this.pace === 'replicate' && this.inflight.full;
  }

  get view(): ProgressView {
    const { match, next, pace, active, paused, pendingSnapshot, inflight } = this;
    const { count, bytes } = inflight;
    return {
      match,
      next,
      pace,
      active,
      paused,
      inflight: count,
      inflightBytes: bytes,
      pendingSnapshot,
    };
  }

  probe(): void {
    // A snapshot that arrived need not be probed from before it.
    const after = this.pace === 'snapshot' ? maxOf(this.match, this.pendingSnapshot) : this.match;
    this.enter('probe');
    this.next = after + 1n;
  }

  replicate(): void {
    this.enter('replicate');
    this.next = this.match + 1n;
  }

  sendSnapshot(index: bigint): void {
    this.enter('snapshot');
    this.pendingSnapshot = index;
  }

  /** An append with `count` entries of `bytes` together, the last one `last`, was sent. */
  sent(count: number, bytes: number, last: bigint): void {
    if (this.pace === 'replicate') {
      if (count > 0) {
        this.next = last + 1n;
        this.inflight.add(last, bytes);
      }
      this.waiting = this.windowFull;
    } else if (count > 0) {
      this.waiting = true;
    }
  }

  /** The member's log equals ours up to `index`. False when that is old news. */
  acknowledged(index: bigint): boolean {
    const news = index > this.match;
    if (news) {
      this.match = index;
      this.waiting = false;
    }
    if (this.next <= index) this.next = index + 1n;
    this.inflight.freeTo(index);
    return news;
  }

  /** The member's log does not fit at `rejected`. False when that answers an append of long ago. */
  refused(rejected: bigint, hint: bigint): boolean {
    if (this.pace === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1n;
      return true;
    }
    if (this.next - 1n !== rejected) return false;
    this.next = maxOf(minOf(rejected, hint + 1n), this.match + 1n);
    this.waiting = false;
    return true;
  }

  /** Nothing more before the member was heard of again. */
  pause(): void {
    this.waiting = true;
  }

  /** An answer to a heartbeat: whatever was lost, one more append may go. */
  resume(): void {
    this.waiting = false;
  }

  private enter(pace: Pace): void {
    this.pace = pace;
    this.waiting = false;
    this.pendingSnapshot = 0n;
    this.inflight.clear();
  }
}
