/**
 * A log that commits, refuses and loses leadership when it is told to. It appends at once and applies
 * nothing by itself. `replicas` are fed the same committed entries, as other members would be.
 */
import type { Consensus, Entry, Proposed, StateMachine } from '@swarmkit/sdk/contracts/consensus';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';

interface Waiting {
  readonly entry: Entry;
  readonly resolve: (proposed: Proposed) => void;
  readonly reject: (error: unknown) => void;
}

export class FakeConsensus implements Pick<Consensus, 'lastIndex' | 'propose'> {
  /** Everything committed so far. */
  readonly committed: Entry[] = [];
  private machines: StateMachine[] = [];
  private waiting: Waiting[] = [];
  private refusal: unknown;
  private term = 1n;
  private leading = true;
  private last = 0n;

  get lastIndex(): bigint {
    return this.last;
  }

  get uncommitted(): number {
    return this.waiting.length;
  }

  /** The first is the member that proposes. */
  attach(...machines: readonly StateMachine[]): void {
    this.machines.push(...machines);
  }

  propose(data: Uint8Array): Promise<Proposed> {
    if (!this.leading)
      return Promise.reject(new SwarmError('unavailable', 'RAFT_NOT_LEADER', 'not the leader'));
    if (this.refusal !== undefined) {
      const error = this.refusal;
      this.refusal = undefined;
      return Promise.reject(error);
    }
    this.last += 1n;
    const entry: Entry = { index: this.last, term: this.term, data };
    return new Promise((resolve, reject) => {
      this.waiting.push({ entry, resolve, reject });
    });
  }

  /** The next proposal is refused and not appended. */
  refuseNext(error: unknown): void {
    this.refusal = error;
  }

  /** Commits and applies the oldest `count` entries. */
  commit(count = this.waiting.length): void {
    for (const { entry, resolve } of this.waiting.splice(0, count)) {
      this.applyEverywhere(entry);
      resolve({ index: entry.index, term: entry.term });
    }
  }

  /** Another member leads now. Of what is in flight, `kept` entries had reached it; the rest is gone. */
  loseLeadership(kept = 0): void {
    this.leading = false;
    const lost = this.waiting;
    this.waiting = [];
    for (const { reject } of lost)
      reject(
        new SwarmError(
          'unknown',
          'RAFT_LOST_LEADERSHIP',
          'raft: failed to process the request: node lost leader status',
        ),
      );
    const survivors = lost.slice(0, kept);
    this.last -= BigInt(lost.length - kept);
    for (const { entry } of survivors) this.applyEverywhere(entry);
  }

  /** Leads again, in a new term, beginning with an empty entry. */
  regainLeadership(): void {
    this.leading = true;
    this.term += 1n;
    this.foreign(new Uint8Array(0));
  }

  /** An entry of another member. */
  foreign(data: Uint8Array): void {
    this.last += 1n;
    this.applyEverywhere({ index: this.last, term: this.term, data });
  }

  private applyEverywhere(entry: Entry): void {
    this.committed.push(entry);
    for (const machine of this.machines) machine.apply(entry);
  }
}
