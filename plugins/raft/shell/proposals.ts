/** The callers that wait for their entries to be applied, and how much of that there may be. */
import type { Proposed } from '@swarmkit/sdk/contracts/consensus';
import type { Entry } from '@swarmkit/sdk/wire/gen/raftpb/raft';
import { lostLeadership } from './raft-error.js';

interface Waiter {
  readonly proposed: Proposed;
  readonly bytes: number;
  readonly resolve: (proposed: Proposed) => void;
  readonly reject: (error: unknown) => void;
}

export class Proposals {
  private readonly waiters = new Map<bigint, Waiter>();
  private waitingBytes = 0;

  /** Bytes that were proposed and are not applied yet. */
  get bytes(): number {
    return this.waitingBytes;
  }

  wait(proposed: Proposed, bytes: number): Promise<Proposed> {
    return new Promise((resolve, reject) => {
      this.waiters.set(proposed.index, { proposed, bytes, resolve, reject });
      this.waitingBytes += bytes;
    });
  }

  /** The entry at this index is applied: ours, or the one of another leader that took its place. */
  applied({ Index: index, Term: term }: Entry): void {
    const waiter = this.waiters.get(index);
    if (waiter === undefined) return;
    this.waiters.delete(index);
    this.waitingBytes -= waiter.bytes;
    if (waiter.proposed.term === term) waiter.resolve(waiter.proposed);
    else waiter.reject(lostLeadership());
  }

  rejectAll(error: unknown): void {
    const waiters = [...this.waiters.values()];
    this.waiters.clear();
    this.waitingBytes = 0;
    for (const waiter of waiters) waiter.reject(error);
  }
}
